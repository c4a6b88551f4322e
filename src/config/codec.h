// From YAML to a struct and back, driven by one table a struct (Schema<S>): each row binds a key to
// a member. The same table names the keys that exist, decodes them, and prints them.
//
// Errors come in two kinds, as in Prometheus: what does not fit its type, or is no key at all, is
// collected with its line and reported together; the first violated rule ends it all.
// Threads: confined.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "narthex/model/duration.h"
#include "narthex/yaml/tree.h"

namespace narthex::config {

class Decoder {
 public:
  // A rule is violated at `node`. The first one is kept.
  void fail(const yaml::Node& node, std::string message);
  // line N: cannot unmarshal !!str `abc` into T
  void type_error(const yaml::Node& node, std::string_view type);
  void unknown_key(const yaml::Node& key, std::string_view type);
  void duplicate_key(const yaml::Node& key, std::string_view type);
  void duplicate_map_key(const yaml::Node& key);
  // Something that no version of ours will do; the key is named.
  void unsupported(const yaml::Node& node, std::string_view key);
  // Sound, but this build has nothing that acts on it: no error of the file, see not_built().
  void not_built(const yaml::Node& node, std::string_view key);

  [[nodiscard]] std::size_t error_count() const noexcept { return error_count_; }
  // The message without the file's name, and the line it starts at (0 = unknown).
  struct Failure {
    std::string message;
    std::uint32_t line = 0;
  };
  [[nodiscard]] std::optional<Failure> failure() const;
  // What the file asks for and this build cannot do, in the order of the file's sections.
  [[nodiscard]] const std::vector<Failure>& not_built() const noexcept { return not_built_; }

 private:
  void add_unmarshal_error(std::uint32_t line, std::string_view what);

