// How much the histograms of a window grew: what rate and its relatives are made of.
#pragma once

#include <algorithm>
#include <span>

#include "promql/functions/histogram_kernels.h"
#include "promql/functions/histogram_math.h"

namespace narthex::promql {

// Of one window, in order of time.
using Histograms = std::span<const model::FloatHistogram* const>;

[[nodiscard]] bool mixes_schemas(Histograms histograms);
[[nodiscard]] HistogramPtr as_gauge(const model::FloatHistogram& histogram);
void check_hints(Histograms histograms, bool counter, HistogramNotes& notes);
// Null if the layouts cannot be put together.
[[nodiscard]] HistogramPtr subtract(const model::FloatHistogram& left,
                                    const model::FloatHistogram& right, HistogramNotes& notes);
[[nodiscard]] HistogramPtr add(const model::FloatHistogram& left,
                               const model::FloatHistogram& right, HistogramNotes& notes);

// The last histogram minus the first (or, `from_zero`, minus nothing), with what was lost at resets
// added again. begins_anew(i): there is a reset between i - 1 and i; for gauges, never. Null if the
// layouts cannot be put together. Precondition: at least one histogram; two if not from_zero.
template <class BeginsAnew>
[[nodiscard]] HistogramPtr change_of(Histograms h, bool from_zero, BeginsAnew&& begins_anew,
                                     HistogramNotes& notes) {
  // Nothing of the first is left when the second starts anew: its layout must not matter either.
  const bool skip_first = !from_zero && begins_anew(std::size_t{1});
  HistogramPtr change =
      from_zero || skip_first ? as_gauge(*h.back()) : subtract(*h.back(), *h.front(), notes);
  for (std::size_t i = skip_first ? 2 : 1; change && i < h.size(); ++i) {
    if (begins_anew(i)) change = add(*change, *h[i - 1], notes);
  }
  return change;
}

}  // namespace narthex::promql
