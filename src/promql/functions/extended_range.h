// Range selectors with boundaries (feature promql-extended-range-selectors, promql.md §6.3):
// `anchored` takes the newest sample at or before the start of the window for its first value,
// `smoothed` interpolates the values at both ends.
#pragma once

#include <cstdint>

#include "narthex/promql/ast.h"
#include "narthex/promql/column.h"
#include "narthex/promql/functions.h"

#include "promql/functions/histogram_kernels.h"
#include "promql/functions/window.h"

namespace narthex::promql {

struct ExtendedRange {
  Extension extension = Extension::kAnchored;  // Not kNone.
  // How far before the window (and, smoothed, behind it) a sample may lie.
  std::int64_t lookback_ms = 0;
};

// Anchored: changes, delta, increase, rate, resets. Smoothed: delta, increase, rate.
[[nodiscard]] bool extends(FunctionId function, Extension extension) noexcept;

// `samples` reach as far as the lookback does; `out` is empty. Precondition: extends().
void fill_extended(FunctionId function, const RangeSamples& samples, const WindowGrid& grid,
                   const ExtendedRange& range, ColumnRef out, HistogramNotes& notes);

// How many samples the window of each step holds, those that the lookback reaches included.
[[nodiscard]] std::vector<std::uint64_t> extended_window_sizes(const RangeSamples& samples,
                                                               const WindowGrid& grid,
                                                               const ExtendedRange& range);

// The floats of the first window with its boundaries as samples of their own: at its start and at
// its end. Empty when the window is.
struct BoundedFloats {
  std::vector<model::TimestampMs> timestamps;
  std::vector<double> values;
};
[[nodiscard]] BoundedFloats bounded_window(const FloatSamples& samples, const WindowGrid& grid,
                                           const ExtendedRange& range);

// The value at `time` on the line between two values or histograms. Null if the histograms cannot
// be put together.
struct Between {
  model::TimestampMs before = 0;
  model::TimestampMs after = 0;  // > before
  model::TimestampMs time = 0;   // Between them.
  [[nodiscard]] double share() const noexcept {
    return static_cast<double>(time - before) / static_cast<double>(after - before);
  }
};
[[nodiscard]] double interpolated(const Between& at, double before, double after) noexcept;
[[nodiscard]] HistogramPtr interpolated(const Between& at, const model::FloatHistogram& before,
                                        const model::FloatHistogram& after, HistogramNotes& notes);

}  // namespace narthex::promql
