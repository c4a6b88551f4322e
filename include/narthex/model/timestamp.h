// Time of a sample: milliseconds since the Unix epoch, as everywhere in Prometheus' formats.
#pragma once

#include <cstdint>
#include <limits>

namespace narthex::model {

using TimestampMs = std::int64_t;

inline constexpr TimestampMs kTimestampMin = std::numeric_limits<TimestampMs>::min();
inline constexpr TimestampMs kTimestampMax = std::numeric_limits<TimestampMs>::max();

// Both ends belong to the range; min > max is the empty range.
struct TimeRange {
  TimestampMs min = kTimestampMin;
  TimestampMs max = kTimestampMax;
  [[nodiscard]] constexpr bool contains(TimestampMs t) const noexcept {
    return t >= min && t <= max;
  }
  [[nodiscard]] constexpr bool overlaps(const TimeRange& other) const noexcept {
    return min <= other.max && other.min <= max;
  }
  friend constexpr bool operator==(const TimeRange&, const TimeRange&) = default;
};

// Addition and subtraction that stop at the ends of the range instead of overflowing.
[[nodiscard]] constexpr TimestampMs add_saturated(TimestampMs t, std::int64_t delta_ms) noexcept {
  TimestampMs sum = 0;
  if (!__builtin_add_overflow(t, delta_ms, &sum)) return sum;
  return delta_ms > 0 ? kTimestampMax : kTimestampMin;
}
[[nodiscard]] constexpr TimestampMs sub_saturated(TimestampMs t, std::int64_t delta_ms) noexcept {
  TimestampMs difference = 0;
  if (!__builtin_sub_overflow(t, delta_ms, &difference)) return difference;
  return delta_ms > 0 ? kTimestampMin : kTimestampMax;
}

}  // namespace narthex::model
