// Native histograms through the whole of storage, against a model that keeps every sample in a map.
#include <gtest/gtest.h>

#include "narthex/tsdb/db.h"

#include "support/random_seed.h"
#include "support/temp_dir.h"
#include "unit/tsdb/faulty_env.h"
#include "unit/tsdb/histogram_content.h"

namespace narthex::tsdb {
namespace {

constexpr model::TimestampMs kMinute = 60'000;
constexpr model::TimestampMs kStart = 1'700'000'000'000 / (2 * kMinute) * (2 * kMinute);

class Histograms : public testing::Test {
 protected:
  DbOptions options() {
    DbOptions out;
    out.path = dir_.path();
    out.clock = &clock_;
    out.block_range_min = std::chrono::minutes(2);
    out.block_range_max = std::chrono::minutes(18);
    out.retention = std::chrono::milliseconds(0);
    return out;
  }
  void open() { db_ = Db::open(options()).value(); }
  void reopen() {
    db_.reset();
    open();
  }
  storage::SeriesRef series(int i) {
    const model::Labels labels{{"__name__", "h"}, {"i", std::to_string(i)}};
    storage::EnsuredSeries out;
    EXPECT_TRUE(db_->ensure_series({&labels, 1}, {&out, 1}).has_value());
    return out.ref;
  }
  storage::AppendReport append(const storage::WriteBatch& batch,
                               storage::Atomicity atomicity = storage::Atomicity::kKeepGood) {
    storage::AppendReport report;
    EXPECT_TRUE(db_->append(batch, atomicity, report).has_value());
    return report;
  }
  storage::AppendOutcome append(storage::HistogramSample sample) {
    storage::WriteBatch batch;
    batch.histograms.push_back(std::move(sample));
    const auto report = append(batch);
    return report.histograms.empty() ? storage::AppendOutcome::kOk : report.histograms[0].outcome;
  }
  storage::AppendOutcome append(storage::SeriesRef ref, model::TimestampMs t, double value) {
    storage::WriteBatch batch;
    batch.add(ref, t, value);
    const auto report = append(batch);
    return report.floats.empty() ? storage::AppendOutcome::kOk : report.floats[0].outcome;
  }
  void expect_content(const MixedContent& want, const char* when) {
    int broken = 0;
    const MixedContent got = read_mixed(*db_, &broken);
    EXPECT_EQ(broken, 0) << when;
    ASSERT_EQ(got.size(), want.size()) << when;
    for (const auto& [name, samples] : want) {
      const auto& have = got.at(name);
      ASSERT_EQ(have.size(), samples.size()) << when << " " << name;
      for (const auto& [t, text] : samples) ASSERT_EQ(have.at(t), text) << when << " " << name << t;
    }
  }

  // Two histograms, the second a stale marker, and no float.
  void expect_stale_end(const std::string& i) {
    const std::vector<model::Matcher> one = {model::Matcher::equal("i", i)};
    const auto querier = db_->querier({}).value();
    const auto set = querier->select(one, storage::SeriesOrder::kAny, {}).value();
    storage::SampleColumns samples;
    ASSERT_TRUE(set->read(0, {}, samples).has_value());
    EXPECT_TRUE(samples.float_values.empty());
    ASSERT_EQ(samples.histograms.size(), 2U);
    EXPECT_TRUE(model::is_stale(samples.histograms[1].sum));
  }

