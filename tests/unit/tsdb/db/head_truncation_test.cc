#include "tsdb/db/head_truncation.h"

#include <map>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tsdb/db/replay.h"
#include "unit/tsdb/faulty_env.h"

namespace narthex::tsdb {
namespace {

using model::Labels;

constexpr const char* kPath = "/data";
constexpr std::int64_t kRange = 100'000;
constexpr LogWriterOptions kLog{.segment_bytes = kWalPageBytes,
                                .compression = WalCompression::kNone};

using Content = std::map<std::string, std::map<model::TimestampMs, double>>;

// A head with its log, as a Db has them.
class Store {
 public:
  explicit Store(FaultyEnv& env) : files(env, kPath), env_(env) {
    LogReplay replay(env, kPath, {head, exemplars, metadata, files}, report, nullptr);
    const std::uint64_t segment = replay.run().value();
    log = LogWriter::open(env, std::string(kPath) + "/wal", segment, kLog).value();
    truncation.emplace(HeadTruncation::Parts{env, head, files, *log, mutex_,
                                             std::string(kPath) + "/wal", kLog, kRange});
    for (const auto& [ref, id] : replay.aliases()) truncation->keep_record(ref, segment - 1);
  }
  // One sample for each of these series.
  bool append(std::span<const Labels> series, model::TimestampMs t) {
    std::vector<storage::EnsuredSeries> ensured(series.size());
    EXPECT_TRUE(head.ensure_series(series, ensured).has_value());
    storage::WriteBatch batch;
    for (const auto& one : ensured) batch.add(one.ref, t, static_cast<double>(t));
    const util::MutexLock lock(mutex_);
    storage::AppendReport refusals;
    PreparedBatch prepared;
    head.validate(batch, storage::Atomicity::kKeepGood, prepared, refusals);
    EXPECT_TRUE(refusals.floats.empty());
    auto unlogged = head.take_unlogged();
    if (!write(batch, unlogged)) {
      head.give_back_unlogged(std::move(unlogged));
      Head::discard(prepared);
      return false;
    }
    head.apply(batch, prepared);
    return true;
  }
  util::Result<void> truncate(model::TimestampMs before) {
    {
      const util::MutexLock lock(mutex_);
      head.stop_appends_before(before);
    }
    return truncation->run(before, std::chrono::seconds(0));
  }
  Content content(model::TimeRange range) {
    const auto querier = head.querier(range);
    const std::vector<model::Matcher> matchers = {model::Matcher::equal("job", "t")};
    const auto set = querier->select(matchers, storage::SeriesOrder::kAny, {}).value();
    Content out;
    storage::SampleColumns samples;
    for (std::size_t i = 0; i < set->size(); ++i) {
      samples.clear();
      EXPECT_TRUE(set->read(i, {}, samples).has_value());
      for (std::size_t k = 0; k < samples.float_values.size(); ++k)
        out[set->labels(i).to_string()][samples.float_timestamps[k]] = samples.float_values[k];
    }
    return out;
  }

  ExemplarRing exemplars{0};
  SeriesMetadata metadata;
  HeadChunkFiles files;
  Head head{{.chunk_range_ms = kRange, .samples_per_chunk = 8}};
  ReplayReport report;
  std::unique_ptr<LogWriter> log;
  std::optional<HeadTruncation> truncation;

 private:
  bool write(const storage::WriteBatch& batch, std::span<const SeriesId> unlogged) {
    if (!log->begin()) return false;
    std::string record;
    if (!unlogged.empty()) {
      SeriesRecordEncoder encoder(record);
      for (const SeriesId id : unlogged) {
        const Labels labels = head.index().labels(head.index().labels_of(id));
        encoder.series(id, labels.size());
        for (const auto label : labels) encoder.label(label.name, label.value);
      }
      log->add(record);
      record.clear();
    }
    encode_samples_record(record, batch.refs, batch.timestamps, batch.values,
                          [](std::size_t) { return true; });
    log->add(record);
    return log->commit().has_value();
  }

