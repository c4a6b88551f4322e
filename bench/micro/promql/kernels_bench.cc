// Range kernels over one series: 5,760 samples (a day at 15 s), a window of five minutes or an hour
// at each sample. items = samples of the series. Their results are compared with the definitions in
// range_kernels_test.cc.
#include <vector>

#include <benchmark/benchmark.h>

#include "narthex/util/random.h"

#include "promql/functions/range_kernels.h"

namespace narthex::promql {
namespace {

constexpr std::size_t kSamples = 5'760;
constexpr std::int64_t kScrapeMs = 15'000;

void run_kernel(benchmark::State& state, RangeKernel kernel) {
  std::vector<model::TimestampMs> timestamps;
  std::vector<double> values;
  util::Random random(7);
  double value = 0;
  for (std::size_t i = 0; i < kSamples; ++i) {
    timestamps.push_back(static_cast<model::TimestampMs>(i) * kScrapeMs);
    values.push_back(value += random.unit());
    if (random.below(1'000) == 0) value = 0;
  }
  const WindowGrid grid{0, kScrapeMs, kSamples, state.range(0) * 1'000, {0, kScrapeMs, kSamples}};
  Column column(kSamples);
  KernelScratch scratch;
  for (auto _ : state) {
    column.reset(kSamples);
    benchmark::DoNotOptimize(kernel({timestamps, values}, grid, {}, scratch, column.ref()));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kSamples));
}

void BM_Kernel_Rate(benchmark::State& state) {
  run_kernel(state, kernel_rate);
}
BENCHMARK(BM_Kernel_Rate)->ArgName("range_s")->Arg(300)->Arg(3600);
void BM_Kernel_Max(benchmark::State& state) {
  run_kernel(state, kernel_max);
}
BENCHMARK(BM_Kernel_Max)->ArgName("range_s")->Arg(300)->Arg(3600);
void BM_Kernel_Sum(benchmark::State& state) {
  run_kernel(state, kernel_sum);
}
BENCHMARK(BM_Kernel_Sum)->ArgName("range_s")->Arg(300)->Arg(3600);
void BM_Kernel_Changes(benchmark::State& state) {
  run_kernel(state, kernel_changes);
}
BENCHMARK(BM_Kernel_Changes)->ArgName("range_s")->Arg(300)->Arg(3600);

}  // namespace
}  // namespace narthex::promql
