// Goal: whatever file operation of a block write, a compaction or a deletion fails, or is the last
// before the process dies or the power goes, no sample is lost, none comes back that was deleted,
// no block is half there, and the next round finishes the work. Method: a simulated file system;
// every operation in turn.
#include "narthex/tsdb/db.h"

#include "support/random_seed.h"
#include "support/simulated_env.h"
#include "unit/tsdb/block/block_content.h"

namespace narthex::tsdb {
namespace {

using test::SimulatedEnv;
using util::Code;

constexpr const char* kPath = "/data";
constexpr model::TimestampMs kMinute = 60'000;
constexpr model::TimestampMs kStart = 1'700'000'000'000 / (6 * kMinute) * (6 * kMinute);

// The series that is deleted from.
const model::Labels kVictim{{"__name__", "m"}, {"i", "1"}};

class Scene {
 public:
  explicit Scene(SimulatedEnv& env) : env_(env) {}
  void open() {
    DbOptions options;
    options.path = kPath;
    options.env = &env_;
    options.clock = &clock_;
    options.block_range_min = std::chrono::minutes(2);
    options.block_range_max = std::chrono::minutes(6);
    options.retention = std::chrono::milliseconds(0);
    options.wal_sync_interval = std::chrono::milliseconds(0);
    auto opened = Db::open(std::move(options));
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    db_ = *std::move(opened);
  }
  // Nothing of the dead process reaches the disk any more.
  void die() {
    env_.set_plan([](std::size_t) { return Code::kIo; });
    db_.reset();
    env_.set_plan(nullptr);
    env_.release_locks();
  }
  void write(int from, int to) {
    const std::vector<model::Labels> labels = {model::Labels{{"__name__", "m"}, {"i", "0"}},
                                               kVictim};
    std::vector<storage::EnsuredSeries> ensured(labels.size());
    ASSERT_TRUE(db_->ensure_series(labels, ensured).has_value());
    for (int tick = from; tick < to; ++tick) {
      storage::WriteBatch batch;
      const model::TimestampMs t = kStart + tick * 10'000;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        batch.add(ensured[i].ref, t, tick);
        want[labels[i]][t] = tick;
      }
      storage::AppendReport report;
      ASSERT_TRUE(db_->append(batch, storage::Atomicity::kKeepGood, report).has_value());
    }
  }
  [[nodiscard]] BlockContent content() { return read_content(*db_->querier({}).value()); }
  [[nodiscard]] Db& db() { return *db_; }
  BlockContent want;

 private:
  SimulatedEnv& env_;
  util::FakeClock clock_;
  std::unique_ptr<Db> db_;
};

// Ten minutes of samples; three blocks will be cut and compacted into one.
void fill(Scene& scene) {
  scene.open();
  scene.write(0, 63);
}

enum class End { kProcessDies, kPowerGoes };

class MaintenanceCrash : public testing::TestWithParam<End> {};

TEST_P(MaintenanceCrash, AtEveryOperationOfCuttingAndCompacting) {
  util::Random random = test::seeded_random();
  bool reached_the_end = false;
  for (std::size_t crash_at = 0; !reached_the_end; ++crash_at) {
    SCOPED_TRACE(crash_at);
    SimulatedEnv env;
    Scene scene(env);
    fill(scene);
    env.sync_all();
    env.set_plan([crash_at](std::size_t number) -> std::optional<Code> {
      return number >= crash_at ? std::optional(Code::kIo) : std::nullopt;
    });
    static_cast<void>(scene.db().maintain());
    reached_the_end = env.operations() <= crash_at;
    EXPECT_EQ(scene.content(), scene.want);
    scene.die();
    if (GetParam() == End::kPowerGoes) env.lose_power(random);
    scene.open();
    ASSERT_EQ(scene.content(), scene.want);
    EXPECT_TRUE(scene.db().blocks_set_aside().empty());
    const auto done = scene.db().maintain();
    ASSERT_TRUE(done.has_value()) << done.error().message();
    ASSERT_EQ(scene.content(), scene.want);
    EXPECT_GE(scene.db().blocks().front().level, 2);
    ASSERT_FALSE(testing::Test::HasFatalFailure());
  }
}

TEST_P(MaintenanceCrash, AtEveryOperationOfADeletion) {
  util::Random random = test::seeded_random();
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("i", "1")};
  const model::TimeRange range{kStart + kMinute, kStart + 9 * kMinute};
  bool reached_the_end = false;
  for (std::size_t crash_at = 0; !reached_the_end; ++crash_at) {
    SCOPED_TRACE(crash_at);
    SimulatedEnv env;
    Scene scene(env);
    fill(scene);
    ASSERT_TRUE(scene.db().maintain().has_value());
    env.sync_all();
    env.set_plan([crash_at](std::size_t number) -> std::optional<Code> {
      return number >= crash_at ? std::optional(Code::kIo) : std::nullopt;
    });
    const bool deleted = scene.db().delete_series(matchers, range, {}).has_value();
    reached_the_end = env.operations() <= crash_at;
    scene.die();
    if (GetParam() == End::kPowerGoes) env.lose_power(random);
    scene.open();
    BlockContent after = scene.want;
    std::erase_if(after[kVictim], [&](const auto& sample) { return range.contains(sample.first); });
    const BlockContent got = scene.content();
    if (deleted) {
      EXPECT_EQ(got, after);
    }
    // Not acknowledged: each sample that should go is gone or not, all others are there.
    for (const auto& [labels, samples] : after) {
      for (const auto& [t, value] : samples) EXPECT_EQ(got.at(labels).at(t), value);
    }
    EXPECT_TRUE(scene.db().blocks_set_aside().empty());
    ASSERT_TRUE(scene.db().delete_series(matchers, range, {}).has_value());
    ASSERT_TRUE(scene.db().clean_tombstones().has_value());
    EXPECT_EQ(scene.content(), after);
    ASSERT_FALSE(testing::Test::HasFatalFailure());
  }
}

