// Range kernels over one series: 5,760 samples (a day at 15 s), a window of five minutes or an hour
// at each sample. items = samples of the series. Their results are compared with the definitions in
// range_kernels_test.cc.
#include <string>
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
  // Both scalar arguments, for the kernels that take any: a quantile, seconds, smoothing factors.
  const std::vector<double> half(kSamples, 0.5);
  const KernelArguments arguments{half, half};
  Column column(kSamples);
  KernelScratch scratch;
  for (auto _ : state) {
    column.reset(kSamples);
    benchmark::DoNotOptimize(kernel({timestamps, values}, grid, arguments, scratch, column.ref()));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kSamples));
}

struct NamedKernel {
  const char* name;
  RangeKernel kernel;
};
// Every kernel that range_kernels.h declares.
constexpr NamedKernel kKernels[] = {
    {"Rate", kernel_rate},
    {"Increase", kernel_increase},
    {"Delta", kernel_delta},
    {"Irate", kernel_irate},
    {"Idelta", kernel_idelta},
    {"Sum", kernel_sum},
    {"Avg", kernel_avg},
    {"Count", kernel_count},
    {"Present", kernel_present},
    {"Min", kernel_min},
    {"Max", kernel_max},
    {"First", kernel_first},
    {"Last", kernel_last},
    {"Stddev", kernel_stddev},
    {"Stdvar", kernel_stdvar},
    {"Quantile", kernel_quantile},
    {"Mad", kernel_mad},
    {"TsOfFirst", kernel_ts_of_first},
    {"TsOfLast", kernel_ts_of_last},
    {"TsOfMin", kernel_ts_of_min},
    {"TsOfMax", kernel_ts_of_max},
    {"Changes", kernel_changes},
    {"Resets", kernel_resets},
    {"Deriv", kernel_deriv},
    {"PredictLinear", kernel_predict_linear},
    {"DoubleExponentialSmoothing", kernel_double_exponential_smoothing},
};

// Names are BM_Kernel_<Kernel>/range_s:<seconds>.
[[maybe_unused]] const bool registered = [] {
  for (const auto& [name, kernel] : kKernels) {
    benchmark::RegisterBenchmark((std::string("BM_Kernel_") + name).c_str(), run_kernel, kernel)
        ->ArgName("range_s")
        ->Arg(300)
        ->Arg(3600);
  }
  return true;
}();

}  // namespace
}  // namespace narthex::promql
