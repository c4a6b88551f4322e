// The engine as its users see it: batches through Db, with the log on a real file system.
#include <filesystem>
#include <fstream>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "narthex/tsdb/db.h"

#include "series_shapes.h"
#include "support/temp_dir.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {
namespace {

constexpr model::TimestampMs kStart = 1'700'000'000'000;

// Ten labels: series of one of `count / 500` targets, 500 metrics each, as a node exporter's.
model::Labels series_labels(std::size_t i) {
  const std::size_t target = i / 500;
  const std::size_t metric = i % 500;
  return model::Labels{{"__name__", fmt::format("node_something_metric_{}_total", metric / 4)},
                       {"cluster", "eu-central-1a"},
                       {"container", "node-exporter"},
                       {"cpu", std::to_string(metric % 4)},
                       {"endpoint", "metrics"},
                       {"instance", fmt::format("10.0.{}.{}:9100", target / 250, target % 250)},
                       {"job", "kubernetes-nodes"},
                       {"mode", metric % 2 == 0 ? "user" : "system"},
                       {"namespace", "monitoring"},
                       {"pod", fmt::format("node-exporter-{:05}", target)}};
}

std::vector<storage::SeriesRef> create_series(storage::Appender& appender, std::size_t count) {
  std::vector<storage::SeriesRef> refs;
  std::vector<model::Labels> labels;
  std::vector<storage::EnsuredSeries> ensured;
  for (std::size_t begin = 0; begin < count; begin += 500) {
    labels.clear();
    for (std::size_t i = begin; i < std::min(begin + 500, count); ++i)
      labels.push_back(series_labels(i));
    ensured.assign(labels.size(), {});
    static_cast<void>(appender.ensure_series(labels, ensured));
    for (const auto& one : ensured) refs.push_back(one.ref);
  }
  return refs;
}

// The values of a round: 57 % of the series change.
class Rounds {
 public:
  explicit Rounds(std::span<const storage::SeriesRef> refs)
      : refs_(refs), values_(refs.size(), 1000) {}
  // Calls sink(batch) for every target of 500 series.
  template <class Sink>
  void run(Sink sink) {
    ++round_;
    for (std::size_t begin = 0; begin < refs_.size(); begin += 500) {
      batch_.clear();
      for (std::size_t i = begin; i < std::min(begin + 500, refs_.size()); ++i) {
        if (i * 2654435761U % 100 < 57)
          values_[i] += static_cast<double>(1 + (i * 7 + round_ * 13) % 90);
        batch_.add(refs_[i], kStart + static_cast<model::TimestampMs>(round_) * 15'000, values_[i]);
      }
      sink(batch_);
    }
  }

 private:
  std::span<const storage::SeriesRef> refs_;
  std::vector<double> values_;
  storage::WriteBatch batch_;
  std::size_t round_ = 0;
};

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

void BM_Head_Append(benchmark::State& state) {
  Head head({});
  const auto count = static_cast<std::size_t>(state.range(0));
  struct Creator final : storage::Appender {
    explicit Creator(Head& h) : target(h) {}
    util::Result<void> ensure_series(std::span<const model::Labels> series,
                                     std::span<storage::EnsuredSeries> out) override {
      return target.ensure_series(series, out);
    }
    util::Result<void> append(const storage::WriteBatch&, storage::Atomicity,
                              storage::AppendReport&) override {
      return {};
    }
    Head& target;
  } creator(head);
  const auto refs = create_series(creator, count);
  Rounds rounds(refs);
  PreparedBatch prepared;
  storage::AppendReport report;
  for (auto _ : state) {
    rounds.run([&](const storage::WriteBatch& batch) {
      head.validate(batch, storage::Atomicity::kKeepGood, prepared, report);
      head.apply(batch, prepared);
    });
  }
  if (!report.floats.empty()) state.SkipWithError("samples were refused");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Head_Append)
    ->ArgName("series")
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Iterations(30)
    ->Unit(benchmark::kMillisecond);

void BM_Db_Append(benchmark::State& state) {
  const test::TempDir directory;
  DbOptions options;
  options.path = directory.path();
  auto db = Db::open(options).value();
  const auto refs = create_series(*db, static_cast<std::size_t>(state.range(0)));
  Rounds rounds(refs);
  storage::AppendReport report;
  rounds.run([&](const storage::WriteBatch& batch) {
    static_cast<void>(db->append(batch, storage::Atomicity::kKeepGood, report));
  });
  for (auto _ : state) {
    rounds.run([&](const storage::WriteBatch& batch) {
      if (!db->append(batch, storage::Atomicity::kKeepGood, report))
        state.SkipWithError("append failed");
    });
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Db_Append)
    ->ArgName("series")
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);

void BM_Head_CreateSeries(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::vector<model::Labels> labels;
  for (std::size_t i = 0; i < count; ++i) labels.push_back(series_labels(i));
  std::vector<storage::EnsuredSeries> out(count);
  for (auto _ : state) {
    Head head({});
    for (std::size_t i = 0; i < count; i += 500) {
      static_cast<void>(
          head.ensure_series(std::span(labels).subspan(i, 500), std::span(out).subspan(i, 500)));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Head_CreateSeries)
    ->ArgName("series")
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);

// Resident bytes a series, everything included: the figures of design §7.
void BM_Db_BytesPerSeries(benchmark::State& state) {
  const test::TempDir directory;
  DbOptions options;
  options.path = directory.path();
  const std::size_t before = resident_bytes();
  for (auto _ : state) {
    auto db = Db::open(options).value();
    std::vector<storage::SeriesRef> refs =
        create_series(*db, static_cast<std::size_t>(state.range(0)));
    Rounds rounds(refs);
    storage::AppendReport report;
    for (std::int64_t i = 0; i < state.range(1); ++i) {
      rounds.run([&](const storage::WriteBatch& batch) {
        static_cast<void>(db->append(batch, storage::Atomicity::kKeepGood, report));
      });
    }
    // The benchmark's own references and values are 16 bytes a series.
    state.counters["rss_per_series"] =
        static_cast<double>(resident_bytes() - before) / static_cast<double>(state.range(0)) - 16;
    state.counters["accounted_per_series"] =
        static_cast<double>(db->head_stats().memory_bytes) / static_cast<double>(state.range(0));
  }
}
BENCHMARK(BM_Db_BytesPerSeries)
    ->ArgNames({"series", "samples"})
    ->Args({100'000, 120})
    ->Args({500'000, 30})
    ->Args({1'000'000, 16})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

// Leaves a store of so many series and samples in the directory.
void fill_store(const DbOptions& options, std::int64_t series, std::int64_t samples) {
  auto db = Db::open(options).value();
  const auto refs = create_series(*db, static_cast<std::size_t>(series));
  Rounds rounds(refs);
  storage::AppendReport report;
  for (std::int64_t i = 0; i < samples; ++i) {
    rounds.run([&](const storage::WriteBatch& batch) {
      static_cast<void>(db->append(batch, storage::Atomicity::kKeepGood, report));
    });
  }
}

// Of the log alone.
void BM_Db_Replay(benchmark::State& state) {
  const test::TempDir directory;
  DbOptions options;
  options.path = directory.path();
  options.snapshot_at_close = false;
  fill_store(options, state.range(0), state.range(1));
  for (auto _ : state) {
    state.PauseTiming();
    std::filesystem::remove_all(std::filesystem::path(directory.path()) / "chunks_head");
    state.ResumeTiming();
    auto db = Db::open(options);
    if (!db || (*db)->replay_report().samples !=
                   static_cast<std::uint64_t>(state.range(0) * state.range(1))) {
      state.SkipWithError("samples are missing");
    }
    state.PauseTiming();
    if (db) db->reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1));
}
BENCHMARK(BM_Db_Replay)
    ->ArgNames({"series", "samples"})
    ->Args({100'000, 0})
    ->Args({100'000, 120})
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);

// With the snapshot of a clean stop.
void BM_Db_StartFromSnapshot(benchmark::State& state) {
  const test::TempDir directory;
  DbOptions options;
  options.path = directory.path();
  fill_store(options, state.range(0), state.range(1));
  for (auto _ : state) {
    auto db = Db::open(options);
    if (!db || (*db)->replay_report().snapshot != ReplayReport::Snapshot::kUsed)
      state.SkipWithError("the snapshot was not used");
    state.PauseTiming();
    if (db) db->reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1));
}
BENCHMARK(BM_Db_StartFromSnapshot)
    ->ArgNames({"series", "samples"})
    ->Args({100'000, 120})
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);

void BM_Head_Select(benchmark::State& state) {
  const test::TempDir directory;
  DbOptions options;
  options.path = directory.path();
  auto db = Db::open(options).value();
  const auto refs = create_series(*db, 200'000);
  Rounds rounds(refs);
  storage::AppendReport report;
  rounds.run([&](const storage::WriteBatch& batch) {
    static_cast<void>(db->append(batch, storage::Atomicity::kKeepGood, report));
  });
  const std::vector<std::vector<model::Matcher>> queries = {
      {model::Matcher::equal("__name__", "node_something_metric_7_total"),
       model::Matcher::equal("cpu", "1")},
      {model::Matcher::equal("__name__", "node_something_metric_7_total"),
       model::Matcher::make(model::MatchOp::kRegex, "instance", "10.0.1.1.*").value()},
      {model::Matcher::equal("job", "kubernetes-nodes"),
       model::Matcher::make(model::MatchOp::kNotEqual, "mode", "user").value()},
      {model::Matcher::equal("pod", "node-exporter-00100")},
  };
  const auto& matchers = queries[static_cast<std::size_t>(state.range(0))];
  const auto querier = db->querier({}).value();
  std::size_t found = 0;
  for (auto _ : state) {
    found = querier->select(matchers, storage::SeriesOrder::kAny, {}).value()->size();
    benchmark::DoNotOptimize(found);
  }
  state.counters["series"] = static_cast<double>(found);
}
BENCHMARK(BM_Head_Select)->ArgName("query")->DenseRange(0, 3)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace narthex::tsdb
