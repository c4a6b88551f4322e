// Sections that are read, checked and printed from a table of keys and kept as text (KeptSection).
// What acts on one gets its settings from the values that the table gives back; the others wait
// until something is built that does.
//
// Threads: the tables are immutable, everything else is confined.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/config/sections.h"
#include "narthex/util/check.h"
#include "narthex/yaml/tree.h"

#include "config/codec.h"
#include "config/schemas.h"

namespace narthex::config {

// Checks a section and gives it back with defaults filled in and secrets marked.
using SectionReader = std::function<yaml::Node(Decoder&, const yaml::Node&)>;

struct SectionKey {
  std::string name;
  // Never called with a null node: those, and keys that are not there, give `initial`.
  SectionReader read;
  yaml::Node initial;  // kNull = not printed.
};

struct SectionShape {
  std::string_view type;  // As messages name it: "kubernetes.plain".
  std::vector<SectionKey> keys;
  bool has_http_client = false;  // Its keys stand beside those above.
  // Rules over several keys. `values` is the map that read_section() gives back.
  std::function<void(Decoder&, const yaml::Node& node, const yaml::Node& values)> validate;
};

// A section with everything filled in. Secrets stand in `values` as they are, and print as
// <secret>.
struct SectionValues {
  yaml::Node values;
  http::ClientOptions http;
};
SectionValues read_values(Decoder& decoder, const yaml::Node& node, const SectionShape& shape);
yaml::Node read_section(Decoder& decoder, const yaml::Node& node, const SectionShape& shape);
// Every item by the shape; a null item is an error with these words.
yaml::Node read_section_list(Decoder& decoder, const yaml::Node& node, const SectionShape& shape,
                             std::string_view null_item_message);

// --- Kinds of keys ---

template <class T>
SectionKey key_of(std::string name, const T& initial) {
  const auto print = [](const T& value) {
    return Codec<T>::is_empty(value) ? yaml::Node{} : Codec<T>::encode(value);
  };
  SectionKey key;
  key.name = std::move(name);
  key.initial = print(initial);
  key.read = [initial, print](Decoder& decoder, const yaml::Node& node) {
    T value = initial;
    Codec<T>::decode(decoder, node, value);
    return print(value);
  };
  return key;
}
SectionKey text_key(std::string name, std::string_view initial = {});
SectionKey secret_key(std::string name);
SectionKey url_key(std::string name);  // Printed without the password in it.
SectionKey flag_key(std::string name, bool initial = false);
SectionKey number_key(std::string name, std::int64_t initial = 0);
SectionKey duration_key(std::string name, std::string_view initial = {});
SectionKey words_key(std::string name);  // List of texts.
SectionKey map_key(std::string name);    // Name → text.
// One of `words`, else an error: `message` with {} for the value.
SectionKey choice_key(std::string name, std::vector<std::string_view> words,
                      std::string_view message, std::string_view initial = {});
SectionKey struct_key(std::string name, SectionShape shape);
SectionKey list_key(std::string name, SectionShape shape, std::string null_item_message);
SectionKey tls_key(std::string name = "tls_config");
SectionKey relabel_key(std::string name, std::string null_item_message);

// --- For rules ---

[[nodiscard]] std::string_view text_at(const yaml::Node& values, std::string_view key);
[[nodiscard]] bool has_value(const yaml::Node& values, std::string_view key);
[[nodiscard]] std::int64_t number_at(const yaml::Node& values, std::string_view key);
[[nodiscard]] bool flag_at(const yaml::Node& values, std::string_view key);
[[nodiscard]] model::DurationMs duration_at(const yaml::Node& values, std::string_view key);
[[nodiscard]] std::vector<std::string> words_at(const yaml::Node& values, std::string_view key);
[[nodiscard]] TextMap map_at(const yaml::Node& values, std::string_view key);
[[nodiscard]] http::TlsOptions tls_at(const yaml::Node& values, std::string_view key);
// Fails unless every key has a value; {} in `message` is the key.
void require(Decoder& decoder, const yaml::Node& node, const yaml::Node& values,
             std::initializer_list<std::string_view> keys, std::string_view message);

// Row for a section that is kept in S::kept.
template <class S>
Field<S> kept_field(std::string key, SectionReader read) {
  Field<S> row;
  row.decode = [key, read = std::move(read)](Decoder& decoder, const yaml::Node& node, S& s) {
    if (node.kind == yaml::Kind::kNull) return;
    const bool is_used =
        node.kind == yaml::Kind::kSequence ? !node.items.empty() : !yaml::is_blank(node);
    if (is_used) decoder.not_built(node, key);
    const yaml::Node shown = read(decoder, node);
    if (is_used) s.kept.push_back({key, yaml::print(shown), yaml::print(node)});
  };
  row.encode = [key](const S& s, yaml::Node& out) {
    for (const KeptSection& section : s.kept) {
      if (section.key != key) continue;
      auto document = yaml::parse(section.shown);
      NX_CHECK(document.has_value(), "the printed section {} is no YAML", key);
      out.entries.emplace_back(yaml::scalar(key), std::move(document->root));
    }
  };
  row.key = std::move(key);
  return row;
}

// A service discovery: "consul_sd_configs", its table, and what makes settings of its values. No
// `build`: this version does not have the mechanism.
struct DiscoverySection {
  std::string key;
  SectionShape shape;
  std::function<discovery::ProviderOptions(const SectionValues&)> build;
};
// All but static_configs.
[[nodiscard]] std::span<const DiscoverySection> discovery_sections();

// Row for a service discovery: its settings join S::providers, its text S::kept.
template <class S>
Field<S> discovery_field(const DiscoverySection& section) {
  static constexpr std::string_view kEmptyItem =
      "empty or null section in service discovery configs";
  SectionReader print_only = [&section](Decoder& decoder, const yaml::Node& node) {
    return read_section_list(decoder, node, section.shape, kEmptyItem);
  };
  if (!section.build) return kept_field<S>(section.key, std::move(print_only));
  Field<S> row = kept_field<S>(section.key, std::move(print_only));
  row.decode = [&section](Decoder& decoder, const yaml::Node& node, S& s) {
    if (node.kind == yaml::Kind::kNull) return;
    if (node.kind != yaml::Kind::kSequence)
      return decoder.type_error(node, "[]" + std::string(section.shape.type));
    yaml::Node shown = yaml::sequence();
    for (const yaml::Node& item : node.items) {
      const std::size_t errors_before = decoder.error_count();
      if (item.kind == yaml::Kind::kNull) decoder.fail(item, std::string(kEmptyItem));
      SectionValues values = read_values(decoder, item, section.shape);
      if (decoder.error_count() == errors_before) s.providers.push_back(section.build(values));
      shown.items.push_back(std::move(values.values));
    }
    if (!shown.items.empty())
      s.kept.push_back({section.key, yaml::print(shown), yaml::print(node)});
  };
  return row;
}

yaml::Node alerting_section(Decoder& decoder, const yaml::Node& node);
yaml::Node tracing_section(Decoder& decoder, const yaml::Node& node);
yaml::Node remote_write_section(Decoder& decoder, const yaml::Node& node);
yaml::Node remote_read_section(Decoder& decoder, const yaml::Node& node);
yaml::Node otlp_section(Decoder& decoder, const yaml::Node& node);

}  // namespace narthex::config
