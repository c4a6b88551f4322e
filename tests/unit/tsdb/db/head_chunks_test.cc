// Full chunks of the head in files: what is queried, what a start takes from where, and what damage
// and faults cost (nothing, for the log has it all).
#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/tsdb/db.h"
#include "narthex/util/random.h"

#include "unit/tsdb/db/store_content.h"
#include "unit/tsdb/faulty_env.h"

namespace narthex::tsdb {
namespace {

constexpr const char* kFirst = "/data/chunks_head/000001";

// A store with some files of chunks and an open chunk in each series, whose process was killed.
class KilledStore : public ::testing::Test {
 protected:
  void SetUp() override {
    auto db = Db::open(options_on(env_)).value();
    for (int from = 1; from < 400; from += 60) {
      append(*db, from, from + 60, want_);
      ASSERT_TRUE(db->maintain().has_value());
      ASSERT_EQ(read_all(*db), want_);
    }
    append(*db, 421, 450, want_);
    kill(env_, db);
    bytes_ = env_.content(kFirst);
    ASSERT_GT(bytes_.size(), 4000U);
  }
  // Of the log and these bytes of the file of chunks.
  static void copy_log(const FaultyEnv& from, FaultyEnv& to) {
    for (const std::string& path : from.paths("/data/wal/"))
      to.set_content(path, from.content(path));
  }
  FaultyEnv env_;
  Content want_;
  std::string bytes_;
};

TEST_F(KilledStore, TakesOverWhatTheFilesHave) {
  for (int start = 0; start < 3; ++start) {
    DbOptions options = options_on(env_);
    options.snapshot_at_close = false;
    auto db = Db::open(options).value();
    EXPECT_EQ(read_all(*db), want_);
    const ReplayReport& report = db->replay_report();
    EXPECT_GT(report.chunks, 60U);
    EXPECT_GT(report.samples_in_files, 1000U);
    EXPECT_EQ(report.samples_ignored, 0U);
    EXPECT_EQ(report.damaged_regions, 0U);
    EXPECT_EQ(report.chunk_files_damaged_regions, 0U);
    std::size_t total = 0;
    for (const auto& [series, samples] : want_) total += samples.size();
    EXPECT_EQ(report.samples + report.samples_in_files, total);
    append(*db, 450 + start * 100, 550 + start * 100, want_);
    EXPECT_EQ(read_all(*db), want_);
    if (start == 0) {
      kill(env_, db);
    } else {
      ASSERT_TRUE(db->close().has_value());
    }
  }
}

TEST_F(KilledStore, DamageInAFileCostsNothing) {
  util::Random random(1);
  for (int round = 0; round < 120; ++round) {
    FaultyEnv env;
    copy_log(env_, env);
    std::string changed = bytes_;
    const std::size_t at = random.below(changed.size());
    switch (random.below(4)) {
      case 0:
        changed.resize(at);
        break;
      case 1:
        changed.replace(at, 400, std::min<std::size_t>(400, changed.size() - at), '\0');
        break;
      default:
        changed[at] = static_cast<char>(changed[at] ^ (1 << random.below(8)));
    }
    env.set_content(kFirst, changed);
    auto db = Db::open(options_on(env)).value();
    ASSERT_EQ(read_all(*db), want_) << round << " at " << at;
    Content want = want_;
    append(*db, 450, 480, want);
    ASSERT_TRUE(db->maintain().has_value());
    ASSERT_EQ(read_all(*db), want) << round << " at " << at;
    kill(env, db);
    db = Db::open(options_on(env)).value();
    ASSERT_EQ(read_all(*db), want) << round << " at " << at;
    ASSERT_EQ(db->replay_report().chunk_files_damaged_regions, 0U);
  }
}

TEST_F(KilledStore, WithoutItsLogKeepsNothingWrong) {
  // Whatever is left of the log, and whatever is in the files: no sample that was not written.
  util::Random random(2);
  for (int round = 0; round < 60; ++round) {
    FaultyEnv env;
    copy_log(env_, env);
    const auto segments = env.paths("/data/wal/");
    const std::string& segment = segments[random.below(segments.size())];
    std::string changed = env.content(segment);
    for (int i = 0; i < 20; ++i) {
      const std::size_t at = random.below(changed.size());
      changed[at] = static_cast<char>(changed[at] ^ (1 << random.below(8)));
    }
    env.set_content(segment, changed);
    env.set_content(kFirst, bytes_);
    auto db = Db::open(options_on(env)).value();
    for (const auto& [series, samples] : read_all(*db)) {
      for (const auto& [t, v] : samples) {
        ASSERT_TRUE(want_.contains(series) && want_.at(series).contains(t));
        ASSERT_EQ(want_.at(series).at(t), v);
      }
    }
  }
}

TEST_F(KilledStore, WithoutFilesTheLogHasEverything) {
  FaultyEnv env;
  copy_log(env_, env);
  EXPECT_EQ(read_all(*Db::open(options_on(env)).value()), want_);
}

// The same workload with a fault at operation k, for every k, lasting or not; and with the process
// dying there.
TEST(HeadChunks, AFaultAtAnyOperationLosesNothing) {
  enum class Kind { kPassing, kLasting, kDeath, kPowerLoss };
  for (const Kind kind : {Kind::kPassing, Kind::kLasting, Kind::kDeath, Kind::kPowerLoss}) {
    for (std::size_t k = 0; k < 25; ++k) {
      SCOPED_TRACE(fmt::format("kind {} operation {}", static_cast<int>(kind), k));
      FaultyEnv env;
      Content want;
      {
        DbOptions options = options_on(env);
        options.wal_sync_interval = std::chrono::milliseconds(0);
        auto db = Db::open(options).value();
        append(*db, 1, 100, want);
        for (int round = 0; round < 3; ++round) {
          env.set_plan(
              [&](FileOperation operation, std::size_t number) -> std::optional<FaultyEnv::Fault> {
                if (kind == Kind::kPassing ? number != k : number < k) return std::nullopt;
                return FaultyEnv::Fault{util::Code::kNoSpace,
                                        operation == FileOperation::kWrite ? k * 37 : 0};
              });
          // That chunks stay in memory is no failure of anything else.
          static_cast<void>(db->maintain());
          ASSERT_EQ(read_all(*db), want);
          if (kind == Kind::kDeath || kind == Kind::kPowerLoss) break;
          env.set_plan({});
          append(*db, 100 + round * 50, 150 + round * 50, want);
          ASSERT_TRUE(db->maintain().has_value());
          ASSERT_EQ(read_all(*db), want);
        }
        if (kind == Kind::kPowerLoss) env.lose_power();
        kill(env, db);
      }
      auto db = Db::open(options_on(env)).value();
      ASSERT_EQ(read_all(*db), want);
      append(*db, 1000, 1030, want);
      ASSERT_TRUE(db->close().has_value());
      db.reset();
      ASSERT_EQ(read_all(*Db::open(options_on(env)).value()), want);
    }
  }
}

TEST(HeadChunks, MemoryIsUsedAgain) {
  FaultyEnv env;
  auto db = Db::open(options_on(env)).value();
  Content want;
  append(*db, 1, 2000, want);
  ASSERT_TRUE(db->maintain().has_value());
  const std::uint64_t bytes = db->head_stats().memory_bytes;
  append(*db, 2000, 3900, want);
  EXPECT_LE(db->head_stats().memory_bytes, bytes + bytes / 100);
  EXPECT_EQ(read_all(*db), want);
}

// A query that began before reads the memory that it knew, and sees no sample twice.
TEST(HeadChunks, ReadersGoOnWhileChunksMove) {
  FaultyEnv env;
  auto db = Db::open(options_on(env)).value();
  Content want;
  append(*db, 1, 500, want);
  const auto querier = db->querier({}).value();
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("i", "0")};
  const auto set = querier->select(matchers, storage::SeriesOrder::kByLabels, {}).value();
  Content later = want;
  ASSERT_TRUE(db->maintain().has_value());
  append(*db, 500, 1500, later);
  ASSERT_TRUE(db->maintain().has_value());
  storage::SampleColumns samples;
  ASSERT_TRUE(set->read(0, {}, samples).has_value());
  EXPECT_EQ(samples.float_timestamps.size(), want[labels_of(0).to_string()].size());
  EXPECT_TRUE(std::ranges::is_sorted(samples.float_timestamps, std::ranges::less_equal{}));
  EXPECT_EQ(read_all(*db), later);
}

}  // namespace
}  // namespace narthex::tsdb
