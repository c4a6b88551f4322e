// Blocks in a living database: cut, compacted, deleted from, retained, dropped in, damaged.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "narthex/tsdb/db.h"

#include "support/random_seed.h"
#include "support/temp_dir.h"
#include "tsdb/block/ulid.h"
#include "tsdb/compact/compactor.h"
#include "unit/tsdb/block/block_content.h"

namespace narthex::tsdb {
namespace {

namespace fs = std::filesystem;

constexpr model::TimestampMs kMinute = 60'000;
constexpr model::TimestampMs kStart = 1'700'000'000'000 / (2 * kMinute) * (2 * kMinute);

class MaintenanceTest : public testing::Test {
 protected:
  // Blocks of two minutes, so that a test is short.
  DbOptions options() {
    DbOptions out;
    out.path = dir_.path();
    out.clock = &clock_;
    out.block_range_min = std::chrono::minutes(2);
    out.block_range_max = std::chrono::minutes(18);
    out.retention = std::chrono::milliseconds(0);
    out.sample_cache_bytes = std::size_t{1} << 20U;
    return out;
  }
  void open(DbOptions with) { db_ = Db::open(std::move(with)).value(); }
  void open() { open(options()); }
  void reopen() {
    db_.reset();
    open();
  }

  // One sample a second for each of `series` series in [from, to) seconds behind the start.
  void write(int from, int to, int series = 5) {
    std::vector<model::Labels> labels;
    for (int i = 0; i < series; ++i) {
      labels.push_back(model::Labels{{"__name__", "m"}, {"i", std::to_string(i)}});
    }
    std::vector<storage::EnsuredSeries> ensured(labels.size());
    ASSERT_TRUE(db_->ensure_series(labels, ensured).has_value());
    for (int second = from; second < to; ++second) {
      storage::WriteBatch batch;
      const model::TimestampMs t = kStart + second * 1000;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        const double value = second * 10.0 + static_cast<double>(i);
        batch.add(ensured[i].ref, t, value);
        want_[labels[i]][t] = value;
      }
      storage::AppendReport report;
      ASSERT_TRUE(db_->append(batch, storage::Atomicity::kKeepGood, report).has_value());
      ASSERT_TRUE(report.floats.empty());
    }
  }
  BlockContent content() { return read_content(*db_->querier({}).value()); }
  void forget(const std::string& series, model::TimeRange range) {
    for (auto& [labels, samples] : want_) {
      if (labels.get("i") != series && !series.empty()) continue;
      std::erase_if(samples, [&](const auto& sample) { return range.contains(sample.first); });
    }
    std::erase_if(want_, [](const auto& one) { return one.second.empty(); });
  }

