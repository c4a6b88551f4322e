// The snapshot that a clean stop leaves: a start takes it over, or reads the log when it cannot.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/tsdb/db.h"
#include "narthex/util/random.h"

#include "unit/tsdb/db/store_content.h"
#include "unit/tsdb/faulty_env.h"

namespace narthex::tsdb {
namespace {

using Snapshot = ReplayReport::Snapshot;

constexpr const char* kPrefix = "/data/chunk_snapshot.";

class StoppedStore : public ::testing::Test {
 protected:
  void SetUp() override {
    auto db = Db::open(options_on(env_)).value();
    append(*db, 1, 150, want_);
    const std::vector<model::Matcher> one = {model::Matcher::equal("i", "2")};
    ASSERT_TRUE(db->delete_series(one, {140'000, 145'000}, {}).has_value());
    std::erase_if(want_[labels_of(2).to_string()], [](const auto& sample) {
      return sample.first >= 140'000 && sample.first <= 145'000;
    });
    ASSERT_EQ(read_all(*db), want_);
    ASSERT_TRUE(db->close().has_value());
  }
  // Everything but the snapshots.
  static void copy(const FaultyEnv& from, FaultyEnv& to) {
    for (const std::string& path : from.paths("/data/")) to.set_content(path, from.content(path));
  }
  FaultyEnv env_;
  Content want_;
};

TEST_F(StoppedStore, IsTakenOverWithoutItsLog) {
  ASSERT_EQ(env_.paths(kPrefix).size(), 2U);
  for (int start = 0; start < 3; ++start) {
    auto db = Db::open(options_on(env_)).value();
    EXPECT_EQ(read_all(*db), want_);
    EXPECT_EQ(db->replay_report().snapshot, Snapshot::kUsed);
    EXPECT_EQ(db->replay_report().samples_in_files, 0U);
    EXPECT_LT(db->replay_report().samples, 8U * 40);
    EXPECT_TRUE(env_.paths(kPrefix).empty()) << "it does not outlive its use";
    append(*db, 200 + start * 50, 250 + start * 50, want_);
    EXPECT_EQ(read_all(*db), want_);
    ASSERT_TRUE(db->close().has_value());
  }
}

TEST_F(StoppedStore, AKillAfterwardsLosesNothing) {
  for (int start = 0; start < 3; ++start) {
    auto db = Db::open(options_on(env_)).value();
    EXPECT_EQ(db->replay_report().snapshot, start == 0 ? Snapshot::kUsed : Snapshot::kNone);
    EXPECT_EQ(read_all(*db), want_);
    append(*db, 200 + start * 50, 250 + start * 50, want_);
    kill(env_, db);
  }
  EXPECT_EQ(read_all(*Db::open(options_on(env_)).value()), want_);
}

TEST_F(StoppedStore, AfterAnUnfinishedStartItIsStillThere) {
  {
    // The new log cannot be begun.
    env_.set_plan([](FileOperation, std::size_t) { return std::optional(FaultyEnv::Fault{}); });
    EXPECT_FALSE(Db::open(options_on(env_)).has_value());
    env_.set_plan({});
    env_.kill_process();
  }
  auto db = Db::open(options_on(env_)).value();
  EXPECT_EQ(db->replay_report().snapshot, Snapshot::kUsed);
  EXPECT_EQ(read_all(*db), want_);
}

TEST_F(StoppedStore, ADamagedOneIsIgnored) {
  util::Random random(1);
  const auto paths = env_.paths(kPrefix);
  for (int round = 0; round < 150; ++round) {
    FaultyEnv env;
    copy(env_, env);
    const std::string& path = paths[random.below(paths.size())];
    std::string changed = env.content(path);
    const std::size_t at = random.below(changed.size());
    if (random.below(3) == 0) {
      changed.resize(at);
    } else {
      changed[at] = static_cast<char>(changed[at] ^ (1 << random.below(8)));
    }
    env.set_content(path, changed);
    auto db = Db::open(options_on(env)).value();
    ASSERT_EQ(read_all(*db), want_) << path << " at " << at;
    // A number in the note may have become a smaller one: then it is sound.
    if (path.find("narthex") == std::string::npos) {
      ASSERT_EQ(db->replay_report().snapshot, Snapshot::kRefused) << path << " at " << at;
    }
    Content want = want_;
    append(*db, 300, 330, want);
    kill(env, db);
    ASSERT_EQ(read_all(*Db::open(options_on(env)).value()), want);
  }
}

TEST_F(StoppedStore, WithoutTheFilesItCountsOnItIsIgnored) {
  const auto check = [&](const std::string& missing) {
    FaultyEnv env;
    copy(env_, env);
    ASSERT_TRUE(env.remove_all(missing).has_value());
    auto db = Db::open(options_on(env)).value();
    EXPECT_EQ(db->replay_report().snapshot, Snapshot::kRefused) << missing;
    if (missing != "/data/wal") {
      EXPECT_EQ(read_all(*db), want_) << missing;
    }
  };
  check("/data/chunks_head");
  check("/data/chunks_head/000001");
  check("/data/wal");
}

// A stop with a fault at operation k, for every k, and whatever it leaves.
TEST(Snapshot, AFaultAtAnyOperationOfTheStopLosesNothing) {
  for (const bool lasting : {false, true}) {
    for (std::size_t k = 0; k < 22; ++k) {
      SCOPED_TRACE(fmt::format("lasting {} operation {}", lasting, k));
      FaultyEnv env;
      Content want;
      {
        DbOptions options = options_on(env);
        options.wal_sync_interval = std::chrono::milliseconds(0);
        auto db = Db::open(options).value();
        append(*db, 1, 120, want);
        env.set_plan(
            [&](FileOperation operation, std::size_t number) -> std::optional<FaultyEnv::Fault> {
              if (lasting ? number < k : number != k) return std::nullopt;
              return FaultyEnv::Fault{util::Code::kNoSpace,
                                      operation == FileOperation::kWrite ? k * 17 : 0};
            });
        static_cast<void>(db->close());
        db.reset();
        env.set_plan({});
        if (k % 2 == 0) {
          env.lose_power();
        } else {
          env.kill_process();
        }
      }
      auto db = Db::open(options_on(env)).value();
      ASSERT_EQ(read_all(*db), want);
      append(*db, 300, 330, want);
      ASSERT_TRUE(db->close().has_value());
      db = Db::open(options_on(env)).value();
      ASSERT_EQ(read_all(*db), want);
      ASSERT_EQ(db->replay_report().snapshot, Snapshot::kUsed);
    }
  }
}

TEST(Snapshot, ExemplarsComeBack) {
  FaultyEnv env;
  const std::vector<model::Matchers> all = {
      {model::Matcher::make(model::MatchOp::kRegex, "__name__", ".+").value()}};
  DbOptions options = options_on(env);
  options.exemplars_max = 10;
  for (int start = 0; start < 3; ++start) {
    auto db = Db::open(options).value();
    const auto found = db->exemplars({}, all);
    ASSERT_EQ(found.size(), start == 0 ? 0U : 1U);
    if (start != 0) {
      EXPECT_EQ(found[0].exemplars.size(), static_cast<std::size_t>(start));
      EXPECT_EQ(db->replay_report().snapshot, Snapshot::kUsed);
    }
    const model::Labels labels = labels_of(1);
    storage::EnsuredSeries ensured;
    ASSERT_TRUE(db->ensure_series({&labels, 1}, {&ensured, 1}).has_value());
    storage::WriteBatch batch;
    batch.add(ensured.ref, 1000 * (start + 1), 1);
    batch.exemplars.push_back(
        {ensured.ref, 1000 * (start + 1), 0.5, model::Labels{{"trace", "x"}}});
    storage::AppendReport report;
    ASSERT_TRUE(db->append(batch, storage::Atomicity::kKeepGood, report).has_value());
    ASSERT_TRUE(db->close().has_value());
  }
}

// A series that was named before a stop but never had a sample is not in the log.
TEST(Snapshot, ASeriesThatIsNotInTheLogIsLoggedLater) {
  FaultyEnv env;
  const model::Labels labels = labels_of(1);
  storage::EnsuredSeries ensured;
  {
    auto db = Db::open(options_on(env)).value();
    Content other;
    append(*db, 1, 30, other);
    const model::Labels idle = labels_of(99);
    ASSERT_TRUE(db->ensure_series({&idle, 1}, {&ensured, 1}).has_value());
    ASSERT_TRUE(db->close().has_value());
  }
  auto db = Db::open(options_on(env)).value();
  ASSERT_EQ(db->replay_report().snapshot, Snapshot::kUsed);
  const model::Labels idle = labels_of(99);
  ASSERT_TRUE(db->ensure_series({&idle, 1}, {&ensured, 1}).has_value());
  storage::WriteBatch batch;
  batch.add(ensured.ref, 50'000, 4);
  storage::AppendReport report;
  ASSERT_TRUE(db->append(batch, storage::Atomicity::kKeepGood, report).has_value());
  kill(env, db);
  db = Db::open(options_on(env)).value();
  EXPECT_EQ(db->replay_report().samples_without_series, 0U);
  EXPECT_EQ(read_all(*db)[idle.to_string()].size(), 1U);
}

}  // namespace
}  // namespace narthex::tsdb