TEST_P(MaintenanceCrash, AtEveryOperationOfCleaningUp) {
  util::Random random = test::seeded_random();
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("i", "1")};
  const model::TimeRange range{kStart + kMinute, kStart + 3 * kMinute};
  bool reached_the_end = false;
  for (std::size_t crash_at = 0; !reached_the_end; ++crash_at) {
    SCOPED_TRACE(crash_at);
    SimulatedEnv env;
    Scene scene(env);
    fill(scene);
    ASSERT_TRUE(scene.db().maintain().has_value());
    ASSERT_TRUE(scene.db().delete_series(matchers, range, {}).has_value());
    std::erase_if(scene.want[kVictim],
                  [&](const auto& sample) { return range.contains(sample.first); });
    env.sync_all();
    env.set_plan([crash_at](std::size_t number) -> std::optional<Code> {
      return number >= crash_at ? std::optional(Code::kIo) : std::nullopt;
    });
    static_cast<void>(scene.db().clean_tombstones());
    reached_the_end = env.operations() <= crash_at;
    scene.die();
    if (GetParam() == End::kPowerGoes) env.lose_power(random);
    scene.open();
    ASSERT_EQ(scene.content(), scene.want);
    EXPECT_TRUE(scene.db().blocks_set_aside().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Ends, MaintenanceCrash,
                         testing::Values(End::kProcessDies, End::kPowerGoes));

class MaintenanceFault : public testing::TestWithParam<Code> {};

// One operation fails, the next ones work again.
TEST_P(MaintenanceFault, OfOneOperationCostsNothing) {
  bool reached_the_end = false;
  for (std::size_t fault_at = 0; !reached_the_end; ++fault_at) {
    SCOPED_TRACE(fault_at);
    SimulatedEnv env;
    Scene scene(env);
    fill(scene);
    env.set_plan([fault_at](std::size_t number) -> std::optional<Code> {
      return number == fault_at ? std::optional(GetParam()) : std::nullopt;
    });
    static_cast<void>(scene.db().maintain());
    reached_the_end = env.operations() <= fault_at;
    ASSERT_EQ(scene.content(), scene.want);
    env.set_plan(nullptr);
    const auto done = scene.db().maintain();
    ASSERT_TRUE(done.has_value()) << done.error().message();
    ASSERT_EQ(scene.content(), scene.want);
    ASSERT_FALSE(scene.db().blocks().empty());
    EXPECT_GE(scene.db().blocks().front().level, 2);
    scene.die();
    scene.open();
    ASSERT_EQ(scene.content(), scene.want);
  }
}

INSTANTIATE_TEST_SUITE_P(Codes, MaintenanceFault, testing::Values(Code::kNoSpace, Code::kIo));

}  // namespace
}  // namespace narthex::tsdb