  test::TempDir dir_;
  util::FakeClock clock_;
  std::unique_ptr<Db> db_;
  BlockContent want_;
};

// Goal: rounds of maintenance change where samples are, never which.
TEST_F(MaintenanceTest, BlocksAreCutAndCompactedAndNothingChanges) {
  open();
  for (int minute = 0; minute < 40; ++minute) {
    write(minute * 60, minute * 60 + 60);
    ASSERT_TRUE(db_->maintain().has_value());
    ASSERT_EQ(content(), want_) << minute;
    for (const BlockInfo& block : db_->blocks()) {
      EXPECT_LE(block.max_time - block.min_time, 18 * kMinute);
      EXPECT_EQ(block.max_time % (2 * kMinute), 0);
    }
  }
  const auto blocks = db_->blocks();
  ASSERT_FALSE(blocks.empty());
  EXPECT_GE(blocks.front().level, 3);
  EXPECT_LT(blocks.size(), 12U);
  // One and a half ranges stay in the head.
  EXPECT_GE(blocks.back().max_time, kStart + 35 * kMinute);
  reopen();
  EXPECT_EQ(content(), want_);
}

TEST_F(MaintenanceTest, TheHeadIsCutOnlyWhenItIsLongEnough) {
  open();
  write(0, 181);  // Exactly one and a half ranges.
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_TRUE(db_->blocks().empty());
  write(181, 182);
  ASSERT_TRUE(db_->maintain().has_value());
  ASSERT_EQ(db_->blocks().size(), 1U);
  EXPECT_EQ(db_->blocks()[0].min_time, kStart);
  EXPECT_EQ(db_->blocks()[0].max_time, kStart + 2 * kMinute);
  EXPECT_EQ(content(), want_);
}

TEST_F(MaintenanceTest, AHeadThatCouldBeCutWaitsForItsDelay) {
  DbOptions delayed = options();
  delayed.compaction_delay_max = std::chrono::minutes(1);
  open(delayed);
  write(0, 182);
  // No delay is longer than the longest; of so many, some wait. The same one counts for all rounds.
  const auto cut_at = [&] {
    const auto blocks = db_->blocks();
    return blocks.empty() ? kStart : blocks.back().max_time;
  };
  int waited = 0;
  for (int cut = 1; cut <= 12; ++cut) {
    ASSERT_TRUE(db_->maintain().has_value());
    if (cut_at() < kStart + cut * 2 * kMinute) ++waited;
    clock_.advance(std::chrono::seconds(60));
    ASSERT_TRUE(db_->maintain().has_value());
    EXPECT_EQ(cut_at(), kStart + cut * 2 * kMinute);
    write(182 + (cut - 1) * 120, 182 + cut * 120);
  }
  EXPECT_GT(waited, 0);
  EXPECT_EQ(content(), want_);
}

TEST_F(MaintenanceTest, BlocksWaitForTheirUpload) {
  DbOptions waiting = options();
  waiting.uploaded_blocks_file = dir_.path() + "/thanos.shipper.json";
  open(waiting);
  write(0, 20 * 60);
  // No file yet: each block stays as it was cut.
  ASSERT_TRUE(db_->maintain().has_value());
  const auto first = db_->blocks();
  ASSERT_GE(first.size(), 6U);
  for (const BlockInfo& block : first) EXPECT_EQ(block.level, 1);
  const auto upload = [&](std::size_t count) {
    std::string text = R"({"version": 1, "uploaded": [)";
    for (std::size_t i = 0; i < count; ++i)
      text += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", first[i].ulid);
    std::ofstream(waiting.uploaded_blocks_file) << text << "]}";
  };
  const auto is_there = [&](const std::string& ulid) {
    return std::ranges::count(db_->blocks(), ulid, &BlockInfo::ulid) == 1;
  };
  upload(4);
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_FALSE(is_there(first[0].ulid));
  EXPECT_TRUE(is_there(first[4].ulid));
  EXPECT_TRUE(is_there(first[5].ulid));
  upload(first.size());
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_FALSE(is_there(first[4].ulid));
  // What is no such file holds blocks back as well.
  write(20 * 60, 40 * 60);
  std::ofstream(waiting.uploaded_blocks_file) << "{";
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_GE(std::ranges::count(db_->blocks(), 1, &BlockInfo::level), 9);
  EXPECT_EQ(content(), want_);
}

TEST_F(MaintenanceTest, DeletedSamplesAreGoneAtOnceAndStayGone) {
  open();
  write(0, 600);
  ASSERT_TRUE(db_->maintain().has_value());
  const model::TimeRange range{kStart + 30'000, kStart + 200'000};
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("i", "2")};
  ASSERT_TRUE(db_->delete_series(matchers, range, {}).has_value());
  forget("2", range);
  EXPECT_EQ(content(), want_);
  reopen();
  EXPECT_EQ(content(), want_);
  ASSERT_TRUE(db_->clean_tombstones().has_value());
  EXPECT_EQ(content(), want_);
  for (const BlockInfo& block : db_->blocks()) EXPECT_EQ(block.tombstones, 0U);
  reopen();
  EXPECT_EQ(content(), want_);
}

// Goal: decoded samples that are kept stay right when what they were read from changes.
TEST_F(MaintenanceTest, SamplesThatAreReadAgainAndAgainFollowDeletionsAndCompactions) {
  telemetry::Registry registry;
  DbOptions with_metrics = options();
  with_metrics.registry = &registry;
  open(std::move(with_metrics));
  write(0, 600);
  const auto read_often = [&] {
    for (int i = 0; i < 4; ++i) EXPECT_EQ(content(), want_) << i;
  };
  read_often();
  ASSERT_TRUE(db_->maintain().has_value());
  read_often();
  const model::TimeRange range{kStart + 30'000, kStart + 400'000};
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("i", "2")};
  ASSERT_TRUE(db_->delete_series(matchers, range, {}).has_value());
  forget("2", range);
  read_often();
  ASSERT_TRUE(db_->clean_tombstones().has_value());
  read_often();
  std::string metrics;
  registry.append_text(metrics);
  EXPECT_NE(metrics.find("\nnarthex_tsdb_sample_cache_hits_total "), std::string::npos);
  EXPECT_EQ(metrics.find("\nnarthex_tsdb_sample_cache_hits_total 0\n"), std::string::npos);
  db_.reset();
}

