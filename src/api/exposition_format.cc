#include "api/exposition_format.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/number.h"
#include "narthex/util/utf8.h"

#include "api/protobuf_text.h"

namespace narthex::api {
namespace {

constexpr std::string_view kProtobufMedia = "application/vnd.google.protobuf";
constexpr std::string_view kProtobufMessage = "io.prometheus.client.MetricFamily";

struct Encoding {
  std::string_view text;
  ExpositionFormat format;
};
constexpr Encoding kProtobufEncodings[] = {
    {"delimited", ExpositionFormat::kProtobuf},
    {"text", ExpositionFormat::kProtobufText},
    {"compact-text", ExpositionFormat::kProtobufCompactText}};

// ---- negotiation

std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::string_view take_until(std::string_view& text, char separator) noexcept {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

NameEscaping parse_escaping(std::string_view text) noexcept {
  if (text == "dots") return NameEscaping::kDots;
  if (text == "values") return NameEscaping::kValues;
  return text == "allow-utf-8" ? NameEscaping::kNone : NameEscaping::kUnderscores;
}

std::string_view escaping_text(NameEscaping escaping) noexcept {
  switch (escaping) {
    case NameEscaping::kUnderscores:
      return "underscores";
    case NameEscaping::kDots:
      return "dots";
    case NameEscaping::kValues:
      return "values";
    case NameEscaping::kNone:
      return "allow-utf-8";
  }
  return "underscores";
}

struct AcceptClause {
  std::string_view media;
  std::string_view proto;
  std::string_view encoding;
  std::string_view version;
  NameEscaping escaping = NameEscaping::kUnderscores;
  double quality = 1;
};

AcceptClause parse_clause(std::string_view text) {
  AcceptClause clause;
  clause.media = take_until(text, ';');
  while (!text.empty()) {
    std::string_view value = take_until(text, ';');
    const std::string_view key = take_until(value, '=');
    if (key == "q") clause.quality = util::parse_double(value).value_or(0);
    if (key == "proto") clause.proto = value;
    if (key == "encoding") clause.encoding = value;
    if (key == "version") clause.version = value;
    if (key == "escaping") clause.escaping = parse_escaping(value);
  }
  return clause;
}

std::optional<Exposition> served(const AcceptClause& clause) noexcept {
  if (clause.media == kProtobufMedia && clause.proto == kProtobufMessage) {
    const auto encoding = std::ranges::find(kProtobufEncodings, clause.encoding, &Encoding::text);
    if (encoding == std::end(kProtobufEncodings)) return std::nullopt;
    return Exposition{encoding->format, clause.escaping};
  }
  const bool known_version =
      clause.version.empty() || clause.version == "0.0.4" || clause.version == "1.0.0";
  if (clause.media == "text/plain" && known_version)
    return Exposition{ExpositionFormat::kText, clause.escaping};
  return std::nullopt;
}

// ---- names

bool is_legacy_rune(char32_t rune, bool first) noexcept {
  const bool letter = (rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z');
  return letter || rune == '_' || rune == ':' || (!first && rune >= '0' && rune <= '9');
}

void append_escaped_rune(std::string& out, char32_t rune, bool legacy, NameEscaping escaping) {
  if (escaping == NameEscaping::kUnderscores) {
    legacy ? util::append_rune(out, rune) : out.push_back('_');
  } else if (escaping == NameEscaping::kDots) {
    if (rune == '_') {
      out += "__";
    } else if (rune == '.') {
      out += "_dot_";
    } else if (legacy) {
      util::append_rune(out, rune);
    } else {
      out += "__";
    }
  } else if (rune == '_') {
    out += "__";
  } else if (legacy) {
    util::append_rune(out, rune);
  } else {
    fmt::format_to(std::back_inserter(out), "_{:x}_", static_cast<std::uint32_t>(rune));
  }
}

bool is_legacy_name(std::string_view name) noexcept {
  return model::is_valid_metric_name(name, model::NameScheme::kLegacy);
}

}  // namespace

Exposition negotiate_exposition(std::string_view accept) {
  std::optional<Exposition> best;
  double best_quality = 0;
  while (!accept.empty()) {
    const AcceptClause clause = parse_clause(take_until(accept, ','));
    const auto exposition = served(clause);
    if (!exposition || clause.quality <= best_quality) continue;
    best = exposition;
    best_quality = clause.quality;
  }
  return best.value_or(Exposition());
}

std::string in_protobuf_format(std::string delimited, ExpositionFormat format) {
  if (format == ExpositionFormat::kProtobuf) return delimited;
  std::string text;
  append_protobuf_text(text, delimited,
                       format == ExpositionFormat::kProtobufText ? ProtobufLayout::kLines
                                                                 : ProtobufLayout::kCompact);
  return text;
}

std::string content_type_of(Exposition exposition) {
  if (is_protobuf(exposition.format)) {
    const auto encoding =
        std::ranges::find(kProtobufEncodings, exposition.format, &Encoding::format);
    return fmt::format("{}; proto={}; encoding={}; escaping={}", kProtobufMedia, kProtobufMessage,
                       encoding->text, escaping_text(exposition.escaping));
  }
  return fmt::format("text/plain; version=0.0.4; charset=utf-8; escaping={}",
                     escaping_text(exposition.escaping));
}

std::string escaped_name(std::string_view name, NameEscaping escaping) {
  if (escaping == NameEscaping::kNone) return std::string(name);
  // "dots" escapes every underscore, the others leave valid names alone.
  if (escaping != NameEscaping::kDots && is_legacy_name(name)) return std::string(name);
  std::string out = escaping == NameEscaping::kValues ? "U__" : "";
  std::string_view rest = name;
  while (!rest.empty()) {
    const util::DecodedRune rune = util::decode_rune(rest);
    const bool first = rest.size() == name.size();
    append_escaped_rune(out, rune.rune, rune.valid && is_legacy_rune(rune.rune, first), escaping);
    rest.remove_prefix(rune.bytes);
  }
  return out;
}

}  // namespace narthex::api
