// Escapes in quoted strings: Go's.
#include <fmt/format.h>

#include "promql/lexer/lexer.h"

namespace narthex::promql {
namespace {

constexpr char32_t kRuneMax = 0x10FFFF;

// "U+0063 'c'".
std::string code_point(char32_t rune) {
  return fmt::format("U+{:04X} {}", static_cast<std::uint32_t>(rune), quoted_rune(rune));
}

unsigned digit_value(char32_t rune) noexcept {
  if (rune >= '0' && rune <= '9') return static_cast<unsigned>(rune - '0');
  if (rune >= 'a' && rune <= 'f') return static_cast<unsigned>(rune - 'a') + 10;
  if (rune >= 'A' && rune <= 'F') return static_cast<unsigned>(rune - 'A') + 10;
  return 16;
}

}  // namespace

std::string Lexer::take_escape(char quote) {
  constexpr std::string_view kSimple = "abfnrtv\\";
  const std::size_t before = pos_;
  const char32_t rune = take_rune();
  if (rune == kEndRune) return "escape sequence not terminated";
  if (rune == static_cast<unsigned char>(quote)) return {};
  if (rune < 0x80 && kSimple.find(static_cast<char>(rune)) != std::string_view::npos) return {};
  switch (rune) {
    case 'x':
      return take_escape_digits(2, 16, 255);
    case 'u':
      return take_escape_digits(4, 16, kRuneMax);
    case 'U':
      return take_escape_digits(8, 16, kRuneMax);
    default:
      break;
  }
  if (rune >= '0' && rune <= '7') {
    pos_ = before;
    return take_escape_digits(3, 8, 255);
  }
  return "unknown escape sequence " + code_point(rune);
}

std::string Lexer::take_escape_digits(std::size_t count, unsigned base, char32_t limit) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char32_t rune = take_rune();
    if (rune == kEndRune) return "escape sequence not terminated";
    const unsigned digit = digit_value(rune);
    if (digit >= base) {
      return fmt::format("illegal character {} in escape sequence", code_point(rune));
    }
    value = value * base + digit;
  }
  if (value > limit || (value >= 0xD800 && value < 0xE000)) {
    return "escape sequence is an invalid Unicode code point";
  }
  return {};
}

}  // namespace narthex::promql
