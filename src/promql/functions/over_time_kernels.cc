// The *_over_time family.
#include <cmath>

#include "promql/functions/kahan.h"
#include "promql/functions/range_kernels.h"
#include "promql/functions/statistics.h"

namespace narthex::promql {
namespace {

constexpr double kMillisecondsPerSecond = 1000.0;

// Sums are taken afresh for each window: moving them along would not give the definition's bits.
template <class Accumulator>
Accumulator accumulate(const FloatSamples& samples, const Window& w) noexcept {
  Accumulator accumulator;
  for (std::size_t i = w.begin; i < w.end; ++i) accumulator.add(samples.values[i]);
  return accumulator;
}

// Welford's variance, compensated.
struct Variance {
  KahanSum mean;
  KahanSum squares;
  double count = 0;
  void add(double x) noexcept {
    count += 1;
    const double delta = x - mean.total();
    mean.add(delta / count);
    squares.add(delta * (x - mean.total()));
  }
  [[nodiscard]] double population() const noexcept { return squares.total() / count; }
};

// The extreme of each window from a monotonic queue: every sample enters and leaves once. NaN loses
// against any number, so it never enters; of nothing but NaN, `nan_index` picks one.
// supersedes(new, old) tells whether a later sample makes an earlier one worthless: min and max
// keep the first of equal values (0 and -0 are equal), ts_of_* name the last.
template <class Supersedes, class NanIndex, class Emit>  // Emit: void(step, index of the extreme).
std::uint64_t for_each_extreme(const FloatSamples& samples, const WindowGrid& grid,
                               KernelScratch& scratch, Supersedes supersedes, NanIndex nan_index,
                               Emit emit) {
  const auto v = samples.values;
  std::vector<std::uint32_t>& queue = scratch.indices;  // Candidates, best first; queue[head…].
  queue.clear();
  std::size_t head = 0;
  std::size_t seen = 0;
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    for (; seen < w.end; ++seen) {
      if (std::isnan(v[seen])) continue;
      while (queue.size() > head && supersedes(v[seen], v[queue.back()])) queue.pop_back();
      queue.push_back(static_cast<std::uint32_t>(seen));
    }
    while (head < queue.size() && queue[head] < w.begin) ++head;
    emit(w.step, head < queue.size() ? queue[head] : nan_index(w));
  });
}

constexpr auto kLess = [](double a, double b) { return a < b; };
constexpr auto kLessOrEqual = [](double a, double b) { return a <= b; };
constexpr auto kGreater = [](double a, double b) { return a > b; };
constexpr auto kGreaterOrEqual = [](double a, double b) { return a >= b; };
constexpr auto kFirstOf = [](const Window& w) { return w.begin; };
constexpr auto kLastOf = [](const Window& w) { return w.end - 1; };

double at_seconds(const FloatSamples& samples, std::size_t index) noexcept {
  return static_cast<double>(samples.timestamps[index]) / kMillisecondsPerSecond;
}

std::span<double> copy_window(const FloatSamples& samples, const Window& w,
                              KernelScratch& scratch) {
  const auto part = samples.values.subspan(w.begin, w.size());
  scratch.values.assign(part.begin(), part.end());
  return scratch.values;
}

}  // namespace

std::uint64_t kernel_sum(const FloatSamples& samples, const WindowGrid& grid,
                         const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    out.set(w.step, accumulate<KahanSum>(samples, w).total());
  });
}

std::uint64_t kernel_avg(const FloatSamples& samples, const WindowGrid& grid,
                         const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    out.set(w.step, accumulate<KahanMean>(samples, w).mean());
  });
}

std::uint64_t kernel_count(const FloatSamples& samples, const WindowGrid& grid,
                           const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid,
                         [&](const Window& w) { out.set(w.step, static_cast<double>(w.size())); });
}

std::uint64_t kernel_present(const FloatSamples& samples, const WindowGrid& grid,
                             const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid, [&](const Window& w) { out.set(w.step, 1); });
}

std::uint64_t kernel_min(const FloatSamples& samples, const WindowGrid& grid,
                         const KernelArguments&, KernelScratch& scratch, ColumnRef out) {
  return for_each_extreme(
      samples, grid, scratch, kLess, kFirstOf,
      [&](std::size_t step, std::size_t index) { out.set(step, samples.values[index]); });
}

std::uint64_t kernel_max(const FloatSamples& samples, const WindowGrid& grid,
                         const KernelArguments&, KernelScratch& scratch, ColumnRef out) {
  return for_each_extreme(
      samples, grid, scratch, kGreater, kFirstOf,
      [&](std::size_t step, std::size_t index) { out.set(step, samples.values[index]); });
}

std::uint64_t kernel_first(const FloatSamples& samples, const WindowGrid& grid,
                           const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid,
                         [&](const Window& w) { out.set(w.step, samples.values[w.begin]); });
}

std::uint64_t kernel_last(const FloatSamples& samples, const WindowGrid& grid,
                          const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid,
                         [&](const Window& w) { out.set(w.step, samples.values[w.end - 1]); });
}

std::uint64_t kernel_stddev(const FloatSamples& samples, const WindowGrid& grid,
                            const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    out.set(w.step, std::sqrt(accumulate<Variance>(samples, w).population()));
  });
}

std::uint64_t kernel_stdvar(const FloatSamples& samples, const WindowGrid& grid,
                            const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    out.set(w.step, accumulate<Variance>(samples, w).population());
  });
}

std::uint64_t kernel_quantile(const FloatSamples& samples, const WindowGrid& grid,
                              const KernelArguments& arguments, KernelScratch& scratch,
                              ColumnRef out) {
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    out.set(w.step, quantile_in_place(arguments.first[w.step], copy_window(samples, w, scratch)));
  });
}

std::uint64_t kernel_mad(const FloatSamples& samples, const WindowGrid& grid,
                         const KernelArguments&, KernelScratch& scratch, ColumnRef out) {
  return for_each_window(samples.timestamps, grid, [&](const Window& w) {
    out.set(w.step, median_absolute_deviation_in_place(copy_window(samples, w, scratch)));
  });
}

std::uint64_t kernel_ts_of_first(const FloatSamples& samples, const WindowGrid& grid,
                                 const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid,
                         [&](const Window& w) { out.set(w.step, at_seconds(samples, w.begin)); });
}

std::uint64_t kernel_ts_of_last(const FloatSamples& samples, const WindowGrid& grid,
                                const KernelArguments&, KernelScratch&, ColumnRef out) {
  return for_each_window(samples.timestamps, grid,
                         [&](const Window& w) { out.set(w.step, at_seconds(samples, w.end - 1)); });
}

std::uint64_t kernel_ts_of_min(const FloatSamples& samples, const WindowGrid& grid,
                               const KernelArguments&, KernelScratch& scratch, ColumnRef out) {
  return for_each_extreme(
      samples, grid, scratch, kLessOrEqual, kLastOf,
      [&](std::size_t step, std::size_t index) { out.set(step, at_seconds(samples, index)); });
}

std::uint64_t kernel_ts_of_max(const FloatSamples& samples, const WindowGrid& grid,
                               const KernelArguments&, KernelScratch& scratch, ColumnRef out) {
  return for_each_extreme(
      samples, grid, scratch, kGreaterOrEqual, kLastOf,
      [&](std::size_t step, std::size_t index) { out.set(step, at_seconds(samples, index)); });
}

}  // namespace narthex::promql
