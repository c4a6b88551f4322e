#include "narthex/tsdb/db.h"

#include <filesystem>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/util/random.h"

#include "tsdb/wal/record.h"
#include "tsdb/wal/segment_reader.h"
#include "unit/tsdb/faulty_env.h"

namespace narthex::tsdb {
namespace {

using model::Labels;

constexpr const char* kPath = "/data";

// What a store should hold: series → timestamp → value.
using Content = std::map<std::string, std::map<model::TimestampMs, double>>;

Labels series_labels(std::size_t i) {
  return Labels{{"__name__", "m"}, {"i", std::to_string(i)}, {"job", "test"}};
}

Content read_all(Db& db) {
  Content content;
  const auto querier = db.querier({}).value();
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("job", "test")};
  const auto set = querier->select(matchers, storage::SeriesOrder::kByLabels, {}).value();
  storage::SampleColumns samples;
  for (std::size_t i = 0; i < set->size(); ++i) {
    samples.clear();
    EXPECT_TRUE(set->read(i, {}, samples).has_value());
    auto& one = content[set->labels(i).to_string()];
    for (std::size_t k = 0; k < samples.float_values.size(); ++k)
      one[samples.float_timestamps[k]] = samples.float_values[k];
  }
  return content;
}

// Writes numbered batches and remembers what was acknowledged.
class Writer {
 public:
  explicit Writer(Db& db) : db_(db) {}
  // Batch n: `count` series get value n at time n seconds.
  bool write(int n, std::size_t count) {
    std::vector<Labels> labels;
    for (std::size_t i = 0; i < count; ++i) labels.push_back(series_labels(i));
    std::vector<storage::EnsuredSeries> ensured(count);
    EXPECT_TRUE(db_.ensure_series(labels, ensured).has_value());
    storage::WriteBatch batch;
    for (const auto& one : ensured) batch.add(one.ref, n * 1000, n);
    storage::AppendReport report;
    const auto result = db_.append(batch, storage::Atomicity::kKeepGood, report);
    EXPECT_TRUE(report.floats.empty());
    if (!result) return false;
    for (const Labels& one : labels) acknowledged[one.to_string()][n * 1000] = n;
    return true;
  }
  Content acknowledged;

 private:
  Db& db_;
};

DbOptions options_on(FaultyEnv& env, util::Clock* clock = nullptr) {
  DbOptions options;
  options.path = kPath;
  options.env = &env;
  options.clock = clock;
  options.wal_segment_bytes = std::uint64_t{4} * 32 * 1024;
  return options;
}

TEST(Db, HoldsEverythingAfterACleanRestart) {
  FaultyEnv env;
  Content want;
  for (int round = 0; round < 3; ++round) {
    auto db = Db::open(options_on(env)).value();
    EXPECT_EQ(read_all(*db), want);
    Writer writer(*db);
    for (int n = 0; n < 200; ++n) ASSERT_TRUE(writer.write(round * 200 + n, 20));
    for (const auto& [series, samples] : writer.acknowledged)
      want[series].insert(samples.begin(), samples.end());
    ASSERT_TRUE(db->close().has_value());
    EXPECT_FALSE(env.exists("/data/lock"));
    storage::AppendReport report;
    EXPECT_EQ(db->append({}, storage::Atomicity::kKeepGood, report).error().code(),
              util::Code::kUnavailable);
  }
  auto db = Db::open(options_on(env)).value();
  EXPECT_EQ(read_all(*db), want);
  EXPECT_EQ(db->replay_report().snapshot, ReplayReport::Snapshot::kUsed);
  EXPECT_EQ(db->replay_report().damaged_regions, 0U);
  EXPECT_EQ(db->replay_report().samples_ignored, 0U);
}

TEST(Db, HoldsExemplarsAfterARestart) {
  FaultyEnv env;
  const std::vector<model::Matchers> all = {
      {model::Matcher::make(model::MatchOp::kRegex, "__name__", ".+").value()}};
  const Labels labels = series_labels(1);
  for (int round = 0; round < 2; ++round) {
    DbOptions options = options_on(env);
    options.exemplars_max = 3;
    auto db = Db::open(options).value();
    storage::EnsuredSeries ensured;
    ASSERT_TRUE(db->ensure_series({&labels, 1}, {&ensured, 1}).has_value());
    storage::WriteBatch batch;
    const model::TimestampMs t = 10'000 * (round + 1);
    batch.add(ensured.ref, t, 1);
    for (int i = 0; i < 2; ++i) {
      batch.exemplars.push_back(
          {ensured.ref, t + i, 0.5, Labels{{"trace_id", std::to_string(round)}}});
    }
    batch.exemplars.push_back({ensured.ref, t - 1, 0.5, {}});  // Too old: left out.
    batch.exemplars.push_back({12345, t, 0.5, {}});            // No such series.
    storage::AppendReport report;
    ASSERT_TRUE(db->append(batch, storage::Atomicity::kAllOrNothing, report).has_value());
    const auto found = db->exemplars({}, all);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].series, labels);
    ASSERT_EQ(found[0].exemplars.size(), round == 0 ? 2U : 3U);
    EXPECT_EQ(found[0].exemplars.back().timestamp, t + 1);
    if (round == 1) {
      EXPECT_EQ(found[0].exemplars[0].timestamp, 10'001);
      EXPECT_EQ(found[0].exemplars[0].labels.get("trace_id"), "0");
      db->set_exemplars_max(1);
      EXPECT_EQ(db->exemplars({}, all)[0].exemplars.size(), 1U);
    }
  }
}

