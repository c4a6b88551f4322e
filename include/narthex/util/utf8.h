// UTF-8: validation at every entrance (invalid text is rejected where it enters; none ever leaves).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace narthex::util {

// Strict: no overlong forms, no surrogates, nothing above U+10FFFF. Plain ASCII takes a fast path
// of 8 bytes at a time.
[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;

struct DecodedRune {
  char32_t rune = 0xFFFD;  // U+FFFD for an invalid byte.
  std::size_t bytes = 1;   // How many bytes it took; 1 for an invalid one.
  bool valid = false;
};
// Precondition: text is not empty.
[[nodiscard]] DecodedRune decode_rune(std::string_view text) noexcept;
// Precondition: a Unicode scalar value.
void append_rune(std::string& out, char32_t rune);
// Every invalid byte becomes U+FFFD.
[[nodiscard]] std::string to_valid_utf8(std::string_view text);

}  // namespace narthex::util
