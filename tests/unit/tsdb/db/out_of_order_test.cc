// Samples behind newer ones of their series: what is taken, who sees it when, and that nothing of
// it is lost by a restart, a compaction or a fault of the disk.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/telemetry/registry.h"
#include "narthex/tsdb/db.h"

#include "support/random_seed.h"
#include "unit/tsdb/faulty_env.h"
#include "unit/tsdb/histogram_content.h"

namespace narthex::tsdb {
namespace {

using enum storage::AppendOutcome;

constexpr model::TimestampMs kMinute = 60'000;
constexpr model::TimestampMs kStart = 1'700'000'000'000 / (2 * kMinute) * (2 * kMinute);
constexpr std::chrono::minutes kWindow{10};

model::Labels labels_of(int i) {
  return model::Labels{{"__name__", "m"}, {"i", std::to_string(i)}};
}

class OutOfOrder : public testing::Test {
 protected:
  DbOptions options() {
    DbOptions out;
    out.path = "/data";
    out.env = env_.get();
    out.clock = &clock_;
    out.registry = &registry_;
    out.block_range_min = std::chrono::minutes(2);
    out.block_range_max = std::chrono::minutes(18);
    out.retention = std::chrono::milliseconds(0);
    out.wal_segment_bytes = std::uint64_t{4} * 32 * 1024;
    out.out_of_order_window = window_;
    return out;
  }
  void open() { db_ = Db::open(options()).value(); }
  void reopen() {
    db_.reset();
    open();
  }
  // The process dies: nothing is written any more.
  void kill() {
    env_->kill_process();
    env_->set_plan([](FileOperation, std::size_t) { return std::optional(FaultyEnv::Fault{}); });
    db_.reset();
    env_->set_plan({});
  }
  storage::SeriesRef series(int i) {
    const model::Labels labels = labels_of(i);
    storage::EnsuredSeries out;
    EXPECT_TRUE(db_->ensure_series({&labels, 1}, {&out, 1}).has_value());
    return out.ref;
  }
  storage::AppendOutcome append(int i, model::TimestampMs t, double value) {
    storage::WriteBatch batch;
    batch.add(series(i), t, value);
    storage::AppendReport report;
    EXPECT_TRUE(db_->append(batch, storage::Atomicity::kKeepGood, report).has_value());
    return report.floats.empty() ? kOk : report.floats[0].outcome;
  }
  std::map<model::TimestampMs, std::string> content(int i) {
    const auto all = read_mixed(*db_);
    const auto it = all.find(labels_of(i).to_string());
    return it == all.end() ? std::map<model::TimestampMs, std::string>{} : it->second;
  }
  std::size_t log_segments() { return env_->list_dir("/data/wbl").value().size(); }

