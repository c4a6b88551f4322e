#include "config/codec.h"

#include <charconv>

#include "narthex/util/number.h"

namespace narthex::config {
namespace {

constexpr std::size_t kErrorsShown = 50;  // Of a file that is no configuration at all.

// Digits of a YAML integer, its base and its sign.
struct IntText {
  std::string digits;
  int base = 10;
  bool is_negative = false;
};

IntText int_text(std::string_view text) {
  IntText out;
  if (text.starts_with('-') || text.starts_with('+')) {
    out.is_negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.starts_with("0x")) out.base = 16;
  if (text.starts_with("0b")) out.base = 2;
  if (text.starts_with("0o")) out.base = 8;
  if (out.base != 10) {
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.starts_with('0')) {
    out.base = 8;  // YAML 1.1.
  }
  for (const char c : text) {
    if (c != '_') out.digits.push_back(c);
  }
  return out;
}

template <class T>
bool parse_magnitude(const IntText& text, T& out) {
  const char* end = text.digits.data() + text.digits.size();
  const auto [stop, error] = std::from_chars(text.digits.data(), end, out, text.base);
  return error == std::errc() && stop == end;
}

}  // namespace

void Decoder::fail(const yaml::Node& node, std::string message) {
  ++error_count_;
  if (!failure_) failure_ = Failure{std::move(message), node.line};
}

void Decoder::add_unmarshal_error(std::uint32_t line, std::string_view what) {
  ++error_count_;
  if (unmarshal_errors_.empty()) unmarshal_line_ = line;
  if (error_count_ <= kErrorsShown) unmarshal_errors_ += fmt::format("\n  line {}: {}", line, what);
}

void Decoder::type_error(const yaml::Node& node, std::string_view type) {
  std::string value;
  if (node.kind == yaml::Kind::kScalar) {
    // Long values are cut at a byte; a cut character would be no text any more.
    std::string_view shown = node.text;
    if (shown.size() > 10) {
      shown = shown.substr(0, 7);
      while (!shown.empty() &&
             (static_cast<unsigned char>(node.text[shown.size()]) & 0xC0U) == 0x80U) {
        shown.remove_suffix(1);
      }
    }
    value = fmt::format(" `{}{}`", shown, shown.size() < node.text.size() ? "..." : "");
  }
  add_unmarshal_error(
      node.line, fmt::format("cannot unmarshal {}{} into {}", yaml::tag_of(node), value, type));
}

void Decoder::unknown_key(const yaml::Node& key, std::string_view type) {
  add_unmarshal_error(key.line, fmt::format("field {} not found in type {}", key.text, type));
}

void Decoder::duplicate_key(const yaml::Node& key, std::string_view type) {
  add_unmarshal_error(key.line, fmt::format("field {} already set in type {}", key.text, type));
}

void Decoder::duplicate_map_key(const yaml::Node& key) {
  add_unmarshal_error(key.line, fmt::format("key \"{}\" already set in map", key.text));
}

void Decoder::unsupported(const yaml::Node& node, std::string_view key) {
  fail(node, fmt::format("{} is not supported by this version", key));
}

void Decoder::not_built(const yaml::Node& node, std::string_view key) {
  not_built_.push_back({fmt::format("{} is not supported by this version", key), node.line});
}

std::optional<Decoder::Failure> Decoder::failure() const {
  if (failure_) return failure_;
  if (unmarshal_errors_.empty()) return std::nullopt;
  std::string more;
  if (error_count_ > kErrorsShown)
    more = fmt::format("\n  and {} more", error_count_ - kErrorsShown);
  return Failure{"yaml: unmarshal errors:" + unmarshal_errors_ + more, unmarshal_line_};
}

void Codec<bool>::decode(Decoder& decoder, const yaml::Node& node, bool& out) {
  if (yaml::tag_of(node) != "!!bool") return decoder.type_error(node, type_name());
  out = yaml::bool_of(node);
}

void Codec<std::string>::decode(Decoder& decoder, const yaml::Node& node, std::string& out) {
  if (node.kind != yaml::Kind::kScalar) return decoder.type_error(node, type_name());
  out = node.text;
}

void Codec<std::uint64_t>::decode(Decoder& decoder, const yaml::Node& node, std::uint64_t& out) {
  if (yaml::tag_of(node) == "!!int") {
    const IntText text = int_text(node.text);
    if (!text.is_negative && parse_magnitude(text, out)) return;
  }
  decoder.type_error(node, type_name());
}

void Codec<std::int64_t>::decode(Decoder& decoder, const yaml::Node& node, std::int64_t& out) {
  if (yaml::tag_of(node) == "!!int") {
    IntText text = int_text(node.text);
    if (text.is_negative) text.digits.insert(text.digits.begin(), '-');
    if (parse_magnitude(text, out)) return;
  }
  decoder.type_error(node, type_name());
}

void Codec<double>::decode(Decoder& decoder, const yaml::Node& node, double& out) {
  const std::string_view tag = yaml::tag_of(node);
  const auto value = util::parse_double(node.text);
  if ((tag != "!!int" && tag != "!!float") || !value) return decoder.type_error(node, type_name());
  out = *value;
}

yaml::Node Codec<double>::encode(double value) {
  std::string text;
  util::append_plain(text, value);
  return yaml::plain_scalar(std::move(text));
}

void Codec<model::DurationMs>::decode(Decoder& decoder, const yaml::Node& node,
                                      model::DurationMs& out) {
  if (node.kind != yaml::Kind::kScalar) return decoder.type_error(node, type_name());
  auto value = model::parse_duration(node.text);
  if (!value) return decoder.fail(node, value.error().message());
  out = *value;
}

}  // namespace narthex::config
