#include "narthex/model/names.h"

#include <array>

#include <fmt/format.h>

#include "narthex/util/utf8.h"

namespace narthex::model {
namespace {

bool is_letter_or_underscore(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_legacy(std::string_view name, bool colon_allowed) noexcept {
  if (name.empty() || is_digit(name.front())) return false;
  for (const char c : name) {
    if (!is_letter_or_underscore(c) && !is_digit(c) && !(colon_allowed && c == ':')) return false;
  }
  return true;
}

// Runes that a quoted string shows as they are. Format, private and unassigned characters are not
// told apart here from letters: only controls and the invisible separators matter for reading a
// message.
bool is_printable(char32_t rune) noexcept {
  if (rune < 0x20 || (rune >= 0x7f && rune <= 0xa0) || rune == 0xad) return false;
  if (rune >= 0x2000 && rune <= 0x200f) return false;
  if (rune >= 0x2028 && rune <= 0x202f) return false;
  if (rune >= 0x205f && rune <= 0x206f) return false;
  return rune != 0x1680 && rune != 0x3000 && rune != 0xfeff &&
         !(rune >= 0xe000 && rune <= 0xf8ff) && !(rune >= 0xfff0 && rune <= 0xfffb) &&
         rune < 0xe0000;
}

}  // namespace

bool is_valid_metric_name(std::string_view name, NameScheme scheme) noexcept {
  return scheme == NameScheme::kLegacy ? is_legacy(name, true)
                                       : !name.empty() && util::is_valid_utf8(name);
}

bool is_valid_label_name(std::string_view name, NameScheme scheme) noexcept {
  return scheme == NameScheme::kLegacy ? is_legacy(name, false)
                                       : !name.empty() && util::is_valid_utf8(name);
}

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const util::DecodedRune decoded = util::decode_rune(text);
    const std::string_view raw = text.substr(0, decoded.bytes);
    text.remove_prefix(decoded.bytes);
    if (!decoded.valid) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(raw[0])));
      continue;
    }
    switch (decoded.rune) {
      case '"':
        out += "\\\"";
        continue;
      case '\\':
        out += "\\\\";
        continue;
      case '\a':
        out += "\\a";
        continue;
      case '\b':
        out += "\\b";
        continue;
      case '\f':
        out += "\\f";
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      case '\v':
        out += "\\v";
        continue;
      default:
        break;
    }
    const auto code = static_cast<std::uint32_t>(decoded.rune);
    if (is_printable(decoded.rune)) {
      out.append(raw);
    } else if (code < 0x80) {
      out += fmt::format("\\x{:02x}", code);
    } else if (code < 0x10000) {
      out += fmt::format("\\u{:04x}", code);
    } else {
      out += fmt::format("\\U{:08x}", code);
    }
  }
  out.push_back('"');
}

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

}  // namespace narthex::model
