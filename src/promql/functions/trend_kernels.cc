// changes, resets, deriv, predict_linear, double_exponential_smoothing.
#include <cmath>

#include "promql/functions/range_kernels.h"
#include "promql/functions/statistics.h"

namespace narthex::promql {
namespace {

// counts[i] = how many j <= i have event(v[j-1], v[j]); a window's number is then a difference of
// two.
template <class Event>
std::uint64_t count_events(const FloatSamples& samples, const WindowGrid& grid,
                           KernelScratch& scratch, ColumnRef out, Event event) {
  const auto v = samples.values;
  std::vector<std::uint32_t>& counts = scratch.indices;
  counts.assign(v.size(), 0);
  for (std::size_t i = 1; i < v.size(); ++i)
    counts[i] = counts[i - 1] + (event(v[i - 1], v[i]) ? 1U : 0U);
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    out.set(w.step, static_cast<double>(counts[w.end - 1] - counts[w.begin]));
  });
}

Line regress_window(const FloatSamples& samples, const Window& w, model::TimestampMs origin) {
  return regress(samples.timestamps.subspan(w.begin, w.size()),
                 samples.values.subspan(w.begin, w.size()), origin);
}

double smooth(std::span<const double> x, double smoothing, double trend) noexcept {
  double before = 0;
  double level = x[0];
  double slope = x[1] - x[0];
  for (std::size_t i = 1; i < x.size(); ++i) {
    const double scaled = smoothing * x[i];
    if (i > 1) slope = trend * (level - before) + (1 - trend) * slope;
    before = level;
    level = scaled + (1 - smoothing) * (level + slope);
  }
  return level;
}

}  // namespace

std::uint64_t kernel_changes(const FloatSamples& samples, const WindowGrid& grid,
                             const KernelArguments&, KernelScratch& scratch, ColumnRef out) {
  return count_events(samples, grid, scratch, out, [](double before, double after) {
    return before != after && !(std::isnan(before) && std::isnan(after));
  });
}

std::uint64_t kernel_resets(const FloatSamples& samples, const WindowGrid& grid,
                            const KernelArguments&, KernelScratch& scratch, ColumnRef out) {
  return count_events(samples, grid, scratch, out,
                      [](double before, double after) { return after < before; });
}

std::uint64_t kernel_deriv(const FloatSamples& samples, const WindowGrid& grid,
                           const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    if (w.size() < 2) return;
    out.set(w.step, regress_window(samples, w, samples.timestamps[w.begin]).slope);
  });
}

std::uint64_t kernel_predict_linear(const FloatSamples& samples, const WindowGrid& grid,
                                    const KernelArguments& arguments, KernelScratch&,
                                    ColumnRef out) {
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    if (w.size() < 2) return;
    const Line line = regress_window(samples, w, grid.evaluation.at(w.step));
    out.set(w.step, line.slope * arguments.first[w.step] + line.intercept);
  });
}

std::uint64_t kernel_double_exponential_smoothing(const FloatSamples& samples,
                                                  const WindowGrid& grid,
                                                  const KernelArguments& arguments, KernelScratch&,
                                                  ColumnRef out) {
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    if (w.size() < 2) return;
    out.set(w.step, smooth(samples.values.subspan(w.begin, w.size()), arguments.first[w.step],
                           arguments.second[w.step]));
  });
}

}  // namespace narthex::promql