TEST_F(MaintenanceTest, ABlockOfWhichNothingIsLeftGoesAway) {
  open();
  write(0, 600);
  ASSERT_TRUE(db_->maintain().has_value());
  const BlockInfo first = db_->blocks().front();
  const std::vector<model::Matcher> all = {model::Matcher::equal("__name__", "m")};
  const model::TimeRange range{first.min_time, first.max_time - 1};
  ASSERT_TRUE(db_->delete_series(all, range, {}).has_value());
  ASSERT_TRUE(db_->clean_tombstones().has_value());
  forget("", range);
  EXPECT_EQ(content(), want_);
  for (const BlockInfo& block : db_->blocks()) EXPECT_NE(block.ulid, first.ulid);
  EXPECT_FALSE(fs::exists(dir_ / first.ulid));
}

TEST_F(MaintenanceTest, OldBlocksAreDropped) {
  auto with = options();
  with.retention = std::chrono::minutes(10);
  open(with);
  write(0, 1800);
  ASSERT_TRUE(db_->maintain().has_value());
  const auto blocks = db_->blocks();
  ASSERT_FALSE(blocks.empty());
  for (const BlockInfo& block : blocks)
    EXPECT_LT(blocks.back().max_time - block.max_time, 10 * kMinute);
  want_ = clipped(want_, {blocks.front().min_time, model::kTimestampMax});
  EXPECT_EQ(content(), want_);
}

TEST_F(MaintenanceTest, BlocksBeyondTheSizeAreDropped) {
  open();
  write(0, 1800);
  ASSERT_TRUE(db_->maintain().has_value());
  const std::size_t before = db_->blocks().size();
  ASSERT_GT(before, 2U);
  // As a reload of the configuration may bring it.
  db_->set_retention(std::chrono::milliseconds(0), 1);
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_TRUE(db_->blocks().empty());
}

TEST_F(MaintenanceTest, CutsCopyChunks) {
  telemetry::Registry registry;
  auto with = options();
  with.registry = &registry;
  open(with);
  write(0, 600);
  // The last chunk of a range ends with it.
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_EQ(content(), want_);
  std::string text;
  registry.append_text(text);
  EXPECT_NE(text.find("narthex_tsdb_compaction_chunks_encoded_total 0\n"), std::string::npos);
  EXPECT_NE(text.find("prometheus_tsdb_compaction_duration_seconds_count"), std::string::npos);
  db_.reset();
}