TEST(Db, AKilledProcessLosesNothingThatWasAcknowledged) {
  util::Random random(1);
  FaultyEnv env;
  Content want;
  int n = 0;
  for (int round = 0; round < 30; ++round) {
    auto db = Db::open(options_on(env)).value();
    ASSERT_EQ(read_all(*db), want) << round;
    Writer writer(*db);
    for (std::uint64_t i = random.below(40); i > 0; --i)
      ASSERT_TRUE(writer.write(++n, 1 + random.below(50)));
    for (const auto& [series, samples] : writer.acknowledged)
      want[series].insert(samples.begin(), samples.end());
    env.kill_process();
    // The dead process writes no more.
    env.set_plan([](FileOperation, std::size_t) { return std::optional(FaultyEnv::Fault{}); });
    db.reset();
    env.set_plan({});
  }
}

TEST(Db, PowerLossCostsAtMostWhatWasNotSynced) {
  FaultyEnv env;
  util::FakeClock clock;
  Content synced;
  {
    auto db = Db::open(options_on(env, &clock)).value();
    Writer writer(*db);
    ASSERT_TRUE(writer.write(1, 10));
    synced = writer.acknowledged;
    // The sync thread sleeps on the clock; its call happens on its own thread, so wait until it
    // sleeps again.
    while (clock.waiting() == 0) std::this_thread::yield();
    clock.advance(std::chrono::seconds(1));
    while (clock.waiting() == 0) std::this_thread::yield();
    ASSERT_TRUE(writer.write(2, 10));
    env.lose_power();
    env.set_plan([](FileOperation, std::size_t) { return std::optional(FaultyEnv::Fault{}); });
  }
  env.set_plan({});
  auto db = Db::open(options_on(env)).value();
  EXPECT_EQ(read_all(*db), synced);
}

TEST(Db, WithSyncIntervalZeroPowerLossCostsNothing) {
  FaultyEnv env;
  auto options = options_on(env);
  options.wal_sync_interval = std::chrono::milliseconds(0);
  Content want;
  {
    auto db = Db::open(options).value();
    Writer writer(*db);
    for (int n = 1; n < 50; ++n) ASSERT_TRUE(writer.write(n, 5));
    want = writer.acknowledged;
    env.lose_power();
    env.set_plan([](FileOperation, std::size_t) { return std::optional(FaultyEnv::Fault{}); });
  }
  env.set_plan({});
  EXPECT_EQ(read_all(*Db::open(options).value()), want);
}

