// How far beyond its samples a window's change is extrapolated: promql.md §6.3, steps 3 to 6.
#pragma once

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

// A window as doubles: all that the factor depends on.
struct ExtrapolationTerms {
  double interval_ms = 0;  // Between the first and the last sample.
  double gaps = 1;         // Between samples: their number less one.
  double to_start_ms = 0;  // From the window's start to the first sample.
  double to_end_ms = 0;    // From the last sample to the window's end.
};

[[nodiscard]] inline ExtrapolationTerms terms_of(const Extrapolation& e) noexcept {
  return {.interval_ms = static_cast<double>(e.last - e.first),
          .gaps = static_cast<double>(e.sample_count - 1),
          .to_start_ms = static_cast<double>(e.first - e.window_start),
          .to_end_ms = static_cast<double>(e.window_end - e.last)};
}

// By what to multiply the change between the first and the last sample. `first_value` and `change`
// are the counter's (or the histogram's counts); gauges do not look at them. Without branches, so
// that loops over it can be vectorized.
template <bool kCounter>
[[nodiscard]] inline double extrapolation_factor(const ExtrapolationTerms& terms,
                                                 double first_value, double change) noexcept {
  constexpr double kMillisecondsPerSecond = 1000.0;
  // A gap at an end of the window counts as real when it exceeds the mean distance of samples by
  // this factor.
  constexpr double kGapTolerance = 1.1;
  const double interval = terms.interval_ms / kMillisecondsPerSecond;
  const double between = interval / terms.gaps;
  const double threshold = between * kGapTolerance;
  double to_start = terms.to_start_ms / kMillisecondsPerSecond;
  double to_end = terms.to_end_ms / kMillisecondsPerSecond;
  to_start = to_start >= threshold ? between / 2 : to_start;
  if constexpr (kCounter) {
    // A counter cannot have been below zero: do not reach back further than where its line meets
    // it.
    const double to_zero = interval * (first_value / change);
    const bool meets_zero = (change > 0) & (first_value >= 0) & (to_zero < to_start);
    to_start = meets_zero ? to_zero : to_start;
  }
  to_end = to_end >= threshold ? between / 2 : to_end;
  const double factor = (interval + to_start + to_end) / interval;
  return interval == 0 ? 1 : factor;
}
template <bool kCounter>
[[nodiscard]] inline double extrapolation_factor(const Extrapolation& e, double first_value,
                                                 double change) noexcept {
  return extrapolation_factor<kCounter>(terms_of(e), first_value, change);
}

}  // namespace narthex::promql
