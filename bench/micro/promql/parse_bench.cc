// Parsing and printing queries as dashboards send them.
#include <iterator>
#include <string>

#include <benchmark/benchmark.h>

#include "narthex/promql/parser.h"
#include "narthex/promql/printer.h"
#include "narthex/util/check.h"

namespace narthex::promql {
namespace {

constexpr std::string_view kQueries[] = {
    "up",
    "sum by (job, instance) (rate(http_requests_total{job=\"api\",code=~\"5..\"}[5m]))",
    "histogram_quantile(0.99, sum by (le, path) (rate(http_request_duration_seconds_bucket"
    "{job=\"api\",path!~\"/(health|metrics)\"}[5m])))",
    "(node_filesystem_avail_bytes{job=\"node\",fstype!=\"\"} / "
    "node_filesystem_size_bytes{job=\"node\",fstype!=\"\"} * 100 < 40 and "
    "predict_linear(node_filesystem_avail_bytes{job=\"node\",fstype!=\"\"}[6h], 24*60*60) < 0 and "
    "node_filesystem_readonly{job=\"node\",fstype!=\"\"} == 0)",
};

void BM_PromqlParse(benchmark::State& state) {
  const std::string_view query = kQueries[state.range(0)];
  for (auto _ : state) {
    auto expr = parse(query, {});
    NX_CHECK(expr.has_value(), "{}", query);
    benchmark::DoNotOptimize(expr);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * query.size()));
}
BENCHMARK(BM_PromqlParse)->ArgName("query")->DenseRange(0, std::ssize(kQueries) - 1);

void BM_PromqlParse_LongChain(benchmark::State& state) {
  std::string query = "up{instance=\"host-0\"}";
  for (std::int64_t i = 1; i < state.range(0); ++i) {
    query += " or up{instance=\"host-" + std::to_string(i) + "\"}";
  }
  for (auto _ : state) benchmark::DoNotOptimize(parse(query, {}));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_PromqlParse_LongChain)->ArgName("operands")->Arg(100)->Arg(900);

void BM_PromqlPrint(benchmark::State& state) {
  const auto expr = parse(kQueries[state.range(0)], {});
  NX_CHECK(expr.has_value(), "{}", kQueries[state.range(0)]);
  for (auto _ : state) benchmark::DoNotOptimize(to_string(**expr));
}
BENCHMARK(BM_PromqlPrint)->ArgName("query")->DenseRange(0, std::ssize(kQueries) - 1);

}  // namespace
}  // namespace narthex::promql
