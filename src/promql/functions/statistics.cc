#include "promql/functions/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "promql/functions/kahan.h"

namespace narthex::promql {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kMillisecondsPerSecond = 1000.0;

bool nan_first(double a, double b) noexcept {
  return std::isnan(a) ? !std::isnan(b) : a < b;
}

}  // namespace

double quantile_in_place(double q, std::span<double> values) noexcept {
  if (values.empty() || std::isnan(q)) return kNan;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  const std::size_t last = values.size() - 1;
  const double rank = q * static_cast<double>(last);
  const double floor = std::floor(rank);
  const auto lower = static_cast<std::size_t>(floor);
  // Selecting instead of sorting: what lies at `lower` and the smallest of what follows are all
  // that is needed.
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(lower), nan_first);
  const double at_lower = values[lower];
  const double at_upper =
      lower == last ? at_lower : *std::ranges::min_element(values.subspan(lower + 1), nan_first);
  const double weight = rank - floor;
  return at_lower * (1 - weight) + at_upper * weight;
}

double median_absolute_deviation_in_place(std::span<double> values) noexcept {
  const double median = quantile_in_place(0.5, values);
  for (double& value : values) {
    if (std::isnan(value)) return kNan;
    value = std::fabs(value - median);
  }
  return quantile_in_place(0.5, values);
}

Line regress(std::span<const model::TimestampMs> timestamps, std::span<const double> values,
             model::TimestampMs origin) noexcept {
  const bool constant = std::ranges::all_of(values, [&](double y) { return y == values.front(); });
  if (constant) {
    if (std::isinf(values.front())) return {kNan, kNan};
    return {0, values.front()};
  }
  KahanSum x_sum;
  KahanSum y_sum;
  KahanSum xy_sum;
  KahanSum xx_sum;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(timestamps[i] - origin) / kMillisecondsPerSecond;
    x_sum.add(x);
    y_sum.add(values[i]);
    xy_sum.add(x * values[i]);
    xx_sum.add(x * x);
  }
  const auto n = static_cast<double>(values.size());
  const double x = x_sum.total();
  const double y = y_sum.total();
  const double covariance = xy_sum.total() - x * y / n;
  const double variance = xx_sum.total() - x * x / n;
  const double slope = covariance / variance;
  return {slope, y / n - slope * x / n};
}

}  // namespace narthex::promql