  test::TempDir dir_;
  util::FakeClock clock_;
  std::unique_ptr<Db> db_;
};

storage::HistogramSample small(storage::SeriesRef ref, model::TimestampMs t, std::int64_t n) {
  model::IntHistogram h;
  h.schema = 1;
  h.zero_threshold = 0.001;
  h.count = static_cast<std::uint64_t>(2 * n);
  h.sum = 1.5;
  h.positive_spans = {{0, 2}};
  h.positive_deltas = {n, 0};
  return {.ref = ref,
          .timestamp = t,
          .integer = std::make_shared<model::IntHistogram>(std::move(h)),
          .floating = nullptr};
}

TEST_F(Histograms, KeepTheRulesOfOrder) {
  using enum storage::AppendOutcome;
  open();
  const auto ref = series(1);
  EXPECT_EQ(append(small(ref, kStart + 1000, 1)), kOk);
  EXPECT_EQ(append(small(ref, kStart + 1000, 1)), kOk);
  EXPECT_EQ(append(small(ref, kStart + 1000, 2)), kDuplicate);
  EXPECT_EQ(append(small(ref, kStart + 500, 2)), kOutOfOrder);
  EXPECT_EQ(append(small(ref, kStart - 3600'000, 2)), kOutOfBounds);
  EXPECT_EQ(append(ref, kStart + 1000, 1.5), kDuplicate);
  EXPECT_EQ(append(ref, kStart + 2000, 1.5), kOk);
  EXPECT_EQ(append(small(ref, kStart + 2000, 3)), kDuplicate);
  EXPECT_EQ(append(small(ref, kStart + 3000, 3)), kOk);
  EXPECT_EQ(append(small(12345, kStart + 3000, 3)), kUnknownSeries);
  EXPECT_EQ(append({.ref = ref, .timestamp = kStart + 4000, .integer = {}, .floating = {}}),
            kInvalidHistogram);
  auto contradictory = *small(ref, kStart + 4000, 4).integer;
  contradictory.positive_deltas.pop_back();
  EXPECT_EQ(append({.ref = ref,
                    .timestamp = kStart + 4000,
                    .integer = std::make_shared<model::IntHistogram>(contradictory),
                    .floating = {}}),
            kInvalidHistogram);
  const auto content = read_mixed(*db_);
  EXPECT_EQ(content.begin()->second.size(), 3U);
}

TEST_F(Histograms, AllOrNothingIncludesThem) {
  open();
  const auto ref = series(1);
  const auto other = series(2);
  storage::WriteBatch batch;
  batch.add(other, kStart, 1);
  batch.histograms.push_back(small(ref, kStart, 1));
  batch.histograms.push_back(small(ref, kStart - 1, 1));
  const auto report = append(batch, storage::Atomicity::kAllOrNothing);
  ASSERT_EQ(report.histograms.size(), 1U);
  EXPECT_EQ(report.histograms[0].index, 1U);
  EXPECT_TRUE(read_mixed(*db_).empty());
  // Nothing is left marked behind.
  EXPECT_EQ(append(small(ref, kStart - 1, 1)), storage::AppendOutcome::kOk);
}

TEST_F(Histograms, AFloatStaleMarkerEndsAHistogramAsOne) {
  open();
  const auto ref = series(1);
  const auto other = series(2);
  storage::WriteBatch batch;
  batch.add(other, kStart + 2000, 1);
  batch.add(ref, kStart + 2000, model::stale_nan());
  batch.add(ref, kStart + 2000, model::stale_nan());
  ASSERT_EQ(append(small(ref, kStart + 1000, 1)), storage::AppendOutcome::kOk);
  EXPECT_LE(append(batch).floats.size(), 1U);
  for (int round = 0; round < 2; ++round) {
    expect_stale_end("1");
    reopen();
  }
}

storage::HistogramSample as_floats(storage::HistogramSample sample) {
  model::FloatHistogram h;
  h.schema = 1;
  h.zero_threshold = 0.001;
  h.count = 2.5;
  h.sum = 1.5;
  h.positive_spans = {{0, 2}};
  h.positive_buckets = {1.25, 1.25};
  sample.integer.reset();
  sample.floating = std::make_shared<model::FloatHistogram>(std::move(h));
  return sample;
}
storage::HistogramSample as_custom(storage::HistogramSample sample) {
  auto h = *sample.integer;
  h.schema = model::kCustomBucketsSchema;
  h.zero_threshold = 0;
  h.custom_values = {1, 2};
  sample.integer = std::make_shared<model::IntHistogram>(std::move(h));
  return sample;
}

// The log has them in the order of the batch, or the start would drop what is older than what it
// has read already.
TEST_F(Histograms, OfAllFormsInOneBatchOutliveARestart) {
  open();
  const auto ref = series(1);
  storage::WriteBatch batch;
  batch.histograms.push_back(as_floats(small(ref, kStart, 1)));
  batch.histograms.push_back(as_custom(small(ref, kStart + 1, 1)));
  batch.histograms.push_back(small(ref, kStart + 2, 1));
  batch.histograms.push_back(as_floats(small(ref, kStart + 3, 1)));
  batch.histograms.push_back(small(ref, kStart + 4, 1));
  ASSERT_TRUE(append(batch, storage::Atomicity::kAllOrNothing).histograms.empty());
  const auto want = read_mixed(*db_);
  ASSERT_EQ(want.begin()->second.size(), 5U);
  reopen();
  expect_content(want, "after a restart");
}

TEST_F(Histograms, AFloatBehindAStaleMarkerOfTheSameBatchStaysInOrder) {
  using enum storage::AppendOutcome;
  open();
  const auto ref = series(1);
  ASSERT_EQ(append(small(ref, kStart, 1)), kOk);
  storage::WriteBatch batch;
  batch.add(ref, kStart + 1, model::stale_nan());
  batch.add(ref, kStart + 2, model::stale_nan());
  batch.add(ref, kStart + 3, 1.5);
  batch.add(ref, kStart + 4, model::stale_nan());
  ASSERT_TRUE(append(batch, storage::Atomicity::kAllOrNothing).floats.empty());
  EXPECT_EQ(append(ref, kStart + 2, 7), kOutOfOrder);
  EXPECT_EQ(append(ref, kStart + 5, 2.5), kOk);
  const auto want = read_mixed(*db_);
  ASSERT_EQ(want.begin()->second.size(), 6U);
  EXPECT_EQ(want.begin()->second.at(kStart + 3), plain_text(1.5));
  reopen();
  expect_content(want, "after a restart");
}

TEST_F(Histograms, TheFirstOfABatchAtATimeIsKept) {
  open();
  const auto ref = series(1);
  const auto other = series(2);
  storage::WriteBatch batch;
  batch.add(other, kStart, 1);
  batch.add(other, kStart, 2);
  batch.histograms.push_back(small(ref, kStart, 1));
  batch.histograms.push_back(small(ref, kStart, 2));
  batch.histograms.push_back(as_floats(small(ref, kStart, 2)));
  batch.histograms.push_back(small(other, kStart, 2));
  const auto report = append(batch, storage::Atomicity::kAllOrNothing);
  EXPECT_TRUE(report.floats.empty());
  EXPECT_TRUE(report.histograms.empty());
  MixedContent want;
  want[model::Labels{{"__name__", "h"}, {"i", "1"}}.to_string()][kStart] =
      plain_text(small(ref, kStart, 1));
  want[model::Labels{{"__name__", "h"}, {"i", "2"}}.to_string()][kStart] = plain_text(1.0);
  expect_content(want, "the first of each");
  reopen();
  expect_content(want, "after a restart");
}

// Prometheus misplaces buckets behind such spans: none may reach the disk.
TEST_F(Histograms, SpansAreJoinedOnTheWayIn) {
  open();
  const auto ref = series(1);
  auto loose = small(ref, kStart, 1);
  auto h = *loose.integer;
  h.positive_spans = {{-2, 0}, {3, 1}, {0, 0}, {0, 1}, {7, 0}};
  loose.integer = std::make_shared<model::IntHistogram>(std::move(h));
  ASSERT_EQ(append(loose), storage::AppendOutcome::kOk);
  const std::vector<model::Matcher> one = {model::Matcher::equal("i", "1")};
  const auto stored = [&] {
    storage::SampleColumns samples;
    const auto querier = db_->querier({}).value();
    const auto set = querier->select(one, storage::SeriesOrder::kAny, {}).value();
    EXPECT_TRUE(set->read(0, {}, samples).has_value());
    return samples;
  };
  for (int round = 0; round < 2; ++round) {
    const storage::SampleColumns samples = stored();
    ASSERT_EQ(samples.histograms.size(), 1U);
    EXPECT_EQ(samples.histograms[0].positive_spans, (std::vector<model::Span>{{1, 2}}));
    EXPECT_EQ(samples.histograms[0].positive_buckets, (std::vector<double>{1, 1}));
    reopen();
  }
}

// Goal: what was acknowledged is read back, equal in every number, from memory, after a replay of
// the log, from blocks and from compacted blocks, and no hint hides a counter reset.
// Method: series of all kinds (histogram_content.h), floats among them, against a map.
TEST_F(Histograms, AreTheSameFromMemoryLogAndBlocks) {
  const std::uint64_t seed = test::random_seed();
  SCOPED_TRACE(seed);
  util::Random random(seed);
  open();
  constexpr int kSeries = 12;
  std::vector<HistogramStory> stories;
  for (int i = 0; i < kSeries; ++i) stories.emplace_back(random.next());
  MixedContent want;
  for (int second = 0; second < 1200; ++second) {
    storage::WriteBatch batch;
    const model::TimestampMs t = kStart + second * 1000;
    for (int i = 0; i < kSeries; ++i) {
      if (random.below(6) == 0) continue;
      const auto ref = series(i);
      auto& one = want[model::Labels{{"__name__", "h"}, {"i", std::to_string(i)}}.to_string()];
      if (i < 3 && random.below(8) == 0) {
        const double value = random.unit();
        batch.add(ref, t, value);
        one[t] = plain_text(value);
        continue;
      }
      batch.histograms.push_back(stories[static_cast<std::size_t>(i)].next(ref, t));
      one[t] = plain_text(batch.histograms.back());
    }
    const auto report = append(batch);
    ASSERT_TRUE(report.floats.empty());
    ASSERT_TRUE(report.histograms.empty());
    if (second % 300 == 150) {
      expect_content(want, "in memory");
      reopen();
      expect_content(want, "after a restart");
      EXPECT_EQ(db_->replay_report().damaged_regions, 0U);
    }
    if (second % 100 == 99) {
      ASSERT_TRUE(db_->maintain().has_value());
    }
  }
  expect_content(want, "with blocks");
  EXPECT_GE(db_->blocks().size(), 2U);
  reopen();
  expect_content(want, "with blocks, after a restart");
  const std::vector<model::Matcher> one = {model::Matcher::equal("i", "4")};
  const model::TimeRange deleted{kStart + 100'500, kStart + 1'150'000};
  ASSERT_TRUE(db_->delete_series(one, deleted, {}).has_value());
  auto& left = want.at(model::Labels{{"__name__", "h"}, {"i", "4"}}.to_string());
  std::erase_if(left, [deleted](const auto& sample) { return deleted.contains(sample.first); });
  expect_content(want, "with deletions");
  ASSERT_TRUE(db_->clean_tombstones().has_value());
  expect_content(want, "without what was deleted");
}

TEST(HistogramsKilled, LoseNothingThatWasAcknowledged) {
  util::Random random(5);
  FaultyEnv env;
  MixedContent want;
  model::TimestampMs t = kStart;
  HistogramStory story(9);
  for (int round = 0; round < 20; ++round) {
    DbOptions options;
    options.path = "/data";
    options.env = &env;
    options.wal_segment_bytes = std::uint64_t{4} * 32 * 1024;
    auto db = Db::open(options).value();
    ASSERT_EQ(read_mixed(*db), want) << round;
    const model::Labels labels{{"__name__", "h"}};
    storage::EnsuredSeries ensured;
    ASSERT_TRUE(db->ensure_series({&labels, 1}, {&ensured, 1}).has_value());
    for (std::uint64_t i = random.below(40); i > 0; --i) {
      storage::WriteBatch batch;
      batch.histograms.push_back(story.next(ensured.ref, t += 1000));
      storage::AppendReport report;
      ASSERT_TRUE(db->append(batch, storage::Atomicity::kKeepGood, report).has_value());
      ASSERT_TRUE(report.histograms.empty());
      want[labels.to_string()][t] = plain_text(batch.histograms[0]);
    }
    env.kill_process();
    env.set_plan([](FileOperation, std::size_t) { return std::optional(FaultyEnv::Fault{}); });
    db.reset();
    env.set_plan({});
  }
}

}  // namespace
}  // namespace narthex::tsdb
