#include "discovery/json.h"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

namespace narthex::discovery {
namespace {

constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kLabelNameMax = 4096;
constexpr std::size_t kLabelValueMax = std::size_t{1} << 20U;

const json::value& nothing() {
  static const json::value value;
  return value;
}

}  // namespace

util::Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code ec;
  json::value value = json::parse(text, ec, json::storage_ptr(), options);
  if (ec) return util::fail(util::Code::kInvalidArgument, "invalid JSON: " + ec.message());
  return value;
}

const json::value& at(const json::value& value, std::string_view key) {
  const json::object* object = value.if_object();
  if (object == nullptr) return nothing();
  const json::value* found = object->if_contains(key);
  return found == nullptr ? nothing() : *found;
}

std::string_view text_of(const json::value& value) {
  const json::string* text = value.if_string();
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

const json::array& list_of(const json::value& value) {
  static const json::array empty;
  const json::array* list = value.if_array();
  return list == nullptr ? empty : *list;
}

const json::object& object_of(const json::value& value) {
  static const json::object empty;
  const json::object* object = value.if_object();
  return object == nullptr ? empty : *object;
}

std::int64_t int_of(const json::value& value) {
  if (const auto* number = value.if_int64()) return *number;
  if (const auto* number = value.if_uint64()) return static_cast<std::int64_t>(*number);
  return 0;
}

bool bool_of(const json::value& value) {
  const bool* flag = value.if_bool();
  return flag != nullptr && *flag;
}

std::string scalar_text(const json::value& value) {
  if (value.is_string()) return std::string(text_of(value));
  if (const bool* flag = value.if_bool()) return *flag ? "true" : "false";
  if (const auto* number = value.if_int64()) return fmt::to_string(*number);
  if (const auto* number = value.if_uint64()) return fmt::to_string(*number);
  if (const auto* number = value.if_double()) return fmt::to_string(*number);
  return {};
}

void MetaLabels::set(std::string_view name, std::string_view value) {
  set_plain(prefix_ + std::string(name), value);
}

void MetaLabels::set_plain(std::string_view name, std::string_view value) {
  if (name.size() <= kLabelNameMax && value.size() <= kLabelValueMax) labels_.set(name, value);
}

void MetaLabels::set_each(std::string_view name, const json::object& members) {
  for (const auto& member : members) {
    set(std::string(name) + sanitised(std::string_view(member.key().data(), member.key().size())),
        scalar_text(member.value()));
  }
}

void MetaLabels::set_address(std::string_view host, std::int64_t port) {
  set_plain("__address__", join_host_port(host, port));
}

std::string sanitised(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool is_kept =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool is_continuation = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
    if (!is_continuation) out.push_back(is_kept ? c : '_');
  }
  return out;
}

std::string join_host_port(std::string_view host, std::int64_t port) {
  return host.find(':') == std::string_view::npos ? fmt::format("{}:{}", host, port)
                                                  : fmt::format("[{}]:{}", host, port);
}

std::string joined_tags(const json::array& words, std::string_view separator) {
  std::string out;
  for (const json::value& word : words) {
    out += separator;
    out += scalar_text(word);
  }
  return out.empty() ? out : out.append(separator);
}

}  // namespace narthex::discovery