// Goal: at whatever operation the disk fails, once or from then on, an acknowledged batch is there
// after a restart and a refused one is not. Method: the same workload with the fault at operation
// k, for every k.
TEST(Db, AFaultAtAnyOperationLosesNothingAcknowledged) {
  const std::vector<std::pair<util::Code, std::size_t>> kinds = {{util::Code::kNoSpace, 0},
                                                                 {util::Code::kIo, 0},
                                                                 {util::Code::kNoSpace, 9},
                                                                 {util::Code::kIo, 300}};
  for (const bool lasting : {false, true}) {
    for (const std::int64_t interval_ms : {0, 1000}) {
      for (const auto& [code, written] : kinds) {
        for (std::size_t k = 0; k < 40; ++k) {
          SCOPED_TRACE(fmt::format("lasting {} interval {} written {} operation {}", lasting,
                                   interval_ms, written, k));
          FaultyEnv env;
          util::FakeClock clock;
          auto options = options_on(env, &clock);
          options.wal_sync_interval = std::chrono::milliseconds(interval_ms);
          Content want;
          {
            auto db = Db::open(options).value();
            env.set_plan([&, at = k](FileOperation operation,
                                     std::size_t number) -> std::optional<FaultyEnv::Fault> {
              const bool now = lasting ? number >= at && number < at + 12 : number == at;
              if (!now) return std::nullopt;
              return FaultyEnv::Fault{code, operation == FileOperation::kWrite ? written : 0};
            });
            Writer writer(*db);
            int refused = 0;
            for (int n = 1; n <= 24; ++n) {
              if (!writer.write(n, 8)) ++refused;
            }
            // The disk is well again in the end: so are appends.
            env.set_plan({});
            EXPECT_TRUE(writer.write(100, 9));
            EXPECT_LE(refused, lasting ? 13 : 1);
            want = writer.acknowledged;
            EXPECT_EQ(read_all(*db), want);
            env.kill_process();
            env.set_plan(
                [](FileOperation, std::size_t) { return std::optional(FaultyEnv::Fault{}); });
          }
          env.set_plan({});
          auto db = Db::open(options).value();
          const Content got = read_all(*db);
          for (const auto& [series, samples] : want) {
            for (const auto& [t, v] : samples) {
              ASSERT_TRUE(got.contains(series) && got.at(series).contains(t)) << series << " " << t;
              ASSERT_EQ(got.at(series).at(t), v);
            }
          }
          // When the disk also refuses to cut the failed batch off, it may come back; never when
          // the fault passes.
          if (!lasting) {
            ASSERT_EQ(got, want);
          }
          env.kill_process();
        }
      }
    }
  }
}

class DamagedLog : public ::testing::Test {
 protected:
  void SetUp() override {
    auto db = Db::open(options_on(env_)).value();
    Writer writer(*db);
    for (int n = 1; n <= 120; ++n) ASSERT_TRUE(writer.write(n, 60));
    want_ = writer.acknowledged;
    ASSERT_TRUE(db->close().has_value());
    db.reset();
    segment_ = "/data/wal/00000000";
    bytes_ = env_.content(segment_);
  }
  // Only what was written, and how many samples of it.
  std::size_t count_sound(const Content& got) {
    std::size_t count = 0;
    for (const auto& [series, samples] : got) {
      for (const auto& [t, v] : samples) {
        EXPECT_TRUE(want_.contains(series) && want_.at(series).contains(t)) << series << " " << t;
        EXPECT_EQ(want_.at(series).at(t), v);
        ++count;
      }
    }
    return count;
  }
  FaultyEnv env_;
  Content want_;
  std::string segment_;
  std::string bytes_;
};

TEST_F(DamagedLog, ATornTailKeepsTheWholeBatchesBeforeIt) {
  std::size_t before = 0;
  for (std::size_t cut = 0; cut < bytes_.size(); cut += 53) {
    FaultyEnv env;
    env.set_content(segment_, bytes_.substr(0, cut));
    {
      auto db = Db::open(options_on(env)).value();
      const std::size_t count = count_sound(read_all(*db));
      ASSERT_GE(count, before);
      ASSERT_EQ(count % 60, 0U) << "batches come back whole";
      before = count;
      ASSERT_TRUE(env.paths("/data/damaged").empty());
    }
    auto again = Db::open(options_on(env)).value();
    ASSERT_EQ(again->replay_report().damaged_regions, 0U);
    ASSERT_EQ(count_sound(read_all(*again)), before);
  }
}

TEST_F(DamagedLog, BitFlipsCostLittleAndAreSetAside) {
  util::Random random(5);
  for (int round = 0; round < 150; ++round) {
    FaultyEnv env;
    std::string flipped = bytes_;
    const auto at = random.below(flipped.size());
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << random.below(8)));
    env.set_content(segment_, flipped);
    std::size_t count = 0;
    {
      auto db = Db::open(options_on(env)).value();
      count = count_sound(read_all(*db));
      ASSERT_GE(db->replay_report().damaged_regions, 1U) << at;
      const auto kept = env.paths("/data/damaged");
      ASSERT_LE(kept.size(), 1U);
      if (!kept.empty()) {
        ASSERT_EQ(env.content(kept[0]), flipped);
      }
      // The store goes on.
      Writer writer(*db);
      ASSERT_TRUE(writer.write(1000, 3));
    }
    auto again = Db::open(options_on(env)).value();
    ASSERT_EQ(again->replay_report().damaged_regions, 0U);
    Content got = read_all(*again);
    for (auto& [series, samples] : got) samples.erase(1000 * 1000);
    ASSERT_EQ(count_sound(got), count);
  }
}