  FaultyEnv& env_;
  util::Mutex mutex_;
};

// Round r: ten lasting series and twenty of its own.
std::vector<Labels> series_of(int round) {
  std::vector<Labels> out;
  for (int i = 0; i < 10; ++i) out.push_back(Labels{{"i", std::to_string(i)}, {"job", "t"}});
  for (int i = 0; i < 20; ++i)
    out.push_back(Labels{{"i", fmt::format("{}-{}", round, i)}, {"job", "t"}});
  return out;
}

bool write_round(Store& store, int round, Content& want) {
  const auto series = series_of(round);
  for (int i = 0; i < 50; ++i) {
    const model::TimestampMs t = round * kRange + i * (kRange / 50);
    if (!store.append(series, t)) return false;
    for (const Labels& one : series) want[one.to_string()][t] = static_cast<double>(t);
  }
  return true;
}

Content since(const Content& all, model::TimestampMs time) {
  Content out;
  for (const auto& [series, samples] : all) {
    for (const auto& [t, v] : samples) {
      if (t >= time) out[series][t] = v;
    }
  }
  return out;
}

// Goal: after a truncation and a restart everything that is not older than the cut is there, and
// the log has not grown. Series that come back, and restarts in between, included.
TEST(HeadTruncation, TheLogKeepsWhatTheHeadKeeps) {
  FaultyEnv env;
  Content want;
  std::optional<Store> store(std::in_place, env);
  std::size_t segments_early = 0;
  for (int round = 0; round < 24; ++round) {
    // Every third round brings back the series of one that has been dropped.
    ASSERT_TRUE(write_round(*store, round, want));
    if (round % 3 == 2) {
      const auto back = series_of(round - 2);
      const model::TimestampMs t = round * kRange + kRange - 1;
      ASSERT_TRUE(store->append(back, t));
      for (const Labels& one : back) want[one.to_string()][t] = static_cast<double>(t);
    }
    const model::TimestampMs cut = round * kRange;
    ASSERT_TRUE(store->truncate(cut).has_value());
    ASSERT_EQ(store->content({cut, model::kTimestampMax}), since(want, cut)) << round;
    if (round % 4 == 1 || round % 3 == 0) {
      store.reset();
      store.emplace(env);
      EXPECT_EQ(store->report.samples_without_series, 0U);
      EXPECT_EQ(store->report.damaged_regions, 0U);
      ASSERT_EQ(store->content({cut, model::kTimestampMax}), since(want, cut)) << round;
    }
    if (round == 8) segments_early = env.paths("/data/wal/").size();
  }
  EXPECT_LE(env.paths("/data/wal/").size(), segments_early + 6);
  EXPECT_GT(store->truncation->counters().checkpoints.load(), 0U);
}

// Goal: whatever operation of a truncation fails, no sample that is not older than the cut is lost,
// appends go on afterwards, and the next truncation succeeds.
TEST(HeadTruncation, NoFaultLosesWhatTheBlockDoesNotHave) {
  std::size_t faults = 0;
  for (std::size_t fail_at = 0;; ++fail_at) {
    FaultyEnv env;
    Content want;
    std::optional<Store> store(std::in_place, env);
    for (int round = 0; round < 8; ++round) ASSERT_TRUE(write_round(*store, round, want));
    bool failed = false;
    env.set_plan([&](FileOperation, std::size_t number) -> std::optional<FaultyEnv::Fault> {
      if (number != fail_at) return std::nullopt;
      failed = true;
      return FaultyEnv::Fault{.code = util::Code::kNoSpace, .written = number % 5};
    });
    const model::TimestampMs cut = 7 * kRange;
    const bool ok = store->truncate(cut).has_value();
    env.set_plan({});
    EXPECT_EQ(ok, !failed) << fail_at;
    ASSERT_TRUE(write_round(*store, 8, want));
    ASSERT_EQ(store->content({cut, model::kTimestampMax}), since(want, cut)) << fail_at;
    // Killed here, and again after a truncation that succeeds.
    ASSERT_EQ(Store(env).content({cut, model::kTimestampMax}), since(want, cut)) << fail_at;
    store.reset();
    store.emplace(env);
    ASSERT_TRUE(store->truncate(cut + kRange).has_value());
    ASSERT_EQ(Store(env).content({cut + kRange, model::kTimestampMax}), since(want, cut + kRange));
    if (!failed) break;
    ++faults;
  }
  EXPECT_GT(faults, 8U);
}

TEST(HeadTruncation, AQueryOfTheOldTimeHoldsItBack) {
  FaultyEnv env;
  Content want;
  Store store(env);
  ASSERT_TRUE(write_round(store, 0, want));
  const auto querier = store.head.querier(model::TimeRange{0, 10});
  EXPECT_EQ(store.truncate(kRange / 2).error().code(), util::Code::kTimeout);
  EXPECT_EQ(store.content({}), want);
}

TEST(HeadTruncation, TheEndOfACheckpointLeavesTheNewestThird) {
  EXPECT_EQ(checkpoint_end(0, 0), 0U);
  EXPECT_EQ(checkpoint_end(0, 1), 0U);
  EXPECT_EQ(checkpoint_end(0, 2), 0U);
  EXPECT_EQ(checkpoint_end(0, 3), 1U);
  EXPECT_EQ(checkpoint_end(7, 17), 13U);
}

}  // namespace
}  // namespace narthex::tsdb
