// Query results to JSON: what a dashboard panel costs after its query has been evaluated.
#include <cmath>

#include <benchmark/benchmark.h>

#include "narthex/util/random.h"

#include "api/result_json.h"

namespace narthex::api {
namespace {

// Takes everything and keeps nothing.
class NullWriter final : public http::ResponseWriter {
 public:
  std::size_t bytes = 0;
  void set_header(std::string_view, std::string_view) override {}
  void add_header(std::string_view, std::string_view) override {}
  void send(int, std::string_view, std::string body) override { bytes += body.size(); }
  void start(int, std::string_view) override { started_ = true; }
  util::Result<void> write(std::string_view text) override {
    bytes += text.size();
    return {};
  }
  void abort() override {}
  util::Result<void> flush() override { return {}; }
  [[nodiscard]] bool started() const noexcept override { return started_; }

 private:
  bool started_ = false;
};

enum class Values : std::int64_t { kWhole = 0, kFractions = 1 };

promql::QueryResult matrix(std::size_t series_count, std::size_t steps, Values values) {
  util::Random random(1);
  promql::QueryResult result;
  result.type = promql::ValueType::kMatrix;
  result.grid = promql::StepGrid{1'700'000'000'000, 15'000, steps};
  promql::ColumnBlock block(series_count, steps);
  std::vector<model::Labels> labels;
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < series_count; ++i) {
    const std::string instance = "host-" + std::to_string(i) + ":9100";
    labels.push_back(model::Labels{{"instance", instance}, {"job", "node"}, {"mode", "idle"}});
    rows.push_back(static_cast<std::uint32_t>(i));
    block.row(i).clear();
    for (std::size_t step = 0; step < steps; ++step) {
      block.row(i).set(step, values == Values::kWhole ? static_cast<double>(random.below(1'000'000))
                                                      : random.unit() * 4);
    }
  }
  result.series =
      promql::ResultSeries(result.grid, std::move(labels), std::move(rows), std::move(block));
  return result;
}

void BM_JsonMatrixWrite(benchmark::State& state) {
  constexpr std::size_t kSeries = 100;
  constexpr std::size_t kSteps = 240;
  const promql::QueryResult result = matrix(kSeries, kSteps, static_cast<Values>(state.range(0)));
  std::size_t bytes = 0;
  for (auto _ : state) {
    NullWriter writer;
    JsonStream json(writer);
    benchmark::DoNotOptimize(write_result(json, result));
    json.finish();
    bytes += writer.bytes;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kSeries * kSteps));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(BM_JsonMatrixWrite)->ArgName("fractions")->Arg(0)->Arg(1);

}  // namespace
}  // namespace narthex::api
