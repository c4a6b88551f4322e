// Where chunks end in time (ST-H1, ST-H2). Threads: functions without state.
#pragma once

#include <cmath>
#include <cstdint>

#include "narthex/model/timestamp.h"

namespace narthex::tsdb {

// The end of the aligned range that holds t.
[[nodiscard]] inline model::TimestampMs range_end(model::TimestampMs t,
                                                  std::int64_t range_ms) noexcept {
  const std::int64_t into = ((t % range_ms) + range_ms) % range_ms;
  return model::add_saturated(t, range_ms - into);
}

// Of a chunk that began at `start`, is at `current` now and will be so many times as full: predicts
// the end so that equal chunks fill the range.
[[nodiscard]] inline model::TimestampMs predict_end(model::TimestampMs start,
                                                    model::TimestampMs current,
                                                    model::TimestampMs end,
                                                    double ratio_to_full) noexcept {
  const double left = static_cast<double>(end) - static_cast<double>(start);
  const double chunks =
      left / ((static_cast<double>(current) - static_cast<double>(start) + 1) * ratio_to_full);
  if (chunks <= 1) return end;
  return static_cast<model::TimestampMs>(static_cast<double>(start) + left / std::floor(chunks));
}

}  // namespace narthex::tsdb
