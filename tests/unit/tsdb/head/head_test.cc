#include "tsdb/head/head.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/model/stale.h"
#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using storage::AppendOutcome;
using storage::Atomicity;

constexpr std::int64_t kHour = 3600 * 1000;

class HeadTest : public ::testing::Test {
 protected:
  explicit HeadTest(HeadOptions options = {}) : head_(options) {}

  storage::SeriesRef series(const Labels& labels) {
    storage::EnsuredSeries out;
    EXPECT_TRUE(head_.ensure_series({&labels, 1}, {&out, 1}).has_value());
    return out.ref;
  }
  storage::AppendReport commit(const storage::WriteBatch& batch,
                               Atomicity atomicity = Atomicity::kKeepGood) {
    storage::AppendReport report;
    PreparedBatch prepared;
    head_.validate(batch, atomicity, prepared, report);
    if (prepared.refused) {
      Head::discard(prepared);
    } else {
      head_.apply(batch, prepared);
    }
    return report;
  }
  AppendOutcome append(storage::SeriesRef ref, model::TimestampMs t, double v) {
    storage::WriteBatch batch;
    batch.add(ref, t, v);
    const auto report = commit(batch);
    return report.floats.empty() ? AppendOutcome::kOk : report.floats[0].outcome;
  }
  static storage::SampleColumns read_from(storage::Querier& querier, const Labels& labels) {
    std::vector<model::Matcher> matchers;
    for (const auto label : labels)
      matchers.push_back(model::Matcher::equal(std::string(label.name), std::string(label.value)));
    const auto set = querier.select(matchers, storage::SeriesOrder::kByLabels, {});
    EXPECT_TRUE(set.has_value());
    storage::SampleColumns out;
    for (std::size_t i = 0; i < (*set)->size(); ++i) {
      if ((*set)->labels(i) != labels) continue;
      EXPECT_TRUE((*set)->read(i, {}, out).has_value());
      EXPECT_LE(out.float_timestamps.size(), (*set)->samples_max(i));
    }
    return out;
  }
  storage::SampleColumns read(const Labels& labels, model::TimeRange range = {}) {
    return read_from(*head_.querier(range), labels);
  }

  Head head_;
};

const Labels kUp{{"__name__", "up"}, {"job", "x"}};
const Labels kDown{{"__name__", "down"}, {"job", "x"}};

TEST_F(HeadTest, ReadsBackWhatWasAppended) {
  const auto ref = series(kUp);
  EXPECT_EQ(append(ref, 1000, 1), AppendOutcome::kOk);
  EXPECT_EQ(append(ref, 2000, model::stale_nan()), AppendOutcome::kOk);
  EXPECT_EQ(append(ref, 3000, -INFINITY), AppendOutcome::kOk);
  const auto got = read(kUp);
  EXPECT_EQ(got.float_timestamps, (std::vector<model::TimestampMs>{1000, 2000, 3000}));
  EXPECT_TRUE(model::is_stale(got.float_values[1]));
  EXPECT_EQ(got.float_values[2], -INFINITY);
  EXPECT_EQ(head_.time_range(), (model::TimeRange{1000, 3000}));
}

TEST_F(HeadTest, RefusesWhatTheRulesRefuse) {
  const auto ref = series(kUp);
  const auto other = series(kDown);
  EXPECT_EQ(append(ref, 10 * kHour, 1), AppendOutcome::kOk);
  EXPECT_EQ(append(ref, 10 * kHour, 1), AppendOutcome::kOk);  // The same again.
  EXPECT_EQ(append(ref, 10 * kHour, 2), AppendOutcome::kDuplicate);
  EXPECT_EQ(append(ref, 10 * kHour - 1, 1), AppendOutcome::kOutOfOrder);
  EXPECT_EQ(append(ref, 9 * kHour - 1, 1), AppendOutcome::kOutOfBounds);
  EXPECT_EQ(append(other, 9 * kHour - 1, 1), AppendOutcome::kOutOfBounds);
  EXPECT_EQ(append(other, 9 * kHour, 1), AppendOutcome::kOk);  // Half a range back is allowed.
  EXPECT_EQ(append(99, 10 * kHour, 1), AppendOutcome::kUnknownSeries);
  EXPECT_EQ(append(storage::kNoSeries, 10 * kHour, 1), AppendOutcome::kUnknownSeries);
  EXPECT_EQ(append(~0ULL, 10 * kHour, 1), AppendOutcome::kUnknownSeries);
  EXPECT_EQ(read(kUp).float_values, (std::vector<double>{1}));
  EXPECT_EQ(head_.counters().out_of_order.load(), 1U);
  EXPECT_EQ(head_.counters().out_of_bounds.load(), 2U);
}

