// The range functions on floats: each fills a column from a series' samples, one value for each
// step whose window holds enough of them. Definitions: promql.md §6.3. Slow versions that follow
// the definitions word by word live in the tests.
#pragma once

#include <cstdint>
#include <vector>

#include "narthex/promql/column.h"

#include "promql/functions/window.h"

namespace narthex::promql {

// Buffers that a thread keeps between series. Threads: confined.
struct KernelScratch {
  std::vector<std::uint32_t> indices;
  std::vector<double> values;
  // What it keeps allocated.
  [[nodiscard]] std::size_t capacity_bytes() const noexcept {
    return indices.capacity() * sizeof(std::uint32_t) + values.capacity() * sizeof(double);
  }
};

// The scalar arguments of a call, by step: quantile_over_time's q, predict_linear's t, the two
// smoothing factors.
struct KernelArguments {
  std::span<const double> first;  // As long as the grid's steps, or empty.
  std::span<const double> second;
};

// `out` is empty and has grid.steps steps. Returns how many samples all windows held together.
using RangeKernel = std::uint64_t (*)(const FloatSamples& samples, const WindowGrid& grid,
                                      const KernelArguments& arguments, KernelScratch& scratch,
                                      ColumnRef out);

std::uint64_t kernel_rate(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                          KernelScratch&, ColumnRef out);
std::uint64_t kernel_increase(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                              KernelScratch&, ColumnRef out);
std::uint64_t kernel_delta(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                           KernelScratch&, ColumnRef out);
std::uint64_t kernel_irate(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                           KernelScratch&, ColumnRef out);
std::uint64_t kernel_idelta(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                            KernelScratch&, ColumnRef out);

std::uint64_t kernel_sum(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                         KernelScratch&, ColumnRef out);
std::uint64_t kernel_avg(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                         KernelScratch&, ColumnRef out);
std::uint64_t kernel_count(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                           KernelScratch&, ColumnRef out);
std::uint64_t kernel_present(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                             KernelScratch&, ColumnRef out);
std::uint64_t kernel_min(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                         KernelScratch&, ColumnRef out);
std::uint64_t kernel_max(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                         KernelScratch&, ColumnRef out);
std::uint64_t kernel_first(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                           KernelScratch&, ColumnRef out);
std::uint64_t kernel_last(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                          KernelScratch&, ColumnRef out);
std::uint64_t kernel_stddev(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                            KernelScratch&, ColumnRef out);
std::uint64_t kernel_stdvar(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                            KernelScratch&, ColumnRef out);
std::uint64_t kernel_quantile(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                              KernelScratch&, ColumnRef out);
std::uint64_t kernel_mad(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                         KernelScratch&, ColumnRef out);

std::uint64_t kernel_ts_of_first(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                                 KernelScratch&, ColumnRef out);
std::uint64_t kernel_ts_of_last(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                                KernelScratch&, ColumnRef out);
std::uint64_t kernel_ts_of_min(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                               KernelScratch&, ColumnRef out);
std::uint64_t kernel_ts_of_max(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                               KernelScratch&, ColumnRef out);

std::uint64_t kernel_changes(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                             KernelScratch&, ColumnRef out);
std::uint64_t kernel_resets(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                            KernelScratch&, ColumnRef out);
std::uint64_t kernel_deriv(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                           KernelScratch&, ColumnRef out);
std::uint64_t kernel_predict_linear(const FloatSamples&, const WindowGrid&, const KernelArguments&,
                                    KernelScratch&, ColumnRef out);
// Precondition: both factors lie in (0, 1).
std::uint64_t kernel_double_exponential_smoothing(const FloatSamples&, const WindowGrid&,
                                                  const KernelArguments&, KernelScratch&,
                                                  ColumnRef out);

}  // namespace narthex::promql
