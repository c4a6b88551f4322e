#include "narthex/util/utf8.h"

#include "narthex/util/bytes.h"

namespace narthex::util {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

bool is_continuation(char c) noexcept {
  return (static_cast<std::uint8_t>(c) & 0xC0U) == 0x80U;
}
char32_t low6(char c) noexcept {
  return static_cast<std::uint8_t>(c) & 0x3FU;
}

}  // namespace

DecodedRune decode_rune(std::string_view text) noexcept {
  const auto first = static_cast<std::uint8_t>(text[0]);
  if (first < 0x80) return {.rune = first, .bytes = 1, .valid = true};
  std::size_t length = 0;
  char32_t rune = 0;
  char32_t smallest = 0;
  if ((first & 0xE0U) == 0xC0U) {
    length = 2, rune = first & 0x1FU, smallest = 0x80;
  } else if ((first & 0xF0U) == 0xE0U) {
    length = 3, rune = first & 0x0FU, smallest = 0x800;
  } else if ((first & 0xF8U) == 0xF0U) {
    length = 4, rune = first & 0x07U, smallest = 0x10000;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return {};
    rune = (rune << 6) | low6(text[i]);
  }
  if (rune < smallest || rune > 0x10FFFF || (rune >= 0xD800 && rune <= 0xDFFF)) return {};
  return {.rune = rune, .bytes = length, .valid = true};
}

bool is_valid_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    while (text.size() >= 8 && (load_le<std::uint64_t>(text.data()) & kHighBits) == 0) {
      text.remove_prefix(8);
    }
    if (text.empty()) return true;
    const DecodedRune decoded = decode_rune(text);
    if (!decoded.valid) return false;
    text.remove_prefix(decoded.bytes);
  }
  return true;
}

void append_rune(std::string& out, char32_t rune) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xC0 | (rune >> 6));
    put(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    put(0xE0 | (rune >> 12));
    put(0x80 | ((rune >> 6) & 0x3F));
    put(0x80 | (rune & 0x3F));
  } else {
    put(0xF0 | (rune >> 18));
    put(0x80 | ((rune >> 12) & 0x3F));
    put(0x80 | ((rune >> 6) & 0x3F));
    put(0x80 | (rune & 0x3F));
  }
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedRune decoded = decode_rune(text);
    append_rune(out, decoded.rune);
    text.remove_prefix(decoded.bytes);
  }
  return out;
}

}  // namespace narthex::util
