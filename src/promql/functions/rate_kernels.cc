// rate, increase, delta, irate, idelta.
#include <algorithm>
#include <array>

#include "promql/functions/extrapolation.h"
#include "promql/functions/range_kernels.h"

namespace narthex::promql {
namespace {

enum class Extrapolated { kRate, kIncrease, kDelta };

// Windows that wait for their results: gathered one by one, computed many at a time.
template <Extrapolated kWhat>
class WindowBatch {
 public:
  WindowBatch(double range_seconds, ColumnRef out) : range_seconds_(range_seconds), out_(out) {}

  void add(std::size_t step, const Extrapolation& e, double first_value, double change) {
    steps_[size_] = step;
    const ExtrapolationTerms terms = terms_of(e);
    interval_ms_[size_] = terms.interval_ms;
    gaps_[size_] = terms.gaps;
    to_start_ms_[size_] = terms.to_start_ms;
    to_end_ms_[size_] = terms.to_end_ms;
    first_values_[size_] = first_value;
    changes_[size_] = change;
    if (++size_ == kSize) finish();
  }

  // What is left: to be called when all have been added.
  void finish() {
    compute();
    for (std::size_t i = 0; i < size_; ++i) out_.set(steps_[i], changes_[i]);
    size_ = 0;
  }

 private:
  static constexpr std::size_t kSize = 64;

  void compute() noexcept {
    constexpr bool kCounter = kWhat != Extrapolated::kDelta;
    for (std::size_t i = 0; i < size_; ++i) {
      const ExtrapolationTerms terms{.interval_ms = interval_ms_[i],
                                     .gaps = gaps_[i],
                                     .to_start_ms = to_start_ms_[i],
                                     .to_end_ms = to_end_ms_[i]};
      double factor = extrapolation_factor<kCounter>(terms, first_values_[i], changes_[i]);
      if constexpr (kWhat == Extrapolated::kRate) factor /= range_seconds_;
      changes_[i] *= factor;
    }
  }

  const double range_seconds_;
  const ColumnRef out_;
  std::size_t size_ = 0;
  std::array<std::size_t, kSize> steps_;
  std::array<double, kSize> interval_ms_;
  std::array<double, kSize> gaps_;
  std::array<double, kSize> to_start_ms_;
  std::array<double, kSize> to_end_ms_;
  std::array<double, kSize> first_values_;
  std::array<double, kSize> changes_;  // And then the results.
};

// Most counters never do; this finds it out faster than looking for the places.
[[nodiscard]] bool ever_falls(std::span<const double> values) noexcept {
  std::uint64_t falls = 0;
  for (std::size_t i = 1; i < values.size(); ++i)
    falls |= static_cast<std::uint64_t>(values[i] < values[i - 1]);
  return falls != 0;
}

template <Extrapolated kWhat>
std::uint64_t extrapolate(const FloatSamples& samples, const WindowGrid& grid,
                          KernelScratch& scratch, ColumnRef out) {
  constexpr bool kCounter = kWhat != Extrapolated::kDelta;
  const auto t = samples.timestamps;
  const auto v = samples.values;
  std::vector<std::uint32_t>& resets = scratch.indices;  // i with v[i] < v[i-1], ascending.
  resets.clear();
  if (kCounter && ever_falls(v)) {
    for (std::size_t i = 1; i < v.size(); ++i) {
      if (v[i] < v[i - 1]) resets.push_back(static_cast<std::uint32_t>(i));
    }
  }
  WindowBatch<kWhat> batch(seconds_of(grid.range_ms), out);
  std::size_t first_reset = 0;
  const std::uint64_t sample_count = for_each_window(t, grid, [&](const Window& w) {
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
    batch.add(w.step,
              {.sample_count = w.size(),
               .first = t[w.begin],
               .last = t[last],
               .window_start = w.ref - grid.range_ms,
               .window_end = w.ref},
              v[w.begin], change);
  });
  batch.finish();
  return sample_count;
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
