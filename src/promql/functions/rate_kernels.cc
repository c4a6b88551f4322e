// rate, increase, delta, irate, idelta.
#include <algorithm>

#include "promql/functions/extrapolation.h"
#include "promql/functions/range_kernels.h"

namespace narthex::promql {
namespace {

enum class Extrapolated { kRate, kIncrease, kDelta };

template <Extrapolated kWhat>
std::uint64_t extrapolate(const FloatSamples& samples, const WindowGrid& grid,
                          KernelScratch& scratch, ColumnRef out) {
  constexpr bool kCounter = kWhat != Extrapolated::kDelta;
  const auto t = samples.timestamps;
  const auto v = samples.values;
  std::vector<std::uint32_t>& resets = scratch.indices;  // i with v[i] < v[i-1], ascending.
  resets.clear();
  if constexpr (kCounter) {
    for (std::size_t i = 1; i < v.size(); ++i) {
      if (v[i] < v[i - 1]) resets.push_back(static_cast<std::uint32_t>(i));
    }
  }
  const double range_seconds = seconds_of(grid.range_ms);
  std::size_t first_reset = 0;
  return for_each_window(t, grid, [&](const Window& w) {
    if (w.size() < 2) return;
    const std::size_t last = w.end - 1;
    double change = v[last] - v[w.begin];
    if constexpr (kCounter) {
      // The corrections are added one by one, from the left: a difference of prefix sums would
      // round differently.
      while (first_reset < resets.size() && resets[first_reset] <= w.begin) ++first_reset;
      for (std::size_t r = first_reset; r < resets.size() && resets[r] < w.end; ++r)
        change += v[resets[r] - 1];
    }
    double factor = extrapolation_factor<kCounter>({.sample_count = w.size(),
                                                    .first = t[w.begin],
                                                    .last = t[last],
                                                    .window_start = w.ref - grid.range_ms,
                                                    .window_end = w.ref},
                                                   v[w.begin], change);
    if constexpr (kWhat == Extrapolated::kRate) factor /= range_seconds;
    out.set(w.step, change * factor);
  });
}

template <bool kRate>
std::uint64_t instant_change(const FloatSamples& samples, const WindowGrid& grid, ColumnRef out) {
  const auto t = samples.timestamps;
  const auto v = samples.values;
  return for_each_window(t, grid, [&](const Window& w) {
    if (w.size() < 2) return;
    const std::size_t last = w.end - 1;
    const std::int64_t interval_ms = t[last] - t[last - 1];
    if (interval_ms == 0) return;
    if constexpr (kRate) {
      const bool reset = v[last] < v[last - 1];
      out.set(w.step, (reset ? v[last] : v[last] - v[last - 1]) / seconds_of(interval_ms));
    } else {
      out.set(w.step, v[last] - v[last - 1]);
    }
  });
}

}  // namespace

std::uint64_t kernel_rate(const FloatSamples& samples, const WindowGrid& grid,
                          const KernelArguments&, KernelScratch& scratch, ColumnRef out) {
  return extrapolate<Extrapolated::kRate>(samples, grid, scratch, out);
}

std::uint64_t kernel_increase(const FloatSamples& samples, const WindowGrid& grid,
                              const KernelArguments&, KernelScratch& scratch, ColumnRef out) {
  return extrapolate<Extrapolated::kIncrease>(samples, grid, scratch, out);
}

std::uint64_t kernel_delta(const FloatSamples& samples, const WindowGrid& grid,
                           const KernelArguments&, KernelScratch& scratch, ColumnRef out) {
  return extrapolate<Extrapolated::kDelta>(samples, grid, scratch, out);
}

std::uint64_t kernel_irate(const FloatSamples& samples, const WindowGrid& grid,
                           const KernelArguments&, KernelScratch&, ColumnRef out) {
  return instant_change<true>(samples, grid, out);
}

std::uint64_t kernel_idelta(const FloatSamples& samples, const WindowGrid& grid,
                            const KernelArguments&, KernelScratch&, ColumnRef out) {
  return instant_change<false>(samples, grid, out);
}

}  // namespace narthex::promql
