// A warm round of one target: text in, one batch out. Storage takes the batch and forgets it.
#include <algorithm>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "narthex/util/check.h"
#include "narthex/util/random.h"

#include "scrape/ingest.h"

namespace narthex::scrape {
namespace {

using exposition::ScrapeProtocol;

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
  void round(std::string_view body, ScrapeProtocol format = ScrapeProtocol::kPrometheusText004) {
    now_ += 1000;
    ingest_.begin_round({.job = job_.get(), .target = &target_, .timestamp = now_});
    ingest_.expect_format(format);
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

// The same lines as OpenMetrics; `exemplars`: how many of a hundred have one.
void BM_ScrapeIngest_WarmRoundOpenMetrics(benchmark::State& state) {
  constexpr std::size_t kLines = 100'000;
  const auto exemplars = static_cast<std::size_t>(state.range(0));
  std::string bodies[2] = {body_of(kLines, 1), body_of(kLines, 2)};
  for (std::string& body : bodies) {
    std::string with_exemplars;
    std::size_t line = 0;
    for (std::size_t begin = 0; begin < body.size(); ++line) {
      const std::size_t end = body.find('\n', begin);
      with_exemplars.append(body, begin, end - begin);
      if (line > 0 && line % 100 < exemplars)
        with_exemplars += " # {trace_id=\"0123456789abcdef\"} 0.5";
      with_exemplars.push_back('\n');
      begin = end + 1;
    }
    body = with_exemplars + "# EOF\n";
  }
  Rig rig;
  rig.round(bodies[0], ScrapeProtocol::kOpenMetricsText100);
  std::size_t round = 0;
  for (auto _ : state) rig.round(bodies[++round % 2], ScrapeProtocol::kOpenMetricsText100);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kLines));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bodies[0].size()));
}
BENCHMARK(BM_ScrapeIngest_WarmRoundOpenMetrics)->ArgName("exemplars")->Arg(0)->Arg(10);

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) out.push_back(static_cast<char>(value | 0x80U));
  out.push_back(static_cast<char>(value));
}

void append_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  append_varint(out, (field << 3U) | 2U);
  append_varint(out, bytes.size());
  out += bytes;
}

std::string label_message(std::string_view name, std::string_view value) {
  std::string out;
  append_bytes(out, 1, name);
  append_bytes(out, 2, value);
  return out;
}

// One family of counters, as protobuf.
std::string protobuf_body_of(std::size_t count, std::uint64_t seed) {
  util::Random random(seed);
  std::string family;
  append_bytes(family, 1, "demo_requests_total");
  for (std::size_t i = 0; i < count; ++i) {
    std::string metric;
    append_bytes(metric, 1, label_message("code", "200"));
    append_bytes(metric, 1, label_message("instance_id", fmt::format("{:05}", i)));
    append_bytes(metric, 1, label_message("path", fmt::format("/api/{:03}", i % 997)));
    const double value = i % 100 < 57 ? static_cast<double>(random.below(1'000'000'000)) : 1.0;
    std::string counter;
    append_varint(counter, (1U << 3U) | 1U);
    counter.append(reinterpret_cast<const char*>(&value), sizeof(value));
    append_bytes(metric, 3, counter);
    append_bytes(family, 4, metric);
  }
  std::string body;
  append_varint(body, family.size());
  return body + family;
}

void BM_ScrapeIngest_WarmRoundProtobuf(benchmark::State& state) {
  constexpr std::size_t kCount = 100'000;
  const std::string bodies[2] = {protobuf_body_of(kCount, 1), protobuf_body_of(kCount, 2)};
  Rig rig;
  rig.round(bodies[0], ScrapeProtocol::kPrometheusProto);
  std::size_t round = 0;
  for (auto _ : state) rig.round(bodies[++round % 2], ScrapeProtocol::kPrometheusProto);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kCount));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bodies[0].size()));
}
BENCHMARK(BM_ScrapeIngest_WarmRoundProtobuf);

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
