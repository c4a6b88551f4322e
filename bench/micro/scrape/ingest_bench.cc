// A warm round of one target: text in, one batch out. Storage takes the batch and forgets it.
#include <algorithm>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "narthex/util/check.h"
#include "narthex/util/random.h"

#include "scrape/ingest.h"

namespace narthex::scrape {
namespace {

class SinkAppender final : public storage::Appender {
 public:
  util::Result<void> ensure_series(std::span<const model::Labels>,
                                   std::span<storage::EnsuredSeries> out) override {
    for (storage::EnsuredSeries& series : out)
      series = {.ref = ++refs_, .outcome = storage::EnsureOutcome::kCreated};
    return {};
  }
  util::Result<void> append(const storage::WriteBatch& batch, storage::Atomicity,
                            storage::AppendReport&) override {
    benchmark::DoNotOptimize(batch.refs.data());
    return {};
  }

 private:
  storage::SeriesRef refs_ = 0;
};

// Lines of 75 bytes, 57 % of the values changing from round to round.
std::string body_of(std::size_t lines, std::uint64_t seed) {
  util::Random random(seed);
  std::string body = "# TYPE demo_requests_total counter\n";
  for (std::size_t i = 0; i < lines; ++i) {
    const double value =
        i % 100 < 57 ? static_cast<double>(random.below(1'000'000'000)) / 1000.0 : 1.0;
    body += fmt::format(
        "demo_requests_total{{instance_id=\"{:05}\",path=\"/api/{:03}\",code=\"200\"}} {}\n", i,
        i % 997, value);
  }
  return body;
}

class Rig {
 public:
  Rig() {
    shared_.appender = &appender_;
    shared_.metrics = &metrics_;
    target_.labels = model::Labels{{"instance", "host:9100"}, {"job", "demo"}};
    ScrapeJobOptions options;
    options.job_name = "demo";
    job_ = make_job(options, {}, &util::system_clock(), nullptr).value();
  }
  void round(std::string_view body) {
    now_ += 1000;
    ingest_.begin_round({.job = job_.get(), .target = &target_, .timestamp = now_});
    for (bool last = false; !last;) {
      const std::span<char> buffer = ingest_.buffer();
      const std::size_t bytes = std::min(buffer.size(), body.size());
      std::copy_n(body.begin(), bytes, buffer.begin());
      body.remove_prefix(bytes);
      last = bytes == 0;
      NX_CHECK(ingest_.take(bytes, last).has_value(), "round failed");
    }
    NX_CHECK(ingest_.commit(0.1).has_value(), "commit failed");
  }
  void forget() { ingest_.forget_decisions(); }

 private:
  SinkAppender appender_;
  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  Shared shared_;
  Target target_;
  std::shared_ptr<Job> job_;
  Ingest ingest_{&shared_};
  model::TimestampMs now_ = 1'000'000;
};

void BM_ScrapeIngest_WarmRound(benchmark::State& state) {
  const auto lines = static_cast<std::size_t>(state.range(0));
  const std::string bodies[2] = {body_of(lines, 1), body_of(lines, 2)};
  Rig rig;
  rig.round(bodies[0]);
  std::size_t round = 0;
  for (auto _ : state) rig.round(bodies[++round % 2]);
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(bodies[0].size()));
}
BENCHMARK(BM_ScrapeIngest_WarmRound)->ArgName("lines")->Arg(1000)->Arg(100'000);

// Every series is read, merged with the target's labels and asked for.
void BM_ScrapeIngest_NewSeries(benchmark::State& state) {
  const std::string body = body_of(100'000, 1);
  Rig rig;
  for (auto _ : state) {
    rig.forget();
    rig.round(body);
  }
  state.SetItemsProcessed(state.iterations() * 100'000);
}
BENCHMARK(BM_ScrapeIngest_NewSeries);

}  // namespace
}  // namespace narthex::scrape