  std::unique_ptr<FaultyEnv> env_ = std::make_unique<FaultyEnv>();
  util::FakeClock clock_;
  telemetry::Registry registry_;
  std::chrono::milliseconds window_ = kWindow;
  std::unique_ptr<Db> db_;
};

TEST_F(OutOfOrder, TakesWhatTheWindowHolds) {
  open();
  const model::TimestampMs now = kStart + 60 * kMinute;
  EXPECT_EQ(append(1, now, 1), kOk);
  EXPECT_EQ(append(1, now - 1, 2), kOk);
  EXPECT_EQ(append(1, now, 3), kDuplicate);  // Of the newest sample, this is told.
  EXPECT_EQ(append(1, now - 1, 4), kOk);     // Of a late one it is not; the first stays.
  EXPECT_EQ(append(1, now - 10 * kMinute, 5), kOk);
  EXPECT_EQ(append(1, now - 10 * kMinute - 1, 6), kTooOld);
  // A new series: older than what is taken in order.
  EXPECT_EQ(append(2, now - 5 * kMinute, 7), kOk);
  EXPECT_EQ(append(2, now - 4 * kMinute, 8), kOk);
  EXPECT_EQ(append(2, now, 9), kOk);
  const std::map<model::TimestampMs, std::string> want = {
      {now - 10 * kMinute, plain_text(5.0)}, {now - 1, plain_text(2.0)}, {now, plain_text(1.0)}};
  const std::map<model::TimestampMs, std::string> other = {{now - 5 * kMinute, plain_text(7.0)},
                                                           {now - 4 * kMinute, plain_text(8.0)},
                                                           {now, plain_text(9.0)}};
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(content(1), want);
    EXPECT_EQ(content(2), other);
    kill();
    open();
  }
  EXPECT_EQ(append(1, now - 11 * kMinute, 6), kTooOld);
  db_->set_out_of_order_window(std::chrono::milliseconds(0));
  EXPECT_EQ(append(1, now - 2, 6), kOutOfOrder);
  EXPECT_EQ(append(1, now - 5 * kMinute, 6), kOutOfBounds);
  EXPECT_EQ(content(1), want);
}

TEST_F(OutOfOrder, WithoutAWindowThereIsNoLog) {
  window_ = std::chrono::milliseconds(0);
  open();
  EXPECT_EQ(append(1, kStart, 1), kOk);
  EXPECT_EQ(append(1, kStart - 1, 1), kOutOfOrder);
  EXPECT_FALSE(env_->exists("/data/wbl/00000000"));
  db_->set_out_of_order_window(kWindow);
  EXPECT_EQ(append(1, kStart - 1, 1), kOk);
  reopen();
  EXPECT_EQ(content(1).size(), 2U);
}

TEST_F(OutOfOrder, ABatchIsSeenWhole) {
  open();
  ASSERT_EQ(append(1, kStart + kMinute, 1), kOk);
  for (int i = 0; i < 100; ++i) {
    const std::vector<model::Matcher> all = {model::Matcher::equal("__name__", "m")};
    const auto before = db_->querier({}).value();
    storage::WriteBatch batch;
    // Late and in order.
    batch.add(series(1), kStart + i, i);
    batch.add(series(2), kStart + 2 * kMinute + i, i);
    storage::AppendReport report;
    ASSERT_TRUE(db_->append(batch, storage::Atomicity::kAllOrNothing, report).has_value());
    const auto count = [&](storage::Querier& querier) {
      const auto set = querier.select(all, storage::SeriesOrder::kAny, {}).value();
      storage::SampleColumns samples;
      for (std::size_t k = 0; k < set->size(); ++k)
        EXPECT_TRUE(set->read(k, {}, samples).has_value());
      return samples.float_values.size();
    };
    EXPECT_EQ(count(*before), 1U + 2U * static_cast<unsigned>(i));
    EXPECT_EQ(count(*db_->querier({}).value()), 3U + 2U * static_cast<unsigned>(i));
  }
}

TEST_F(OutOfOrder, BecomesBlocksAndLeavesTheLog) {
  open();
  for (int minute = 0; minute <= 12; ++minute)
    ASSERT_EQ(append(1, kStart + minute * kMinute, minute), kOk);
  for (int minute = 3; minute < 12; ++minute)
    ASSERT_EQ(append(1, kStart + minute * kMinute + 1000, minute), kOk);
  const auto want = content(1);
  EXPECT_EQ(want.size(), 22U);
  {
    // Whoever began before sees the same afterwards.
    const auto old = db_->querier({}).value();
    ASSERT_TRUE(db_->maintain().has_value());
    const std::vector<model::Matcher> all = {model::Matcher::equal("__name__", "m")};
    const auto set = old->select(all, storage::SeriesOrder::kAny, {}).value();
    storage::SampleColumns samples;
    ASSERT_TRUE(set->read(0, {}, samples).has_value());
    EXPECT_EQ(samples.float_values.size(), 22U);
  }
  EXPECT_EQ(content(1), want);
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_EQ(content(1), want);
  EXPECT_EQ(log_segments(), 1U);
  // The blocks have them: the log is not needed any more.
  kill();
  ASSERT_TRUE(env_->remove_all("/data/wbl").has_value());
  open();
  EXPECT_EQ(content(1), want);
  EXPECT_EQ(append(1, kStart + 11 * kMinute + 2000, 1), kOk);
  EXPECT_EQ(content(1).size(), 23U);
}

// docs/decisions/0011: wherever both are by now.
TEST_F(OutOfOrder, OfTwoSamplesAtOneTimeTheFirstStays) {
  open();
  std::map<model::TimestampMs, std::string> want;
  const auto take = [&](model::TimestampMs t, double value) {
    ASSERT_EQ(append(1, t, value), kOk);
    want.try_emplace(t, plain_text(value));
  };
  for (int i = 0; i <= 20; ++i) take(kStart + i * 10'000, i);
  take(kStart + 50'000, 100);
  take(kStart + 150'000, 101);
  // Enough for a chunk; then a time that the chunk has.
  for (int i = 0; i < 40; ++i) take(kStart + 60'001 + i, i);
  take(kStart + 60'001, 200);
  take(kStart + 60'001, 201);
  EXPECT_EQ(content(1), want);
  kill();
  open();
  EXPECT_EQ(content(1), want);
  for (int round = 0; round < 6; ++round) {
    const auto snapshot = db_->snapshot(false);
    ASSERT_TRUE(snapshot.has_value());
    {
      auto with = options();
      telemetry::Registry registry;
      with.registry = &registry;
      with.path = "/data/snapshots/" + *snapshot;
      const auto copy = Db::open(std::move(with)).value();
      EXPECT_EQ(read_mixed(*copy).at(labels_of(1).to_string()), want) << round;
    }
    take(kStart + (5 + round) * kMinute, round);
    take(kStart + (3 + round) * kMinute, 300 + round);
    // Behind what blocks have by now, and once more at the time of a late one.
    take(kStart + (11 + round) * 10'000, 400 + round);
    take(kStart + 150'000, 500 + round);
    take(kStart + 60'005, 600 + round);
    EXPECT_EQ(content(1), want) << round;
    ASSERT_TRUE(db_->maintain().has_value());
    EXPECT_EQ(content(1), want) << round;
    if (round % 2 == 0) {
      reopen();
      EXPECT_EQ(content(1), want) << round;
    }
  }
}

TEST_F(OutOfOrder, DeletionsHideThem) {
  open();
  const model::TimestampMs now = kStart + 60 * kMinute;
  ASSERT_EQ(append(1, now, 1), kOk);
  for (int i = 1; i < 100; ++i) ASSERT_EQ(append(1, now - i * 1000, i), kOk);
  const std::vector<model::Matcher> all = {model::Matcher::equal("__name__", "m")};
  ASSERT_TRUE(db_->delete_series(all, {0, now - 50'000}, {}).has_value());
  EXPECT_EQ(content(1).size(), 50U);
  kill();
  open();
  EXPECT_EQ(content(1).size(), 50U);
  for (int minute = 1; minute < 12; ++minute) ASSERT_EQ(append(2, now + minute * kMinute, 1), kOk);
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_EQ(content(1).size(), 50U);
  reopen();
  EXPECT_EQ(content(1).size(), 50U);
}

// Goal: whatever comes in whatever order inside of the window is there, once, from memory, logs and
// blocks, after clean and unclean ends, and what is deleted is gone; what is older than the window
// is refused. Method: random times and forms against a map; a time's content depends on nothing but
// the series and the time, so that repetitions are equal. Into a time that was deleted nothing is
// written again: while the deletion is in memory it hides that, too, as upstream's does.
TEST_F(OutOfOrder, IsWhatAMapHolds) {
  const std::uint64_t seed = test::random_seed();
  SCOPED_TRACE(seed);
  util::Random random(seed);
  open();
  constexpr int kSeries = 6;
  MixedContent want;
  const auto histogram_at = [](storage::SeriesRef ref, int i, model::TimestampMs t) {
    HistogramStory story(static_cast<std::uint64_t>(t) * 31 + static_cast<std::uint64_t>(i));
    return story.next(ref, t);
  };
  model::TimestampMs now = kStart;
  model::TimestampMs newest = kStart;  // Of the batches before.
  std::array<std::vector<model::TimeRange>, kSeries> deleted;
  const auto was_deleted = [&](int i, model::TimestampMs t) {
    return std::ranges::any_of(deleted[static_cast<std::size_t>(i)],
                               [t](const model::TimeRange& range) { return range.contains(t); });
  };
  const auto delete_some = [&] {
    const auto i = static_cast<int>(random.below(kSeries));
    const model::TimestampMs end = newest - static_cast<model::TimestampMs>(random.below(900'000));
    const model::TimeRange range{end - static_cast<model::TimestampMs>(random.below(400'000)), end};
    const std::vector<model::Matcher> one = {model::Matcher::equal("i", std::to_string(i))};
    ASSERT_TRUE(db_->delete_series(one, range, {}).has_value());
    deleted[static_cast<std::size_t>(i)].push_back(range);
    const auto gone = [&](const auto& sample) { return range.contains(sample.first); };
    const auto series = want.find(labels_of(i).to_string());
    if (series == want.end()) return;
    std::erase_if(series->second, gone);
    if (series->second.empty()) want.erase(series);
  };
  for (int round = 0; round < 1500; ++round) {
    now += 1 + static_cast<model::TimestampMs>(random.below(2000));
    storage::WriteBatch batch;
    storage::AppendReport report;
    std::vector<std::pair<int, model::TimestampMs>> floats;
    std::vector<std::pair<int, model::TimestampMs>> histograms;
    for (int i = 0; i < kSeries; ++i) {
      const bool late = random.below(3) == 0;
      model::TimestampMs t =
          late ? now - static_cast<model::TimestampMs>(random.below(11 * 60'000)) : now;
      if (was_deleted(i, t)) continue;
      // Series 4 has histograms alone, series 5 both.
      if (i == 4 || (i == 5 && t % 3 == 0)) {
        batch.histograms.push_back(histogram_at(series(i), i, t));
        histograms.emplace_back(i, t);
      } else {
        batch.add(series(i), t, static_cast<double>(t % 1000) / 8 + i);
        floats.emplace_back(i, t);
      }
    }
    ASSERT_TRUE(db_->append(batch, storage::Atomicity::kKeepGood, report).has_value());
    std::set<std::size_t> refused;
    for (const storage::Refusal& one : report.floats) {
      ASSERT_EQ(one.outcome, kTooOld);
      ASSERT_LT(batch.timestamps[one.index], newest - window_.count());
      refused.insert(one.index);
    }
    for (std::size_t k = 0; k < floats.size(); ++k) {
      const auto [i, t] = floats[k];
      if (!refused.contains(k)) want[labels_of(i).to_string()][t] = plain_text(batch.values[k]);
    }
    refused.clear();
    for (const storage::Refusal& one : report.histograms) {
      ASSERT_EQ(one.outcome, kTooOld);
      ASSERT_LT(batch.histograms[one.index].timestamp, newest - window_.count());
      refused.insert(one.index);
    }
    for (std::size_t k = 0; k < histograms.size(); ++k) {
      const auto [i, t] = histograms[k];
      if (!refused.contains(k)) want[labels_of(i).to_string()][t] = plain_text(batch.histograms[k]);
    }
    newest = now;
    if (random.below(60) == 0) delete_some();
    if (random.below(300) == 0) {
      window_ = std::chrono::minutes(2 + random.below(9));
      db_->set_out_of_order_window(window_);
    }
    if (random.below(200) == 0) {
      ASSERT_TRUE(db_->maintain().has_value());
    }
    if (random.below(150) == 0) {
      if (random.below(2) == 0) {
        reopen();
      } else {
        kill();
        open();
      }
      EXPECT_EQ(db_->replay_report().damaged_regions, 0U);
      EXPECT_EQ(db_->replay_report().samples_without_series, 0U);
    }
    if (random.below(100) == 0) {
      ASSERT_EQ(read_mixed(*db_), want) << round;
    }
  }
  ASSERT_TRUE(db_->maintain().has_value());
  ASSERT_EQ(read_mixed(*db_), want);
  EXPECT_GE(db_->blocks().size(), 2U);
}

// Goal: late samples that are complete chunks leave memory for files, and a start finds them there;
// whatever becomes of the files, nothing is lost, for the log has everything until a block has it.
TEST_F(OutOfOrder, ChunksGoToFiles) {
  open();
  MixedContent want;
  const auto take = [&](int i, model::TimestampMs t, double value) {
    ASSERT_EQ(append(i, t, value), kOk);
    want[labels_of(i).to_string()].try_emplace(t, plain_text(value));
  };
  const model::TimestampMs now = kStart + 90'000;
  for (int i = 0; i < 3; ++i) take(i, now, i);
  const auto take_late = [&](int from, int to) {
    for (int k = from; k < to; ++k) {
      for (int i = 0; i < 3; ++i) take(i, now - 80'000 + (k * 37 % 200) * 100 + i, k);
    }
  };
  take_late(0, 80);
  const std::uint64_t before = db_->head_stats().memory_bytes;
  ASSERT_TRUE(db_->maintain().has_value());
  ASSERT_TRUE(db_->blocks().empty());
  EXPECT_LT(db_->head_stats().memory_bytes, before);
  EXPECT_EQ(read_mixed(*db_), want);
  // Some more in memory; some at times that a file has.
  take_late(80, 90);
  take(1, now - 80'000 + 1, 1000);
  const auto check_after_kill = [&](std::uint64_t chunks) {
    kill();
    open();
    EXPECT_EQ(db_->replay_report().late_chunks, chunks);
    EXPECT_EQ(db_->replay_report().damaged_regions, 0U);
    EXPECT_EQ(read_mixed(*db_), want);
  };
  check_after_kill(6);
  take_late(90, 200);
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_EQ(read_mixed(*db_), want);
  check_after_kill(18);
  reopen();
  EXPECT_EQ(db_->replay_report().late_chunks, 18U);
  EXPECT_EQ(read_mixed(*db_), want);
  // The files are gone, as after a repair by hand.
  db_.reset();
  const auto files = env_->list_dir("/data/chunks_head").value();
  for (const util::DirEntry& file : files)
    ASSERT_TRUE(env_->remove_file("/data/chunks_head/" + file.name).has_value());
  open();
  EXPECT_EQ(db_->replay_report().late_chunks, 0U);
  EXPECT_EQ(read_mixed(*db_), want);
  // In blocks, they leave the files, too.
  for (int minute = 1; minute < 8; ++minute) {
    for (int i = 0; i < 3; ++i) take(i, now + minute * kMinute, minute);
  }
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_FALSE(db_->blocks().empty());
  EXPECT_EQ(read_mixed(*db_), want);
  check_after_kill(0);
}

TEST_F(OutOfOrder, AFaultWhileChunksGoToFilesLosesNothing) {
  for (const bool lasting : {false, true}) {
    for (std::size_t k = 0; k < 60; ++k) {
      SCOPED_TRACE(fmt::format("lasting {} operation {}", lasting, k));
      env_ = std::make_unique<FaultyEnv>();
      open();
      MixedContent want;
      const auto take = [&](model::TimestampMs t) {
        for (int i = 0; i < 2; ++i) {
          ASSERT_EQ(append(i, t, static_cast<double>(t % 1000)), kOk);
          want[labels_of(i).to_string()][t] = plain_text(static_cast<double>(t % 1000));
        }
      };
      take(kStart + 90'000);
      for (int n = 0; n < 70; ++n) take(kStart + (n * 37 % 80) * 100);
      std::size_t first = 0;
      env_->set_plan([&](FileOperation, std::size_t number) -> std::optional<FaultyEnv::Fault> {
        if (first == 0) first = number;
        const bool now = lasting ? number >= first + k : number == first + k;
        if (!now) return std::nullopt;
        return FaultyEnv::Fault{util::Code::kIo, 5};
      });
      static_cast<void>(db_->maintain());
      ASSERT_EQ(read_mixed(*db_), want);
      env_->set_plan({});
      for (int n = 0; n < 40; ++n) take(kStart + 40'000 + n * 100);
      ASSERT_EQ(read_mixed(*db_), want);
      if (k % 2 == 0) {
        ASSERT_TRUE(db_->maintain().has_value());
      }
      kill();
      open();
      ASSERT_EQ(read_mixed(*db_), want);
      db_.reset();
    }
  }
}

TEST_F(OutOfOrder, AStartLeavesNoEmptySegment) {
  open();
  for (int round = 0; round < 3; ++round) reopen();
  EXPECT_EQ(append(1, kStart + kMinute, 1), kOk);
  EXPECT_EQ(append(1, kStart, 2), kOk);
  for (int round = 0; round < 3; ++round) {
    reopen();
    EXPECT_EQ(log_segments(), 1U);
  }
  EXPECT_EQ(append(1, kStart + 1, 3), kOk);
  EXPECT_EQ(log_segments(), 2U);
  // As a compaction, or Prometheus, leaves it.
  db_.reset();
  ASSERT_TRUE(env_->open_writable("/data/wbl/00000002", util::WriteMode::kTruncate).has_value());
  open();
  EXPECT_EQ(append(1, kStart + 2, 4), kOk);
  EXPECT_EQ(log_segments(), 3U);
  kill();
  open();
  EXPECT_EQ(content(1).size(), 4U);
}

// Goal: what was deleted of late samples that are in blocks and in their log stays deleted, when
// the process ends in between.
TEST_F(OutOfOrder, ADeletionOutlivesAnInterruptedCompaction) {
  open();
  for (int minute = 0; minute <= 4; ++minute)
    ASSERT_EQ(append(1, kStart + minute * kMinute, minute), kOk);
  for (int i = 1; i < 50; ++i) ASSERT_EQ(append(1, kStart + i, i), kOk);
  const std::vector<model::Matcher> all = {model::Matcher::equal("__name__", "m")};
  ASSERT_TRUE(db_->delete_series(all, {kStart + 1, kStart + 20}, {}).has_value());
  const auto want = content(1);
  EXPECT_EQ(want.size(), 34U);
  {
    // While it reads, the log of late samples stays.
    const auto reader = db_->querier({}).value();
    ASSERT_TRUE(db_->maintain().has_value());
    EXPECT_EQ(db_->blocks().size(), 1U);
    EXPECT_GT(log_segments(), 1U);
  }
  for (int round = 1; round < 8; ++round) {
    kill();
    open();
    EXPECT_EQ(content(1).size(), want.size() + static_cast<std::size_t>(round) - 1) << round;
    // The log gets shorter from the front.
    ASSERT_EQ(append(1, kStart + (4 + round) * kMinute, 1), kOk);
    ASSERT_TRUE(db_->maintain().has_value());
    EXPECT_EQ(content(1).size(), want.size() + static_cast<std::size_t>(round)) << round;
    // What the interrupted one has left is done in the first round.
    if (round == 1) {
      EXPECT_EQ(log_segments(), 1U);
    }
  }
}

// Goal: at whatever operation the disk fails, what was acknowledged is there after a restart.
// Method: the same workload, compactions among it, with the fault at operation k.
TEST_F(OutOfOrder, AFaultAtAnyOperationLosesNothingAcknowledged) {
  for (const bool lasting : {false, true}) {
    for (std::size_t k = 0; k < 240; k += lasting ? 7 : 3) {
      SCOPED_TRACE(fmt::format("lasting {} operation {}", lasting, k));
      env_ = std::make_unique<FaultyEnv>();
      open();
      MixedContent want;
      ASSERT_EQ(append(1, kStart, 1), kOk);
      want[labels_of(1).to_string()][kStart] = plain_text(1.0);
      env_->set_plan([&](FileOperation, std::size_t number) -> std::optional<FaultyEnv::Fault> {
        const bool now = lasting ? number >= k && number < k + 12 : number == k;
        if (!now) return std::nullopt;
        return FaultyEnv::Fault{util::Code::kNoSpace, 5};
      });
      for (int minute = 1; minute < 9; ++minute) {
        for (const model::TimestampMs t :
             {kStart + minute * kMinute, kStart + minute * kMinute - 30'000}) {
          storage::WriteBatch batch;
          batch.add(series(1), t, 2);
          storage::AppendReport report;
          if (db_->append(batch, storage::Atomicity::kKeepGood, report))
            want[labels_of(1).to_string()][t] = plain_text(2.0);
          ASSERT_TRUE(report.floats.empty());
        }
        // It may fail; the next one tries again.
        if (minute % 2 == 0) static_cast<void>(db_->maintain());
      }
      kill();
      open();
      auto got = read_mixed(*db_);
      // What was refused may be there all the same if its log took it, but for nothing else.
      for (auto& [t, text] : got[labels_of(1).to_string()])
        ASSERT_EQ(text, t == kStart ? plain_text(1.0) : plain_text(2.0));
      for (const auto& [t, text] : want[labels_of(1).to_string()])
        ASSERT_TRUE(got[labels_of(1).to_string()].contains(t)) << t - kStart;
      db_.reset();
    }
  }
}

}  // namespace
}  // namespace narthex::tsdb
