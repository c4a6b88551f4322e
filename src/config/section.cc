#include "config/section.h"

#include <algorithm>
#include <unordered_set>

namespace narthex::config {
namespace {

bool is_http_client_key(std::string_view name) {
  const auto& fields = schema_of<http::ClientOptions>().fields;
  return std::ranges::find(fields, name, &Field<http::ClientOptions>::key) != fields.end();
}

// The HTTP client keys among those of `node`, as a map of their own.
yaml::Node http_client_part(const yaml::Node& node) {
  yaml::Node part = yaml::map();
  part.line = node.line;
  for (const auto& entry : node.entries) {
    if (is_http_client_key(entry.first.text)) part.entries.push_back(entry);
  }
  return part;
}

void check_keys(Decoder& decoder, const yaml::Node& node, const SectionShape& shape) {
  std::unordered_set<std::string_view> seen;
  for (const auto& [key, value] : node.entries) {
    const std::string& name = key.text;
    const bool is_known =
        std::ranges::find(shape.keys, name, &SectionKey::name) != shape.keys.end() ||
        (shape.has_http_client && is_http_client_key(name));
    if (!is_known) {
      decoder.unknown_key(key, shape.type);
    } else if (!seen.insert(name).second) {
      decoder.duplicate_key(key, shape.type);
    }
  }
}

}  // namespace

yaml::Node read_section(Decoder& decoder, const yaml::Node& node, const SectionShape& shape) {
  return read_values(decoder, node, shape).values;
}

SectionValues read_values(Decoder& decoder, const yaml::Node& node, const SectionShape& shape) {
  SectionValues result;
  yaml::Node& out = result.values;
  out = yaml::map();
  if (node.kind != yaml::Kind::kMap && node.kind != yaml::Kind::kNull) {
    decoder.type_error(node, shape.type);
    return result;
  }
  const std::size_t errors_before = decoder.error_count();
  check_keys(decoder, node, shape);
  for (const SectionKey& key : shape.keys) {
    const yaml::Node* value = node.find(key.name);
    const bool is_given = value != nullptr && value->kind != yaml::Kind::kNull;
    yaml::Node shown = is_given ? key.read(decoder, *value) : key.initial;
    if (shown.kind != yaml::Kind::kNull) {
      out.entries.emplace_back(yaml::scalar(key.name), std::move(shown));
    }
  }
  if (shape.has_http_client) {
    decode_struct(decoder, http_client_part(node), result.http);
    finish_http_client(decoder, node, result.http);
    for (auto& entry : encode_struct(result.http).entries) out.entries.push_back(std::move(entry));
  }
  if (shape.validate && decoder.error_count() == errors_before) {
    shape.validate(decoder, node, out);
  }
  return result;
}

yaml::Node read_section_list(Decoder& decoder, const yaml::Node& node, const SectionShape& shape,
                             std::string_view null_item_message) {
  yaml::Node out = yaml::sequence();
  if (node.kind != yaml::Kind::kSequence) {
    decoder.type_error(node, "[]" + std::string(shape.type));
    return out;
  }
  for (const yaml::Node& item : node.items) {
    if (item.kind == yaml::Kind::kNull) decoder.fail(item, std::string(null_item_message));
    out.items.push_back(read_section(decoder, item, shape));
  }
  return out;
}

SectionKey text_key(std::string name, std::string_view initial) {
  return key_of<std::string>(std::move(name), std::string(initial));
}

SectionKey secret_key(std::string name) {
  SectionKey key = text_key(std::move(name));
  key.read = [](Decoder& decoder, const yaml::Node& node) {
    std::string secret;
    Codec<std::string>::decode(decoder, node, secret);
    if (secret.empty()) return yaml::Node{};
    yaml::Node value = yaml::scalar(std::move(secret));
    value.shown = kRedacted;
    return value;
  };
  return key;
}

SectionKey url_key(std::string name) {
  SectionKey key = text_key(std::move(name));
  key.read = [](Decoder& decoder, const yaml::Node& node) {
    std::string url;
    Codec<std::string>::decode(decoder, node, url);
    if (url.empty()) return yaml::Node{};
    yaml::Node value = yaml::scalar(url);
    if (std::string shown = without_password(url); shown != url) value.shown = std::move(shown);
    return value;
  };
  return key;
}

SectionKey flag_key(std::string name, bool initial) {
  SectionKey key;
  key.name = std::move(name);
  key.initial = Codec<bool>::encode(initial);
  key.read = [initial](Decoder& decoder, const yaml::Node& node) {
    bool value = initial;
    Codec<bool>::decode(decoder, node, value);
    return Codec<bool>::encode(value);
  };
  return key;
}

SectionKey number_key(std::string name, std::int64_t initial) {
  SectionKey key;
  key.name = std::move(name);
  key.initial = initial == 0 ? yaml::Node{} : Codec<std::int64_t>::encode(initial);
  key.read = [](Decoder& decoder, const yaml::Node& node) {
    std::int64_t value = 0;
    Codec<std::int64_t>::decode(decoder, node, value);
    return Codec<std::int64_t>::encode(value);
  };
  return key;
}

SectionKey duration_key(std::string name, std::string_view initial) {
  const auto value = model::parse_duration(initial.empty() ? "0" : initial);
  NX_CHECK(value.has_value(), "{} is no duration", initial);
  return key_of<model::DurationMs>(std::move(name), *value);
}

SectionKey words_key(std::string name) {
  return key_of<std::vector<std::string>>(std::move(name), {});
}

SectionKey map_key(std::string name) {
  return key_of<TextMap>(std::move(name), {});
}

SectionKey choice_key(std::string name, std::vector<std::string_view> words,
                      std::string_view message, std::string_view initial) {
  SectionKey key = text_key(std::move(name), initial);
  key.read = [read = key.read, words = std::move(words), message](Decoder& decoder,
                                                                  const yaml::Node& node) {
    yaml::Node value = read(decoder, node);
    if (std::ranges::find(words, std::string_view(value.text)) == words.end()) {
      decoder.fail(node, fmt::format(fmt::runtime(message), value.text));
    }
    return value;
  };
  return key;
}

SectionKey struct_key(std::string name, SectionShape shape) {
  SectionKey key;
  key.name = std::move(name);
  key.read = [shape = std::move(shape)](Decoder& decoder, const yaml::Node& node) {
    return read_section(decoder, node, shape);
  };
  return key;
}

SectionKey list_key(std::string name, SectionShape shape, std::string null_item_message) {
  SectionKey key;
  key.name = std::move(name);
  key.read = [shape = std::move(shape), message = std::move(null_item_message)](
                 Decoder& decoder, const yaml::Node& node) {
    return read_section_list(decoder, node, shape, message);
  };
  return key;
}

SectionKey tls_key(std::string name) {
  return key_of<http::TlsOptions>(std::move(name), {});
}

SectionKey relabel_key(std::string name, std::string null_item_message) {
  SectionKey key;
  key.name = std::move(name);
  key.read = [message = std::move(null_item_message)](Decoder& decoder, const yaml::Node& node) {
    std::vector<relabel::RelabelRule> rules;
    const std::size_t errors_before = decoder.error_count();
    Codec<std::vector<relabel::RelabelRule>>::decode(decoder, node, rules);
    for (const yaml::Node& item : node.items) {
      if (item.kind == yaml::Kind::kNull) decoder.fail(item, message);
    }
    if (decoder.error_count() == errors_before) {
      for (std::size_t i = 0; i < rules.size(); ++i) {
        const auto valid = relabel::validate(rules[i], model::NameScheme::kUtf8);
        if (!valid) decoder.fail(node.items[i], valid.error().message());
      }
    }
    return Codec<std::vector<relabel::RelabelRule>>::encode(rules);
  };
  return key;
}

std::string_view text_at(const yaml::Node& values, std::string_view key) {
  const yaml::Node* value = values.find(key);
  return value == nullptr ? std::string_view() : std::string_view(value->text);
}

bool has_value(const yaml::Node& values, std::string_view key) {
  const yaml::Node* value = values.find(key);
  return value != nullptr && !yaml::is_blank(*value);
}

namespace {

// What read_values() printed, back again.
template <class T>
T value_at(const yaml::Node& values, std::string_view key) {
  Decoder ignored;  // Sound: the same codec has printed it.
  T out{};
  const yaml::Node* value = values.find(key);
  if (value != nullptr && value->kind != yaml::Kind::kNull) Codec<T>::decode(ignored, *value, out);
  return out;
}

}  // namespace

std::int64_t number_at(const yaml::Node& values, std::string_view key) {
  return value_at<std::int64_t>(values, key);
}

bool flag_at(const yaml::Node& values, std::string_view key) {
  return value_at<bool>(values, key);
}

model::DurationMs duration_at(const yaml::Node& values, std::string_view key) {
  return value_at<model::DurationMs>(values, key);
}

http::TlsOptions tls_at(const yaml::Node& values, std::string_view key) {
  return value_at<http::TlsOptions>(values, key);
}

std::vector<std::string> words_at(const yaml::Node& values, std::string_view key) {
  return value_at<std::vector<std::string>>(values, key);
}

TextMap map_at(const yaml::Node& values, std::string_view key) {
  return value_at<TextMap>(values, key);
}

void require(Decoder& decoder, const yaml::Node& node, const yaml::Node& values,
             std::initializer_list<std::string_view> keys, std::string_view message) {
  for (const std::string_view key : keys) {
    if (!has_value(values, key)) {
      return decoder.fail(node, fmt::format(fmt::runtime(message), key));
    }
  }
}

}  // namespace narthex::config
