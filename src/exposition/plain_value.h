// What the two text formats have in common in their fast path: the short way to read a number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace narthex::exposition {

[[nodiscard]] inline bool is_name_byte(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':';
}

inline constexpr std::array<double, 16> kPowersOfTen = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
inline constexpr std::uint64_t kExactIntegerMax = 1ULL << 53U;
inline constexpr std::ptrdiff_t kPlainBytesMax =
    17;  // 16 digits and a point: no overflow of the 64 bits below.

// "-123.25" in one pass over its bytes: an exact integer and one exact division (Clinger's fast
// path). Stops at the first byte that does not belong; null when that is not a blank or the
// newline, or when the number needs the general way. Precondition: a newline follows.
[[nodiscard]] inline const char* parse_plain_value(const char* p, double& out) noexcept {
  const bool negative = *p == '-';
  p += negative ? 1 : 0;
  const char* const begin = p;
  std::uint64_t digits = 0;
  while (static_cast<unsigned char>(*p - '0') < 10)
    digits = digits * 10 + static_cast<std::uint64_t>(*p++ - '0');
  std::size_t fraction_digits = 0;
  if (*p == '.') {
    const char* const point = p++;
    while (static_cast<unsigned char>(*p - '0') < 10)
      digits = digits * 10 + static_cast<std::uint64_t>(*p++ - '0');
    fraction_digits = static_cast<std::size_t>(p - point - 1);
    if (p - begin == 1) return nullptr;
  }
  if (*p != '\n' && *p != ' ' && *p != '\t') return nullptr;
  if (p == begin || p - begin > kPlainBytesMax || digits > kExactIntegerMax || fraction_digits > 15)
    return nullptr;
  const double value = static_cast<double>(digits) / kPowersOfTen[fraction_digits];
  out = negative ? -value : value;
  return p;
}

}  // namespace narthex::exposition
