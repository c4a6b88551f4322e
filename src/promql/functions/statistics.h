// Order statistics and regression, shared by range functions and aggregations. Definitions:
// promql.md §5, §6.3.
#pragma once

#include <span>

#include "narthex/model/timestamp.h"

namespace narthex::promql {

// The q-quantile, linear between neighbours; NaN counts as the smallest value. q < 0 gives -Inf, q
// > 1 gives +Inf, a NaN q or no values NaN. Reorders `values`.
[[nodiscard]] double quantile_in_place(double q, std::span<double> values) noexcept;

// Median of the distances from the median. NaN if any value is. Reorders and overwrites `values`.
// Precondition: not empty.
[[nodiscard]] double median_absolute_deviation_in_place(std::span<double> values) noexcept;

struct Line {
  double slope = 0;      // A second.
  double intercept = 0;  // At `origin`.
};
// Least squares. Precondition: at least two samples.
[[nodiscard]] Line regress(std::span<const model::TimestampMs> timestamps,
                           std::span<const double> values, model::TimestampMs origin) noexcept;

}  // namespace narthex::promql
