// How far beyond its samples a window's change is extrapolated: promql.md §6.3, steps 3 to 6.
#pragma once

#include <algorithm>
#include <cstddef>

#include "narthex/model/timestamp.h"

namespace narthex::promql {

struct Extrapolation {
  std::size_t sample_count = 0;  // At least 2.
  model::TimestampMs first = 0;  // Times of the first and the last sample.
  model::TimestampMs last = 0;
  model::TimestampMs window_start = 0;
  model::TimestampMs window_end = 0;
};

[[nodiscard]] inline double seconds_of(std::int64_t ms) noexcept {
  constexpr double kMillisecondsPerSecond = 1000.0;
  return static_cast<double>(ms) / kMillisecondsPerSecond;
}

// By what to multiply the change between the first and the last sample. `first_value` and `change`
// are the counter's (or the histogram's counts); gauges do not look at them.
template <bool kCounter>
[[nodiscard]] double extrapolation_factor(const Extrapolation& e, double first_value,
                                          double change) noexcept {
  // A gap at an end of the window counts as real when it exceeds the mean distance of samples by
  // this factor.
  constexpr double kGapTolerance = 1.1;
  const double interval = seconds_of(e.last - e.first);
  if (interval == 0) return 1;
  const double between = interval / static_cast<double>(e.sample_count - 1);
  const double threshold = between * kGapTolerance;
  double to_start = seconds_of(e.first - e.window_start);
  double to_end = seconds_of(e.window_end - e.last);
  if (to_start >= threshold) to_start = between / 2;
  if constexpr (kCounter) {
    // A counter cannot have been below zero: do not reach back further than where its line meets
    // it.
    if (change > 0 && first_value >= 0)
      to_start = std::min(to_start, interval * (first_value / change));
  }
  if (to_end >= threshold) to_end = between / 2;
  return (interval + to_start + to_end) / interval;
}

}  // namespace narthex::promql
