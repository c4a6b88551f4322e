// Finds the end of a line of the text format and the last closing brace before it, 16 bytes at a
// time.
#pragma once

#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace narthex::exposition {

struct LineScan {
  const char* newline = nullptr;  // Null: no newline up to the end.
  const char* brace = nullptr;    // The last '}' before it; null: none.
};

// The definition; also does what is left over at the end of a buffer.
[[nodiscard]] inline LineScan scan_line_plain(const char* p, const char* end,
                                              const char* brace = nullptr) noexcept {
  for (; p != end; ++p) {
    if (*p == '\n') return {p, brace};
    if (*p == '}') brace = p;
  }
  return {nullptr, brace};
}

#if defined(__SSE2__)
[[nodiscard]] inline LineScan scan_line(const char* p, const char* end) noexcept {
  const __m128i newlines = _mm_set1_epi8('\n');
  const __m128i braces = _mm_set1_epi8('}');
  const char* brace = nullptr;
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto newline_bits =
        static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, newlines)));
    auto brace_bits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, braces)));
    if (newline_bits != 0) {
      const int at = std::countr_zero(newline_bits);
      brace_bits &= (1U << at) - 1U;
      if (brace_bits != 0) brace = p + (31 - std::countl_zero(brace_bits));
      return {p + at, brace};
    }
    if (brace_bits != 0) brace = p + (31 - std::countl_zero(brace_bits));
  }
  return scan_line_plain(p, end, brace);
}
#else
[[nodiscard]] inline LineScan scan_line(const char* p, const char* end) noexcept {
  const auto* newline =
      static_cast<const char*>(std::memchr(p, '\n', static_cast<std::size_t>(end - p)));
  const char* stop = newline != nullptr ? newline : end;
  const auto* brace =
      static_cast<const char*>(::memrchr(p, '}', static_cast<std::size_t>(stop - p)));
  return {newline, brace};
}
#endif

}  // namespace narthex::exposition
