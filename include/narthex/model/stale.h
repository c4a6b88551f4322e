// The two NaNs that mean something. Always compared by bits: any other NaN is just a value that is
// not a number.
#pragma once

#include <bit>
#include <cstdint>

namespace narthex::model {

inline constexpr std::uint64_t kStaleNanBits = 0x7ff0000000000002ULL;  // "The series ended here."
inline constexpr std::uint64_t kNormalNanBits =
    0x7ff8000000000001ULL;  // What every exposed NaN is stored as.

[[nodiscard]] inline double stale_nan() noexcept {
  return std::bit_cast<double>(kStaleNanBits);
}
[[nodiscard]] inline double normal_nan() noexcept {
  return std::bit_cast<double>(kNormalNanBits);
}
[[nodiscard]] inline bool is_stale(double value) noexcept {
  return std::bit_cast<std::uint64_t>(value) == kStaleNanBits;
}

}  // namespace narthex::model
