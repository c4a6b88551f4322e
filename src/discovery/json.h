// Reading the answers of discovery servers: JSON of bounded depth, and looks into it that never
// fail. What is not there, or is of another type, is empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "narthex/model/labels.h"
#include "narthex/util/result.h"

namespace narthex::discovery {

namespace json = boost::json;

// Of an answer or a file, decompressed. What is made of it takes at most eight times as much.
inline constexpr std::size_t kBodyBytesMax = std::size_t{32} << 20U;

// kInvalidArgument: no JSON, not UTF-8, or nested more than 64 deep.
util::Result<json::value> parse_json(std::string_view text);

// Views and references live as long as `value`.
[[nodiscard]] const json::value& at(const json::value& value, std::string_view key);
template <class... More>
[[nodiscard]] const json::value& at(const json::value& value, std::string_view key, More... more) {
  return at(at(value, key), more...);
}
[[nodiscard]] std::string_view text_of(const json::value& value);
[[nodiscard]] const json::array& list_of(const json::value& value);
[[nodiscard]] const json::object& object_of(const json::value& value);
[[nodiscard]] std::int64_t int_of(const json::value& value);
[[nodiscard]] bool bool_of(const json::value& value);
// A text as it is; numbers and booleans as they are written in labels.
[[nodiscard]] std::string scalar_text(const json::value& value);

template <class... Keys>
[[nodiscard]] std::string_view text_at(const json::value& value, Keys... keys) {
  return text_of(at(value, keys...));
}
template <class... Keys>
[[nodiscard]] const json::array& list_at(const json::value& value, Keys... keys) {
  return list_of(at(value, keys...));
}
template <class... Keys>
[[nodiscard]] const json::object& object_at(const json::value& value, Keys... keys) {
  return object_of(at(value, keys...));
}

// The labels of one target or group, under a common prefix: "__meta_consul_". What is longer than
// any sound label, name or value, is left out. Threads: confined.
class MetaLabels {
 public:
  explicit MetaLabels(std::string_view prefix, const model::Labels& base = {})
      : prefix_(prefix), labels_(base) {}
  // Empty values delete, as everywhere.
  void set(std::string_view name, std::string_view value);
  void set(std::string_view name, bool value) { set(name, value ? "true" : "false"); }
  void set(std::string_view name, const char* value) { set(name, std::string_view(value)); }
  // A label without the prefix.
  void set_plain(std::string_view name, std::string_view value);
  // One label for each member: name + sanitised key.
  void set_each(std::string_view name, const json::object& members);
  [[nodiscard]] model::Labels build() const { return labels_.build(); }
  void set_address(std::string_view host, std::int64_t port);

 private:
  std::string prefix_;
  model::LabelsBuilder labels_;
};

// Every character that a label name cannot hold becomes "_".
[[nodiscard]] std::string sanitised(std::string_view name);
// host:port, IPv6 in brackets.
[[nodiscard]] std::string join_host_port(std::string_view host, std::int64_t port);
// Each word with the separator before and behind it: ",a,b,". No words: "".
template <class Words>
[[nodiscard]] std::string joined_tags(const Words& words, std::string_view separator) {
  std::string out;
  for (const auto& word : words) {
    out += separator;
    out += word;
  }
  return out.empty() ? out : out.append(separator);
}
[[nodiscard]] std::string joined_tags(const json::array& words, std::string_view separator);

}  // namespace narthex::discovery