// The log may be lost while blocks are there: what is older than they are is not taken.
TEST_F(MaintenanceTest, WithoutALogTheBlocksSayWhatIsOld) {
  open();
  write(0, 600);
  ASSERT_TRUE(db_->maintain().has_value());
  const model::TimestampMs end = db_->blocks().back().max_time;
  want_ = clipped(want_, {model::kTimestampMin, end - 1});
  db_.reset();
  fs::remove_all(dir_ / "wal");
  auto with = options();
  with.out_of_order_window = std::chrono::minutes(1);
  for (const bool window : {false, true}) {
    db_.reset();
    open(window ? with : options());
    const model::Labels labels{{"__name__", "m"}, {"i", "0"}};
    storage::EnsuredSeries ensured;
    ASSERT_TRUE(db_->ensure_series({&labels, 1}, {&ensured, 1}).has_value());
    const auto outcome_at = [&](model::TimestampMs t, double value) {
      storage::WriteBatch batch;
      batch.add(ensured.ref, t, value);
      storage::AppendReport report;
      EXPECT_TRUE(db_->append(batch, storage::Atomicity::kKeepGood, report).has_value());
      return report.floats.empty() ? storage::AppendOutcome::kOk : report.floats[0].outcome;
    };
    EXPECT_EQ(outcome_at(end - 90'000, 1),
              window ? storage::AppendOutcome::kTooOld : storage::AppendOutcome::kOutOfBounds);
    EXPECT_EQ(content(), want_);
    if (!window) continue;
    EXPECT_EQ(outcome_at(end - 500, 7), storage::AppendOutcome::kOk);
    EXPECT_EQ(outcome_at(end, 8), storage::AppendOutcome::kOk);
    want_[labels][end - 500] = 7;
    want_[labels][end] = 8;
    EXPECT_EQ(content(), want_);
    ASSERT_TRUE(db_->maintain().has_value());
    EXPECT_EQ(content(), want_);
  }
}

TEST_F(MaintenanceTest, ASnapshotIsADataDirectory) {
  open();
  write(0, 700);
  ASSERT_TRUE(db_->maintain().has_value());
  ASSERT_FALSE(db_->blocks().empty());
  const auto with_head = db_->snapshot(false);
  ASSERT_TRUE(with_head.has_value()) << with_head.error().message();
  const auto without = db_->snapshot(true);
  ASSERT_TRUE(without.has_value());
  const model::TimestampMs end = db_->blocks().back().max_time;
  const BlockContent want = want_;
  write(700, 900);  // Not in the snapshots any more.

  DbOptions other = options();
  other.path = dir_ / ("snapshots/" + *with_head);
  EXPECT_EQ(read_content(*Db::open(other).value()->querier({}).value()), want);
  other.path = dir_ / ("snapshots/" + *without);
  EXPECT_EQ(read_content(*Db::open(other).value()->querier({}).value()),
            clipped(want, {model::kTimestampMin, end - 1}));
  // Deletions afterwards do not reach into them.
  const std::vector<model::Matcher> all = {model::Matcher::equal("__name__", "m")};
  ASSERT_TRUE(db_->delete_series(all, {}, {}).has_value());
  other.path = dir_ / ("snapshots/" + *with_head);
  EXPECT_EQ(read_content(*Db::open(other).value()->querier({}).value()), want);
}

TEST_F(MaintenanceTest, ABlockThatIsDroppedInIsNoticedAndMerged) {
  open();
  write(0, 600);
  ASSERT_TRUE(db_->maintain().has_value());
  util::Random random = test::seeded_random();
  const BlockContent extra = random_content(random, 10, {kStart + 1000, kStart + 100'000});
  BlockMeta meta = meta_of(new_ulid(5), kStart, kStart + 100'001);
  const std::string ulid = meta.ulid;
  make_block(util::posix_env(), dir_.path(), extra, std::move(meta), random);
  for (const auto& [labels, samples] : extra) want_[labels].insert(samples.begin(), samples.end());
  EXPECT_NE(content(), want_);
  ASSERT_TRUE(db_->maintain().has_value());
  EXPECT_EQ(content(), want_);
  // It overlapped another one: now they are one.
  EXPECT_FALSE(fs::exists(dir_ / ulid));
  reopen();
  EXPECT_EQ(content(), want_);
}

// A file damaged in any way costs its block, is set aside, and the rest is there.
TEST_F(MaintenanceTest, DamagedBlocksAreSetAside) {
  open();
  write(0, 1200);
  ASSERT_TRUE(db_->maintain().has_value());
  const auto blocks = db_->blocks();
  ASSERT_GE(blocks.size(), 2U);
  const BlockInfo victim = blocks.front();
  const BlockContent want = clipped(want_, {victim.max_time, model::kTimestampMax});
  db_.reset();
  const fs::path intact = fs::path(dir_.path()) / "intact";
  fs::copy(dir_ / victim.ulid, intact, fs::copy_options::recursive);
  const std::string head = "garbage!";
  const auto damage = [&](const fs::path& file, auto change) {
    fs::remove_all(dir_ / victim.ulid);
    fs::copy(intact, dir_ / victim.ulid, fs::copy_options::recursive);
    change(fs::path(dir_ / victim.ulid) / file);
    open();
    EXPECT_EQ(db_->blocks_set_aside().size(), 1U) << file;
    EXPECT_EQ(content(), want) << file;
    EXPECT_FALSE(fs::exists(dir_ / victim.ulid));
    EXPECT_TRUE(fs::exists(db_->blocks_set_aside().front()));
    db_.reset();
  };
  const auto overwrite = [&](const fs::path& file) {
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary) << head;
  };
  const auto cut = [](const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); };
  const auto empty = [](const fs::path& file) { fs::resize_file(file, 0); };
  const auto remove = [](const fs::path& file) { fs::remove(file); };
  for (const char* file : {"index", "chunks/000001"}) damage(file, overwrite);
  damage("index", cut);
  for (const char* file : {"index", "chunks/000001", "tombstones"}) damage(file, empty);
  for (const char* file : {"meta.json", "index"}) damage(file, remove);
}

// A digit of its times decides what a query finds, what the log may drop, what retention deletes.
TEST_F(MaintenanceTest, ADamagedMetaIsMadeAnew) {
  open();
  write(0, 1200);
  ASSERT_TRUE(db_->maintain().has_value());
  const BlockInfo victim = db_->blocks().front();
  db_.reset();
  const fs::path path = fs::path(dir_ / victim.ulid) / "meta.json";
  const std::string sound = util::posix_env().read_file(path, 1U << 20U).value();
  const std::string times = fmt::format("\"maxTime\": {}", victim.max_time);
  ASSERT_TRUE(sound.contains(times));
  std::string later = sound;
  later.replace(later.find(times), times.size(), fmt::format("\"maxTime\": 9{}", victim.max_time));
  std::string parents = sound;
  parents.replace(parents.find("\"level\""), 7, "\"levex\"");
  for (const std::string& text :
       {later, parents, std::string(), sound.substr(0, sound.size() / 2), "garbage!" + sound}) {
    SCOPED_TRACE(text);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    open();
    EXPECT_EQ(content(), want_);
    const auto kept = db_->blocks_set_aside();
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(util::posix_env().read_file(kept.front(), 1U << 20U).value(), text);
    const auto blocks = db_->blocks();
    const auto found = std::ranges::find(blocks, victim.ulid, &BlockInfo::ulid);
    ASSERT_NE(found, blocks.end());
    EXPECT_EQ(found->min_time, victim.min_time);
    EXPECT_EQ(found->max_time, victim.max_time - 999);  // Behind its last sample.
    EXPECT_EQ(found->samples, victim.samples);
    EXPECT_EQ(found->series, victim.series);
    // It stands, and goes on from here.
    reopen();
    EXPECT_TRUE(db_->blocks_set_aside().empty());
    ASSERT_TRUE(db_->maintain().has_value());
    EXPECT_EQ(content(), want_);
    db_.reset();
  }
}

// Of other programs' blocks it is believed, also when it is of a version that is not known.
TEST_F(MaintenanceTest, AMetaOfALaterVersionIsNotMadeAnew) {
  open();
  write(0, 1200);
  ASSERT_TRUE(db_->maintain().has_value());
  const std::string ulid = db_->blocks().front().ulid;
  db_.reset();
  const fs::path path = fs::path(dir_ / ulid) / "meta.json";
  std::ofstream(path, std::ios::trunc) << R"({"version": 3, "ulid": ")" << ulid << "\"}";
  open();
  ASSERT_EQ(db_->blocks_set_aside().size(), 1U);
  EXPECT_TRUE(fs::is_directory(db_->blocks_set_aside().front()));
}

TEST_F(MaintenanceTest, LeftoversAreRemovedAtStart) {
  const std::string ulid = new_ulid(1);
  for (const char* suffix : {".tmp-for-creation", ".tmp-for-deletion", ".tmp"})
    fs::create_directories(dir_ / (ulid + suffix + "/chunks"));
  fs::create_directories(dir_ / "mine.tmp");
  open();
  for (const char* suffix : {".tmp-for-creation", ".tmp-for-deletion", ".tmp"})
    EXPECT_FALSE(fs::exists(dir_ / (ulid + suffix)));
  EXPECT_TRUE(fs::exists(dir_ / "mine.tmp"));
}

// A crash between a compaction's end and the removal of what it replaced leaves both.
TEST_F(MaintenanceTest, ParentsOfACompactedBlockAreRemovedAtStart) {
  util::Random random = test::seeded_random();
  std::vector<BlockPtr> parents;
  for (int i = 0; i < 2; ++i) {
    const model::TimestampMs from = kStart + i * 2 * kMinute;
    const BlockContent part = random_content(random, 10, {from, from + 2 * kMinute - 1});
    for (const auto& [labels, samples] : part) want_[labels].insert(samples.begin(), samples.end());
    parents.push_back(make_block(util::posix_env(), dir_.path(), part,
                                 meta_of(new_ulid(i), from, from + 2 * kMinute), random));
  }
  const std::string ulid = new_ulid(10);
  ASSERT_TRUE(compact_blocks({util::posix_env(), dir_.path(), ulid}, parents, {}).has_value());
  open();
  ASSERT_EQ(db_->blocks().size(), 1U);
  EXPECT_EQ(db_->blocks()[0].ulid, ulid);
  for (const BlockPtr& parent : parents) EXPECT_FALSE(fs::exists(parent->directory()));
  EXPECT_EQ(content(), want_);
}

}  // namespace
}  // namespace narthex::tsdb
