// Goal: a full disk stops appends with an error that says so and nothing else: what was stored
// stays readable, blocks can still be cut, and appends go on by themselves when there is room.
#include <gtest/gtest.h>

#include "narthex/tsdb/db.h"
#include "narthex/util/clock.h"

#include "tsdb/db/disk_guard.h"
#include "unit/tsdb/faulty_env.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint64_t kDiskBytes = 1U << 26U;     // 64 MiB, of which
constexpr std::uint64_t kReserveBytes = 1U << 21U;  // 2 MiB are kept free.

class DiskFull : public ::testing::Test {
 protected:
  DiskFull() { env_.set_disk_bytes(kDiskBytes); }

  void open() {
    DbOptions options;
    options.path = "/data";
    options.env = &env_;
    options.disk_reserve_bytes = kReserveBytes;
    options.wal_sync_interval = std::chrono::milliseconds(0);
    auto opened = Db::open(options);
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    db_ = *std::move(opened);
  }
  util::Result<void> append(model::TimestampMs t) {
    const std::vector<model::Labels> labels = {model::Labels{{"__name__", "x"}}};
    std::vector<storage::EnsuredSeries> ensured(1);
    NX_TRY(db_->ensure_series(labels, ensured));
    storage::WriteBatch batch;
    batch.add(ensured[0].ref, t, static_cast<double>(t));
    storage::AppendReport report;
    return db_->append(batch, storage::Atomicity::kKeepGood, report);
  }
  std::vector<model::TimestampMs> stored() {
    const std::vector<model::Matcher> matchers = {model::Matcher::equal("__name__", "x")};
    const model::TimeRange range{0, 1'000'000};
    auto querier = db_->querier(range);
    const storage::Deadline deadline;
    const auto set = (*querier)->select(matchers, storage::SeriesOrder::kAny, deadline);
    storage::SampleColumns columns;
    for (std::size_t i = 0; i < (*set)->size(); ++i)
      EXPECT_TRUE((*set)->read(i, range, columns).has_value());
    return columns.float_timestamps;
  }
  // The rest of the disk, but for some bytes, belongs to somebody else.
  void fill(std::uint64_t leave_bytes) {
    EXPECT_TRUE(env_.remove_all("/other").has_value());
    const std::uint64_t used = env_.used_bytes();
    env_.set_content("/other", std::string(kDiskBytes - used - leave_bytes, 'x'));
  }

  FaultyEnv env_;
  std::unique_ptr<Db> db_;
  std::vector<bool> states_;
};

TEST_F(DiskFull, AppendsAreRefusedAndWhatIsThereIsRead) {
  open();
  EXPECT_TRUE(env_.exists("/data/disk.reserve"));
  ASSERT_TRUE(append(1000).has_value());
  fill(10);
  const auto first = append(2000);
  ASSERT_FALSE(first.has_value());
  EXPECT_EQ(first.error().code(), util::Code::kNoSpace);
  EXPECT_TRUE(db_->is_read_only());
  EXPECT_FALSE(env_.exists("/data/disk.reserve")) << "it is there to be used now";
  // Though there is room for it: that room is not for appends.
  const auto second = append(3000);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message().find("read-only"), std::string::npos);
  EXPECT_EQ(stored(), (std::vector<model::TimestampMs>{1000}));
}

TEST_F(DiskFull, StartsOnAFullDiskAndReads) {
  open();
  ASSERT_TRUE(append(1000).has_value());
  fill(10);
  ASSERT_FALSE(append(2000).has_value());
  fill(0);  // Somebody else has taken what was given up.
  db_.reset();
  open();
  EXPECT_TRUE(db_->is_read_only());
  EXPECT_FALSE(append(3000).has_value());
  EXPECT_EQ(stored(), (std::vector<model::TimestampMs>{1000}));
}

// Neither the chunks that are full nor the snapshot get to their files: the log has it all.
TEST_F(DiskFull, AStopOnAFullDiskLosesNothing) {
  open();
  std::vector<model::TimestampMs> want;
  for (model::TimestampMs t = 1; t <= 500; ++t) {
    ASSERT_TRUE(append(t * 1000).has_value());
    want.push_back(t * 1000);
  }
  fill(10);
  ASSERT_FALSE(append(501'000).has_value());
  fill(0);
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_EQ(stored(), want);
  EXPECT_TRUE(db_->close().has_value());
  EXPECT_TRUE(env_.paths("/data/chunk_snapshot").empty());
  open();
  EXPECT_TRUE(db_->is_read_only());
  EXPECT_EQ(stored(), want);
  EXPECT_TRUE(db_->close().has_value());
  EXPECT_TRUE(env_.remove_all("/other").has_value());
  open();
  EXPECT_FALSE(db_->is_read_only());
  ASSERT_TRUE(append(502'000).has_value());
  want.push_back(502'000);
  ASSERT_TRUE(db_->maintain().has_value());
  db_.reset();
  open();
  EXPECT_EQ(db_->replay_report().snapshot, ReplayReport::Snapshot::kUsed);
  EXPECT_EQ(stored(), want);
}

TEST_F(DiskFull, TheGuardResumesWhenTheReserveFitsAgainWithRoomBesideIt) {
  DiskGuard guard(env_, "/data", kReserveBytes, [this](bool on) { states_.push_back(on); });
  guard.start();
  EXPECT_EQ(guard.reserved_bytes(), kReserveBytes);
  guard.note(util::Error(util::Code::kIo, "not about space"));
  EXPECT_FALSE(guard.is_read_only());
  fill(0);
  guard.note(util::Error(util::Code::kNoSpace, "write log"));
  EXPECT_TRUE(guard.is_read_only());
  EXPECT_EQ(guard.check().error().code(), util::Code::kNoSpace);
  guard.probe();
  EXPECT_TRUE(guard.is_read_only()) << "the reserve alone fits, but nothing beside it";
  env_.set_content("/other", std::string(env_.used_bytes() - (kReserveBytes / 4), 'x'));
  guard.probe();
  EXPECT_FALSE(guard.is_read_only());
  EXPECT_TRUE(guard.check().has_value());
  EXPECT_EQ(guard.reserved_bytes(), kReserveBytes);
  EXPECT_EQ(states_, (std::vector<bool>{true, false}));
}

TEST_F(DiskFull, ASmallDiskIsNotSpentOnTheReserve) {
  DiskGuard guard(env_, "/data", kDiskBytes, {});
  guard.start();
  EXPECT_EQ(guard.reserved_bytes(), kDiskBytes / 16);
  DiskGuard again(env_, "/data", kDiskBytes, {});
  again.start();
  EXPECT_EQ(again.reserved_bytes(), kDiskBytes / 16);
  EXPECT_EQ(env_.used_bytes(), kDiskBytes / 16) << "there is one reserve";
}

}  // namespace
}  // namespace narthex::tsdb