TEST(Db, ASecondProcessIsRefusedAndTheLockIsNamed) {
  const std::string path = std::filesystem::temp_directory_path() /
                           fmt::format("narthex-db-test-{}", util::os_entropy());
  DbOptions options;
  options.path = path;
  {
    auto db = Db::open(options).value();
    const auto second = Db::open(options);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code(), util::Code::kAlreadyExists);
    EXPECT_NE(second.error().message().find(path + "/lock"), std::string::npos)
        << second.error().message();
  }
  EXPECT_FALSE(std::filesystem::exists(path + "/lock"));
  EXPECT_TRUE(Db::open(options).has_value());
  std::filesystem::remove_all(path);
}

TEST(Db, ADirectoryThatCannotBeIsAnErrorThatNamesIt) {
  DbOptions options;
  options.path = "/proc/narthex-cannot-be";
  const auto db = Db::open(options);
  ASSERT_FALSE(db.has_value());
  EXPECT_NE(db.error().message().find(options.path), std::string::npos) << db.error().message();
}

TEST(Db, ExportsItsMetrics) {
  FaultyEnv env;
  telemetry::Registry registry;
  auto options = options_on(env);
  options.registry = &registry;
  auto db = Db::open(options).value();
  Writer writer(*db);
  ASSERT_TRUE(writer.write(1, 3));
  std::string text;
  registry.append_text(text);
  EXPECT_NE(text.find("\nprometheus_tsdb_head_series 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nprometheus_tsdb_head_samples_appended_total{type=\"float\"} 3\n"),
            std::string::npos);
  EXPECT_NE(text.find("\nprometheus_tsdb_head_max_time 1000\n"), std::string::npos);
  EXPECT_NE(text.find("\nprometheus_tsdb_clean_start 1\n"), std::string::npos);
}

// The metadata records of the log, oldest first.
std::vector<RefMetadata> logged_metadata(const FaultyEnv& env) {
  std::vector<RefMetadata> out;
  for (const std::string& path : env.paths("/data/wal/")) {
    const std::string content = env.content(path);
    SegmentReader reader(content);
    while (const auto record = reader.next()) {
      if (static_cast<RecordType>((*record)[0]) == RecordType::kMetadata) {
        EXPECT_TRUE(decode_metadata(*record, out).has_value());
      }
    }
  }
  return out;
}

TEST(Db, LogsMetadataThatIsNewsAlsoAfterARestart) {
  FaultyEnv env;
  // Behind a snapshot the log is not read: metadata is news again then.
  DbOptions options = options_on(env);
  options.snapshot_at_close = false;
  const model::Metadata counter{model::MetricType::kCounter, "Help.", "seconds"};
  const auto tell = [&](Db& db, const model::Metadata& metadata) {
    const std::vector<Labels> labels = {series_labels(1)};
    std::vector<storage::EnsuredSeries> ensured(1);
    EXPECT_TRUE(db.ensure_series(labels, ensured).has_value());
    storage::WriteBatch batch;
    batch.metadata.push_back({ensured[0].ref, metadata});
    batch.metadata.push_back({ensured[0].ref + 1000, metadata});  // No such series.
    storage::AppendReport report;
    EXPECT_TRUE(db.append(batch, storage::Atomicity::kKeepGood, report).has_value());
  };
  for (int run = 0; run < 2; ++run) {
    auto db = Db::open(options).value();
    tell(*db, counter);
    tell(*db, counter);
    const auto logged = logged_metadata(env);
    ASSERT_EQ(logged.size(), 1U) << "run " << run;
    EXPECT_EQ(logged[0].metadata, counter);
    env.kill_process();
  }
  auto db = Db::open(options).value();
  tell(*db, {model::MetricType::kCounter, "Another help.", "seconds"});
  ASSERT_EQ(logged_metadata(env).size(), 2U);
  EXPECT_EQ(logged_metadata(env)[1].metadata.help, "Another help.");
}

}  // namespace
}  // namespace narthex::tsdb
