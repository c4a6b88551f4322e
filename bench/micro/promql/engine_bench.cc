// Whole queries over a storage in memory: what the engine costs when decoding costs nothing.
// Shapes: 1,000 series of counters, one sample each 15 s for an hour; range queries of 240 steps.
// items = samples of the selected series.
#include <cstdlib>
#include <string>

#include <benchmark/benchmark.h>

#include "narthex/promql/engine.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"
#include "narthex/util/random.h"
#include "narthex/util/worker_pool.h"

#include "support/memory_storage.h"

namespace narthex::promql {
namespace {

constexpr std::int64_t kScrapeMs = 15'000;
constexpr std::int64_t kSamples = 240;
constexpr int kInstances = 100;
constexpr int kModes = 10;

test::MemoryStorage& storage() {
  static test::MemoryStorage* const filled = [] {
    auto* out = new test::MemoryStorage;  // Lives as long as the process.
    util::Random random(1);
    for (int i = 0; i < kInstances * kModes; ++i) {
      const model::Labels labels{{"__name__", "cpu_seconds_total"},
                                 {"instance", std::to_string(i / kModes)},
                                 {"job", "node"},
                                 {"mode", std::to_string(i % kModes)}};
      double value = 0;
      for (std::int64_t s = 0; s < kSamples; ++s) {
        value += random.unit() * 15;
        out->append(labels, s * kScrapeMs, value);
      }
    }
    return out;
  }();
  return *filled;
}

void run_range(benchmark::State& state, const std::string& query) {
  telemetry::Registry registry;
  util::WorkerPool workers("bench", 1, 64);
  Engine engine({}, workers, util::system_clock(), registry);
  const QueryRange range{0, (kSamples - 1) * kScrapeMs, std::chrono::milliseconds(kScrapeMs)};
  std::uint64_t samples = 0;
  for (auto _ : state) {
    const auto result = engine.range(storage(), query, range, {});
    if (!result || result->series.size() == 0) {
      state.SkipWithError(result ? "no result" : result.error().message().c_str());
      return;
    }
    samples += result->samples.read;
    benchmark::DoNotOptimize(result->series.size());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(samples));
}

void BM_Engine_SelectRange(benchmark::State& state) {
  run_range(state, "cpu_seconds_total");
}
BENCHMARK(BM_Engine_SelectRange)->Unit(benchmark::kMillisecond);

void BM_Engine_Rate(benchmark::State& state) {
  run_range(state, "rate(cpu_seconds_total[5m])");
}
BENCHMARK(BM_Engine_Rate)->Unit(benchmark::kMillisecond);

void BM_Engine_SumByRate(benchmark::State& state) {
  run_range(state, "sum by (instance) (rate(cpu_seconds_total[5m]))");
}
BENCHMARK(BM_Engine_SumByRate)->Unit(benchmark::kMillisecond);

void BM_Engine_MaxOverTime(benchmark::State& state) {
  run_range(state, "max_over_time(cpu_seconds_total[30m])");
}
BENCHMARK(BM_Engine_MaxOverTime)->Unit(benchmark::kMillisecond);

// One aggregation operator each, over all series into 100 groups.
void run_aggregation(benchmark::State& state, const std::string& call) {
  run_range(state, call + " by (instance)");
}
BENCHMARK_CAPTURE(run_aggregation, sum, "sum(cpu_seconds_total)")
    ->Name("BM_Aggregate_Sum")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_aggregation, avg, "avg(cpu_seconds_total)")
    ->Name("BM_Aggregate_Avg")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_aggregation, max, "max(cpu_seconds_total)")
    ->Name("BM_Aggregate_Max")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_aggregation, count, "count(cpu_seconds_total)")
    ->Name("BM_Aggregate_Count")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_aggregation, stddev, "stddev(cpu_seconds_total)")
    ->Name("BM_Aggregate_Stddev")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_aggregation, quantile, "quantile(0.9, cpu_seconds_total)")
    ->Name("BM_Aggregate_Quantile")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_aggregation, topk, "topk(5, cpu_seconds_total)")
    ->Name("BM_Aggregate_TopK")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_aggregation, count_values, "count_values(\"v\", cpu_seconds_total > bool 1)")
    ->Name("BM_Aggregate_CountValues")
    ->Unit(benchmark::kMillisecond);

// One way of matching each; both sides have every series, or the right one has a tenth.
BENCHMARK_CAPTURE(run_range, one_to_one, "cpu_seconds_total / cpu_seconds_total")
    ->Name("BM_Join_OneToOne")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_range, on, "cpu_seconds_total / on (instance, mode) cpu_seconds_total")
    ->Name("BM_Join_On")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(
    run_range, group_left,
    "cpu_seconds_total / on (instance) group_left sum by (instance) (cpu_seconds_total)")
    ->Name("BM_Join_GroupLeft")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_range, unless_on,
                  "cpu_seconds_total unless on (instance, mode) cpu_seconds_total{mode=\"1\"}")
    ->Name("BM_Join_Unless")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_range, with_scalar, "cpu_seconds_total * 2 > 1")
    ->Name("BM_Join_Scalar")
    ->Unit(benchmark::kMillisecond);

void BM_Engine_Instant(benchmark::State& state) {
  telemetry::Registry registry;
  util::WorkerPool workers("bench", 1, 64);
  Engine engine({}, workers, util::system_clock(), registry);
  for (auto _ : state) {
    const auto result =
        engine.instant(storage(), "sum by (mode) (cpu_seconds_total)", 3'000'000, {});
    if (!result) state.SkipWithError(result.error().message().c_str());
    benchmark::DoNotOptimize(result->series.size());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kInstances * kModes);
}
BENCHMARK(BM_Engine_Instant)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace narthex::promql