TEST_F(HeadTest, ReportsWhatADuplicateMet) {
  const auto ref = series(kUp);
  ASSERT_EQ(append(ref, 1000, 5), AppendOutcome::kOk);
  storage::WriteBatch batch;
  batch.add(ref, 1000, 9);
  const auto report = commit(batch);
  ASSERT_EQ(report.floats.size(), 1U);
  EXPECT_EQ(report.floats[0].existing, 5);
  EXPECT_FALSE(report.floats[0].existing_is_histogram);
}

TEST_F(HeadTest, DuplicatesAreComparedByBits) {
  const auto ref = series(kUp);
  EXPECT_EQ(append(ref, 1000, model::stale_nan()), AppendOutcome::kOk);
  EXPECT_EQ(append(ref, 1000, model::stale_nan()), AppendOutcome::kOk);
  EXPECT_EQ(append(ref, 1000, model::normal_nan()), AppendOutcome::kDuplicate);
}

TEST_F(HeadTest, SeesEarlierSamplesOfTheSameBatch) {
  const auto a = series(kUp);
  const auto b = series(kDown);
  storage::WriteBatch batch;
  batch.add(a, 1000, 1);
  batch.add(a, 2000, 2);
  batch.add(b, 1000, 1);
  batch.add(a, 1500, 9);  // Out of order within the batch.
  batch.add(b, 1000, 1);  // Equal within the batch.
  batch.add(b, 1000, 2);  // Different within the batch: the first is kept, nobody is told.
  batch.add(a, 3000, 3);
  const auto report = commit(batch);
  ASSERT_EQ(report.floats.size(), 1U);
  EXPECT_EQ(report.floats[0].index, 3U);
  EXPECT_EQ(report.floats[0].outcome, AppendOutcome::kOutOfOrder);
  EXPECT_EQ(read(kUp).float_values, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(read(kDown).float_values, (std::vector<double>{1}));
}

TEST_F(HeadTest, AllOrNothingStoresNothingWhenOneSampleIsRefused) {
  const auto ref = series(kUp);
  storage::WriteBatch batch;
  batch.add(ref, 1000, 1);
  batch.add(77, 1000, 1);
  EXPECT_EQ(commit(batch, Atomicity::kAllOrNothing).floats.size(), 1U);
  EXPECT_TRUE(read(kUp).float_values.empty());
  // And leaves no mark behind.
  EXPECT_EQ(append(ref, 1000, 5), AppendOutcome::kOk);
}

TEST_F(HeadTest, RefusesLabelSetsThatCannotBe) {
  const std::vector<Labels> wanted = {Labels{}, Labels{{"a", "\xff"}}, kUp, kUp};
  std::vector<storage::EnsuredSeries> out(wanted.size());
  ASSERT_TRUE(head_.ensure_series(wanted, out).has_value());
  EXPECT_EQ(out[0].outcome, storage::EnsureOutcome::kRefusedLabels);
  EXPECT_EQ(out[1].outcome, storage::EnsureOutcome::kRefusedLabels);
  EXPECT_EQ(out[1].ref, storage::kNoSeries);
  EXPECT_EQ(out[2].outcome, storage::EnsureOutcome::kCreated);
  EXPECT_EQ(out[3].outcome, storage::EnsureOutcome::kExisting);
  EXPECT_EQ(out[2].ref, out[3].ref);
  EXPECT_EQ(head_.take_unlogged().size(), 1U);
}

TEST_F(HeadTest, NoNewSeriesWhileTheMemoryBudgetIsSpent) {
  std::uint64_t held = 99;
  util::MemoryBudget budget(100);
  const auto owner = budget.add_owner("test", [&] { return held; });
  Head head({.memory = &budget});
  std::vector<storage::EnsuredSeries> out(2);
  ASSERT_TRUE(head.ensure_series(std::vector<Labels>{kUp}, std::span(out).first(1)).has_value());
  EXPECT_EQ(out[0].outcome, storage::EnsureOutcome::kCreated);
  held = 100;
  const std::vector<Labels> both = {kDown, kUp};
  ASSERT_TRUE(head.ensure_series(both, out).has_value());
  EXPECT_EQ(out[0].outcome, storage::EnsureOutcome::kRefusedLimit);
  EXPECT_EQ(out[0].ref, storage::kNoSeries);
  EXPECT_EQ(out[1].outcome, storage::EnsureOutcome::kExisting) << "existing series go on";
  EXPECT_EQ(head.counters().series_refused.load(), 1U);
  // The log's series were there when the budget was not spent yet.
  EXPECT_NE(head.replay_series(50, Labels{{"from", "the log"}}), kNoSeriesId);
  held = 0;
  ASSERT_TRUE(head.ensure_series(both, out).has_value());
  EXPECT_EQ(out[0].outcome, storage::EnsureOutcome::kCreated);
}

TEST_F(HeadTest, HistoryIsTakenInOrderOfTimeFarFromNow) {
  const auto ref = series(kUp);
  for (std::int64_t t = 0; t < 24 * kHour; t += 60'000)
    ASSERT_EQ(append(ref, t, static_cast<double>(t)), AppendOutcome::kOk);
  EXPECT_EQ(read(kUp).float_timestamps.size(), 24U * 60);
}

// Goal: chunks of any length and content, cut at any of the rules' reasons, read back equal, whole
// and in ranges. Method: random series against plain vectors; several shapes so that blocks end at
// every bit.
TEST_F(HeadTest, AnySeriesReadsBackInAnyRange) {
  util::Random random(9);
  for (int round = 0; round < 60; ++round) {
    const Labels labels{{"__name__", "m"}, {"round", std::to_string(round)}};
    const auto ref = series(labels);
    std::vector<model::TimestampMs> times;
    std::vector<double> values;
    model::TimestampMs t = 100 * kHour;
    double value = 0;
    const std::uint64_t step = 1 + random.below(30'000);
    for (int i = 0; i < 1500; ++i) {
      t +=
          1 + static_cast<model::TimestampMs>(random.below(3) == 0 ? random.below(2 * step) : step);
      if (round % 3 == 0) value = std::bit_cast<double>(random.next() | 1U);
      if (round % 3 == 1) value += static_cast<double>(random.below(100));
      times.push_back(t);
      values.push_back(value);
    }
    // One series at a time would leave the others behind the head's valid range: all rounds cover
    // the same hours.
    for (std::size_t i = 0; i < times.size(); ++i) {
      ASSERT_EQ(head_.replay_sample(ref, times[i], values[i]), ReplayOutcome::kStored);
    }
    for (int query = 0; query < 20; ++query) {
      model::TimeRange range;
      if (query != 0) {
        range.min =
            times[random.below(times.size())] - static_cast<model::TimestampMs>(random.below(2));
        range.max = range.min + static_cast<model::TimestampMs>(random.below(
                                    static_cast<std::uint64_t>(times.back() - times[0])));
      }
      const auto got = read(labels, range);
      std::vector<model::TimestampMs> want_times;
      std::vector<std::uint64_t> want_bits;
      std::vector<std::uint64_t> got_bits;
      for (std::size_t i = 0; i < times.size(); ++i) {
        if (!range.contains(times[i])) continue;
        want_times.push_back(times[i]);
        want_bits.push_back(std::bit_cast<std::uint64_t>(values[i]));
      }
      for (const double v : got.float_values) got_bits.push_back(std::bit_cast<std::uint64_t>(v));
      ASSERT_EQ(got.float_timestamps, want_times);
      ASSERT_EQ(got_bits, want_bits);
    }
  }
}

TEST_F(HeadTest, ChunksAreCutAtTheEndOfTheirRangeAndAfterTwiceTheTarget) {
  const auto ref = series(kUp);
  // 15 s steps over a day: 2 h hold 480 samples, which four equal chunks of 120 fill.
  for (std::int64_t i = 0; i < 24 * 240; ++i)
    ASSERT_EQ(append(ref, i * 15'000, 1), AppendOutcome::kOk);
  EXPECT_EQ(head_.counters().chunks.load(), 48U);
}

TEST_F(HeadTest, SelectLeavesOutSeriesWithoutSamplesInTheRange) {
  append(series(kUp), 1 * kHour, 1);
  append(series(kDown), 1 * kHour + 5000, 1);
  series(Labels{{"__name__", "never"}, {"job", "x"}});
  const std::vector<model::Matcher> job = {model::Matcher::equal("job", "x")};
  const auto count = [&](model::TimeRange range) {
    const auto querier = head_.querier(range);
    return querier->select(job, storage::SeriesOrder::kAny, {}).value()->size();
  };
  EXPECT_EQ(count({}), 2U);
  EXPECT_EQ(count({kHour, kHour}), 1U);
  EXPECT_EQ(count({kHour + 1, kHour + 5000}), 1U);
  EXPECT_EQ(count({0, kHour - 1}), 0U);
}

TEST_F(HeadTest, SeriesComeInOrderOfLabelsWhenAsked) {
  util::Random random(3);
  for (int i = 0; i < 300; ++i) {
    append(series(Labels{{"__name__", "m"}, {"a", std::to_string(random.below(1000))}, {"b", "x"}}),
           1000, 1);
  }
  const auto querier = head_.querier(model::TimeRange{});
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("b", "x")};
  const auto set = querier->select(matchers, storage::SeriesOrder::kByLabels, {}).value();
  for (std::size_t i = 1; i < set->size(); ++i) EXPECT_LT(set->labels(i - 1), set->labels(i));
}

TEST_F(HeadTest, AReaderSeesExactlyTheCommitsBeforeIt) {
  const auto a = series(kUp);
  const auto b = series(kDown);
  std::vector<std::unique_ptr<storage::Querier>> readers;
  std::vector<std::pair<std::size_t, std::size_t>> want;
  std::size_t a_count = 0;
  std::size_t b_count = 0;
  util::Random random(4);
  for (std::int64_t i = 0; i < 250; ++i) {
    storage::WriteBatch batch;
    for (std::uint64_t k = 0; k < 1 + random.below(3); ++k) {
      batch.add(a, i * 1000 + static_cast<std::int64_t>(k), 1);
      ++a_count;
    }
    if (random.below(3) == 0) {
      batch.add(b, i * 1000, 1);
      ++b_count;
    }
    commit(batch);
    if (random.below(5) == 0) {
      readers.push_back(head_.querier(model::TimeRange{}));
      want.emplace_back(a_count, b_count);
    }
    if (!readers.empty() && random.below(10) == 0) {
      const auto gone = static_cast<std::ptrdiff_t>(random.below(readers.size()));
      readers.erase(readers.begin() + gone);
      want.erase(want.begin() + gone);
    }
    for (std::size_t r = 0; r < readers.size(); ++r) {
      ASSERT_EQ(read_from(*readers[r], kUp).float_values.size(), want[r].first) << i;
      ASSERT_EQ(read_from(*readers[r], kDown).float_values.size(), want[r].second) << i;
    }
  }
  readers.clear();
  append(a, 500'000, 1);
  EXPECT_EQ(head_.isolation().kept_cutoffs(), 0U);
}

TEST_F(HeadTest, ALongReaderCostsOneOldCutoffASeries) {
  const auto a = series(kUp);
  append(a, 1000, 1);
  const auto reader = head_.querier(model::TimeRange{});
  for (std::int64_t i = 2; i < 1000; ++i) append(a, i * 1000, 1);
  EXPECT_EQ(head_.isolation().kept_cutoffs(), 1U);
  EXPECT_EQ(read_from(*reader, kUp).float_values.size(), 1U);
}

// Goal: batches are all visible or not at all, and a reader's view stands still, under real
// concurrency (run under TSan). Method: every batch writes its number to all series; within one
// reader all series must end with the same number, twice.
TEST_F(HeadTest, ConcurrentReadersSeeWholeBatches) {
  constexpr std::size_t kSeries = 700;  // Several pages.
  std::vector<Labels> labels;
  for (std::size_t i = 0; i < kSeries; ++i)
    labels.push_back(Labels{{"__name__", "m"}, {"i", std::to_string(i)}});
  std::vector<storage::EnsuredSeries> refs(kSeries);
  ASSERT_TRUE(head_.ensure_series(labels, refs).has_value());
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> reads{0};
  std::thread writer([&] {
    storage::WriteBatch batch;
    storage::AppendReport report;
    PreparedBatch prepared;
    for (int round = 1; round <= 400; ++round) {
      batch.clear();
      report.clear();
      for (const auto& ref : refs) batch.add(ref.ref, round * 1000, round);
      head_.validate(batch, Atomicity::kKeepGood, prepared, report);
      head_.apply(batch, prepared);
      if (round % 16 == 0) {  // New series come in between.
        storage::EnsuredSeries out;
        const Labels fresh{{"__name__", "fresh"}, {"i", std::to_string(round)}};
        ASSERT_TRUE(head_.ensure_series({&fresh, 1}, {&out, 1}).has_value());
      }
    }
    while (reads.load() < 20) std::this_thread::yield();
    stop = true;
  });
  const auto check_reader = [&] {
    const std::vector<model::Matcher> matchers = {model::Matcher::equal("__name__", "m")};
    storage::SampleColumns out;
    while (!stop.load()) {
      const auto querier = head_.querier(model::TimeRange{});
      std::size_t first = 0;
      for (int pass = 0; pass < 2; ++pass) {
        const auto set = querier->select(matchers, storage::SeriesOrder::kAny, {}).value();
        for (std::size_t i = 0; i < set->size(); ++i) {
          out.clear();
          ASSERT_TRUE(set->read(i, {}, out).has_value());
          if (i == 0 && pass == 0) first = out.float_values.size();
          ASSERT_EQ(out.float_values.size(), first) << "series " << i << " pass " << pass;
          ASSERT_EQ(out.float_values.back(), static_cast<double>(first));
        }
        ASSERT_TRUE(set->size() == 0 || set->size() == kSeries);
      }
      ++reads;
    }
  };
  std::thread reader_a(check_reader);
  std::thread reader_b(check_reader);
  writer.join();
  reader_a.join();
  reader_b.join();
}

}  // namespace
}  // namespace narthex::tsdb