  std::optional<Failure> failure_;
  std::vector<Failure> not_built_;
  std::string unmarshal_errors_;
  std::uint32_t unmarshal_line_ = 0;
  std::size_t error_count_ = 0;
};

// How a type of value is read and written:
//   static std::string_view type_name();                          what it is called in messages
//   static void decode(Decoder&, const yaml::Node&, T&);          never called with a null node,
//                                                                 which leaves the default
//   static yaml::Node encode(const T&);
//   static bool is_empty(const T&);                               for fields left out when empty
template <class T>
struct Codec;

enum class Print : std::uint8_t { kAlways, kUnlessEmpty, kNever };

template <class S>
struct Field {
  std::string key;
  std::function<void(Decoder&, const yaml::Node&, S&)> decode;
  // Appends the entry to the map, or leaves it out.
  std::function<void(const S&, yaml::Node&)> encode;
};

template <class S>
struct Schema {
  std::string_view type;         // As messages name it: config.plain.
  std::vector<Field<S>> fields;  // In order of printing.
  void (*validate)(Decoder&, const yaml::Node&, S&) = nullptr;  // Called when all fields fit.
};

// One specialisation a struct, next to its table.
template <class S>
const Schema<S>& schema_of();

namespace internal {
template <class T>
struct MemberTraits;
template <class S, class T>
struct MemberTraits<T S::*> {
  using Struct = S;
  using Value = T;
};
}  // namespace internal

// Row for whatever `get(S&) -> T&` finds.
template <class S, class Get>
Field<S> field_at(std::string key, Get get, Print print = Print::kUnlessEmpty) {
  using T = std::remove_cvref_t<decltype(get(std::declval<S&>()))>;
  Field<S> field;
  field.decode = [get](Decoder& decoder, const yaml::Node& node, S& s) {
    if (node.kind != yaml::Kind::kNull) Codec<T>::decode(decoder, node, get(s));
  };
  field.encode = [get, key, print](const S& s, yaml::Node& out) {
    // `get` does not change what it finds: it only knows how to find it in a mutable struct.
    const T& value = get(const_cast<S&>(s));
    if (print == Print::kNever || (print == Print::kUnlessEmpty && Codec<T>::is_empty(value)))
      return;
    out.entries.emplace_back(yaml::scalar(key), Codec<T>::encode(value));
  };
  field.key = std::move(key);
  return field;
}

// A row whose value is never printed.
inline constexpr std::string_view kRedacted = "<secret>";
template <class S, class Get>
Field<S> secret_field(std::string key, Get get) {
  Field<S> row = field_at<S>(key, get);
  row.encode = [get, key](const S& s, yaml::Node& out) {
    if (get(const_cast<S&>(s)).empty()) return;  // `get` only finds.
    out.entries.emplace_back(yaml::scalar(key), yaml::scalar(std::string(kRedacted)));
  };
  return row;
}

// Row for a member: field<&Global::scrape_interval>("scrape_interval").
template <auto kMember>
auto field(std::string key, Print print = Print::kUnlessEmpty) {
  using S = typename internal::MemberTraits<decltype(kMember)>::Struct;
  return field_at<S>(std::move(key), [](S& s) -> auto& { return s.*kMember; }, print);
}

// Rows of a nested struct whose keys stand beside the outer ones (`inline` in Prometheus).
template <auto kMember>
auto inline_fields() {
  using S = typename internal::MemberTraits<decltype(kMember)>::Struct;
  using Inner = typename internal::MemberTraits<decltype(kMember)>::Value;
  std::vector<Field<S>> fields;
  for (const Field<Inner>& inner : schema_of<Inner>().fields) {
    Field<S> outer;
    outer.key = inner.key;
    outer.decode = [decode = inner.decode](Decoder& decoder, const yaml::Node& node, S& s) {
      decode(decoder, node, s.*kMember);
    };
    outer.encode = [encode = inner.encode](const S& s, yaml::Node& out) {
      encode(s.*kMember, out);
    };
    fields.push_back(std::move(outer));
  }
  return fields;
}

// A key that needs what a server never has (a secret manager): anything but a blank value is an
// error.
template <class S>
Field<S> unsupported_field(std::string key) {
  Field<S> field;
  field.decode = [key](Decoder& decoder, const yaml::Node& node, S&) {
    if (!yaml::is_blank(node)) decoder.unsupported(node, key);
  };
  field.encode = [](const S&, yaml::Node&) {};
  field.key = std::move(key);
  return field;
}

template <class S>
void decode_struct(Decoder& decoder, const yaml::Node& node, S& out) {
  const Schema<S>& schema = schema_of<S>();
  if (node.kind != yaml::Kind::kMap) {
    if (node.kind != yaml::Kind::kNull) decoder.type_error(node, schema.type);
    return;
  }
  const std::size_t errors_before = decoder.error_count();
  std::vector<bool> seen(schema.fields.size());
  for (const auto& [key, value] : node.entries) {
    std::size_t i = 0;
    while (i < schema.fields.size() && schema.fields[i].key != key.text) ++i;
    if (i == schema.fields.size()) {
      decoder.unknown_key(key, schema.type);
    } else if (seen[i]) {
      decoder.duplicate_key(key, schema.type);
    } else {
      seen[i] = true;
      schema.fields[i].decode(decoder, value, out);
    }
  }
  if (schema.validate != nullptr && decoder.error_count() == errors_before) {
    schema.validate(decoder, node, out);
  }
}

template <class S>
yaml::Node encode_struct(const S& s) {
  yaml::Node out = yaml::map();
  for (const Field<S>& field : schema_of<S>().fields) field.encode(s, out);
  return out;
}

template <>
struct Codec<bool> {
  static std::string_view type_name() { return "bool"; }
  static void decode(Decoder& decoder, const yaml::Node& node, bool& out);
  static yaml::Node encode(bool value) { return yaml::plain_scalar(value ? "true" : "false"); }
  static bool is_empty(bool value) { return !value; }
};

template <>
struct Codec<std::string> {
  static std::string_view type_name() { return "string"; }
  static void decode(Decoder& decoder, const yaml::Node& node, std::string& out);
  static yaml::Node encode(const std::string& value) { return yaml::scalar(value); }
  static bool is_empty(const std::string& value) { return value.empty(); }
};

template <>
struct Codec<std::uint64_t> {
  static std::string_view type_name() { return "uint64"; }
  static void decode(Decoder& decoder, const yaml::Node& node, std::uint64_t& out);
  static yaml::Node encode(std::uint64_t value) {
    return yaml::plain_scalar(fmt::to_string(value));
  }
  static bool is_empty(std::uint64_t value) { return value == 0; }
};

template <>
struct Codec<std::int64_t> {
  static std::string_view type_name() { return "int64"; }
  static void decode(Decoder& decoder, const yaml::Node& node, std::int64_t& out);
  static yaml::Node encode(std::int64_t value) { return yaml::plain_scalar(fmt::to_string(value)); }
  static bool is_empty(std::int64_t value) { return value == 0; }
};

template <>
struct Codec<double> {
  static std::string_view type_name() { return "float64"; }
  static void decode(Decoder& decoder, const yaml::Node& node, double& out);
  static yaml::Node encode(double value);
  static bool is_empty(double value) { return value == 0; }
};

template <>
struct Codec<model::DurationMs> {
  static std::string_view type_name() { return "string"; }
  static void decode(Decoder& decoder, const yaml::Node& node, model::DurationMs& out);
  static yaml::Node encode(model::DurationMs value) {
    return yaml::scalar(model::format_duration(value));
  }
  static bool is_empty(model::DurationMs value) { return value.count() == 0; }
};

// A type that is one word in YAML: `T parse(text)` and `text(T)`.
template <class T, auto kParse, auto kText>
struct WordCodec {
  static std::string_view type_name() { return "string"; }
  static void decode(Decoder& decoder, const yaml::Node& node, T& out) {
    if (node.kind != yaml::Kind::kScalar) return decoder.type_error(node, type_name());
    auto value = kParse(node.text);
    if (!value) return decoder.fail(node, value.error().message());
    out = *std::move(value);
  }
  static yaml::Node encode(const T& value) { return yaml::scalar(std::string(kText(value))); }
  static bool is_empty(const T&) { return false; }
};

template <class T>
struct Codec<std::optional<T>> {
  static std::string_view type_name() { return Codec<T>::type_name(); }
  static void decode(Decoder& decoder, const yaml::Node& node, std::optional<T>& out) {
    T value{};
    Codec<T>::decode(decoder, node, value);
    out = std::move(value);
  }
  static yaml::Node encode(const std::optional<T>& value) {
    return value ? Codec<T>::encode(*value) : yaml::Node{};
  }
  static bool is_empty(const std::optional<T>& value) { return !value; }
};

// Lists of words and numbers. A null item is an empty one.
template <class T>
struct Codec<std::vector<T>> {
  static std::string_view type_name() {
    static const std::string name = "[]" + std::string(Codec<T>::type_name());
    return name;
  }
  static void decode(Decoder& decoder, const yaml::Node& node, std::vector<T>& out) {
    if (node.kind != yaml::Kind::kSequence) return decoder.type_error(node, type_name());
    out.clear();
    for (const yaml::Node& item : node.items) {
      T& value = out.emplace_back();
      if (item.kind != yaml::Kind::kNull) Codec<T>::decode(decoder, item, value);
    }
  }
  static yaml::Node encode(const std::vector<T>& values) {
    yaml::Node out = yaml::sequence();
    for (const T& value : values) out.items.push_back(Codec<T>::encode(value));
    return out;
  }
  static bool is_empty(const std::vector<T>& values) { return values.empty(); }
};

// Anything with a Schema.
template <class S>
struct StructCodec {
  static std::string_view type_name() { return schema_of<S>().type; }
  static void decode(Decoder& decoder, const yaml::Node& node, S& out) {
    decode_struct(decoder, node, out);
  }
  static yaml::Node encode(const S& value) { return encode_struct(value); }
  static bool is_empty(const S& value) { return encode_struct(value).entries.empty(); }
};

// Adds the rows of another table behind those that are there.
template <class S>
void add_fields(Schema<S>& schema, std::vector<Field<S>> more) {
  for (Field<S>& row : more) schema.fields.push_back(std::move(row));
}

// Row for a list of structs in which a null item is an error with these words.
template <auto kMember>
auto list_field(std::string key, std::string null_item_message, Print print = Print::kUnlessEmpty) {
  using S = typename internal::MemberTraits<decltype(kMember)>::Struct;
  auto row = field<kMember>(std::move(key), print);
  row.decode = [decode = row.decode, null_item_message](Decoder& decoder, const yaml::Node& node,
                                                        S& s) {
    decode(decoder, node, s);
    for (const yaml::Node& item : node.items) {
      if (item.kind == yaml::Kind::kNull) decoder.fail(item, null_item_message);
    }
  };
  return row;
}

}  // namespace narthex::config
