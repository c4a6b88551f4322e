#include <algorithm>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/util/random.h"

#include "tsdb/head/head.h"
#include "tsdb/head/head_source.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using storage::AppendOutcome;

constexpr std::int64_t kRange = 100'000;

using Samples = std::map<model::TimestampMs, double>;

// A head beside a slow model of it.
class HeadTruncate : public ::testing::Test {
 protected:
  static Labels labels(std::uint64_t i) {
    return Labels{{"__name__", fmt::format("m{}", i % 7)}, {"i", std::to_string(i)}, {"job", "t"}};
  }
  storage::SeriesRef ensure(std::uint64_t i) {
    const Labels wanted = labels(i);
    storage::EnsuredSeries out;
    EXPECT_TRUE(head_.ensure_series({&wanted, 1}, {&out, 1}).has_value());
    return out.ref;
  }
  AppendOutcome append_to(storage::SeriesRef ref, model::TimestampMs t, double v) {
    storage::WriteBatch batch;
    batch.add(ref, t, v);
    storage::AppendReport report;
    PreparedBatch prepared;
    head_.validate(batch, storage::Atomicity::kKeepGood, prepared, report);
    head_.apply(batch, prepared);
    return report.floats.empty() ? AppendOutcome::kOk : report.floats[0].outcome;
  }
  void append(std::uint64_t i, model::TimestampMs t, double v) {
    if (append_to(ensure(i), t, v) == AppendOutcome::kOk) model_[labels(i)][t] = v;
  }
  Head::Truncation truncate(model::TimestampMs before) {
    head_.stop_appends_before(before);
    Head::Truncation truncation;
    truncation.before = before;
    while (head_.truncate_step(truncation)) {
    }
    return truncation;
  }
  std::map<Labels, Samples> content(model::TimeRange range) {
    return content(*head_.querier(range));
  }
  static std::map<Labels, Samples> content(storage::Querier& querier) {
    const std::vector<model::Matcher> matchers = {model::Matcher::equal("job", "t")};
    const auto set = querier.select(matchers, storage::SeriesOrder::kByLabels, {}).value();
    std::map<Labels, Samples> out;
    storage::SampleColumns samples;
    for (std::size_t i = 0; i < set->size(); ++i) {
      samples.clear();
      EXPECT_TRUE(set->read(i, {}, samples).has_value());
      for (std::size_t k = 0; k < samples.float_values.size(); ++k)
        out[set->labels(i)][samples.float_timestamps[k]] = samples.float_values[k];
    }
    return out;
  }
  [[nodiscard]] std::map<Labels, Samples> model_in(model::TimeRange range) const {
    std::map<Labels, Samples> out;
    for (const auto& [one, samples] : model_) {
      for (const auto& [t, v] : samples) {
        if (range.contains(t)) out[one][t] = v;
      }
    }
    return out;
  }

  Head head_{{.chunk_range_ms = kRange, .samples_per_chunk = 8}};
  std::map<Labels, Samples> model_;
};

// Goal: what is not older than the cut stays, series without anything newer go and may come back,
// and memory does not grow over many rounds. Method: random appends and cuts beside a model.
TEST_F(HeadTruncate, RandomAppendsAndCutsKeepExactlyWhatIsNewer) {
  util::Random random(5);
  std::size_t memory_early = 0;
  for (int round = 0; round < 40; ++round) {
    const model::TimestampMs base = round * kRange;
    for (int i = 0; i < 3000; ++i) {
      // Series come and go: every round has its own, besides the lasting ones.
      const std::uint64_t series =
          random.below(2) == 0 ? random.below(50)
                               : 1000 + static_cast<std::uint64_t>(round) * 100 + random.below(150);
      append(series, base + i * (kRange / 3000), static_cast<double>(random.below(1000)));
    }
    const model::TimestampMs cut = base + kRange / 2;
    const auto before = head_.counters().series_removed.load();
    const auto truncation = truncate(cut);
    EXPECT_EQ(head_.counters().series_removed.load() - before, truncation.removed.size());
    EXPECT_TRUE(std::ranges::is_sorted(truncation.removed));
    const model::TimeRange rest{cut, model::kTimestampMax};
    ASSERT_EQ(content(rest), model_in(rest)) << round;
    EXPECT_EQ(head_.index().series_count(), model_in(rest).size());
    for (const SeriesId id : truncation.removed) {
      EXPECT_FALSE(head_.has_series(id));
      EXPECT_EQ(append_to(id, base + kRange, 1), AppendOutcome::kUnknownSeries);
    }
    // Whole chunks go: what remains begins at most one chunk earlier.
    EXPECT_GE(head_.time_range().min, base - kRange);
    EXPECT_EQ(append_to(ensure(0), cut - 1, 1), AppendOutcome::kOutOfBounds);
    if (round == 10) memory_early = head_.memory_bytes();
  }
  EXPECT_LE(head_.memory_bytes(), memory_early + memory_early / 4);
}

TEST_F(HeadTruncate, EverythingGoesWhenEverythingIsOld) {
  for (std::uint64_t i = 0; i < 1000; ++i) append(i, 1000, 1);
  EXPECT_EQ(truncate(2000).removed.size(), 1000U);
  EXPECT_EQ(head_.index().series_count(), 0U);
  EXPECT_EQ(head_.counters().chunks.load(), 0U);
  EXPECT_GT(head_.time_range().min, head_.time_range().max);
  append(7, 2000, 5);
  EXPECT_EQ(content({}), model_in({2000, 2000}));
  EXPECT_EQ(head_.time_range(), (model::TimeRange{2000, 2000}));
}

TEST_F(HeadTruncate, ANewSeriesWithoutSamplesLastsOneTruncation) {
  const auto ref = ensure(1);
  append(2, 5000, 1);
  EXPECT_TRUE(truncate(4000).removed.empty());
  EXPECT_TRUE(head_.has_series(ref));
  EXPECT_EQ(truncate(4500).removed, (std::vector<SeriesId>{static_cast<SeriesId>(ref)}));
  // Nobody logs what is gone.
  const auto unlogged = head_.take_unlogged();
  EXPECT_TRUE(std::ranges::find(unlogged, ref) == unlogged.end());
}

TEST_F(HeadTruncate, ReadersKeepWhatTheyHold) {
  for (std::uint64_t i = 0; i < 300; ++i) append(i, 1000 + static_cast<int>(i), 1);
  append(999, 50'000, 2);
  const auto querier = head_.querier(model::TimeRange{50'000, 60'000});
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("job", "t")};
  const auto snapshot = head_.snapshot({0, 10'000});
  ASSERT_EQ(snapshot->size(), 300U);
  EXPECT_EQ(truncate(40'000).removed.size(), 300U);
  for (std::uint64_t i = 2000; i < 2400; ++i) append(i, 51'000, 3);
  for (std::size_t i = 0; i < snapshot->size(); ++i) EXPECT_EQ(snapshot->labels(i).get("job"), "t");
  const auto set = querier->select(matchers, storage::SeriesOrder::kByLabels, {}).value();
  ASSERT_EQ(set->size(), 1U);
  EXPECT_EQ(set->labels(0), labels(999));
}

TEST_F(HeadTruncate, WaitsForReadersOfTheOldTimeOnly) {
  append(1, 1000, 1);
  const auto recent = head_.querier(model::TimeRange{5000, 6000});
  EXPECT_TRUE(head_.isolation().wait_for_readers_before(5000, std::chrono::nanoseconds(0)));
  auto old = head_.querier(model::TimeRange{4999, 6000});
  EXPECT_FALSE(head_.isolation().wait_for_readers_before(5000, std::chrono::nanoseconds(0)));
  std::thread closer([&old] { old.reset(); });
  EXPECT_TRUE(head_.isolation().wait_for_readers_before(5000, std::chrono::seconds(60)));
  closer.join();
}

// Goal: a block gets exactly the samples of its range, series and chunks in the order it needs.
TEST_F(HeadTruncate, SnapshotHoldsExactlyTheRange) {
  util::Random random(9);
  for (int i = 0; i < 6000; ++i)
    append(random.below(80), i * 50, static_cast<double>(random.below(9)));
  for (const model::TimeRange range :
       {model::TimeRange{0, kRange - 1}, model::TimeRange{kRange, 2 * kRange - 1},
        model::TimeRange{12'345, 154'321}, model::TimeRange{0, model::kTimestampMax},
        model::TimeRange{77'000, 77'049}, model::TimeRange{-10, -1}}) {
    const auto snapshot = head_.snapshot(range);
    std::map<Labels, Samples> got;
    std::vector<HeadChunk> chunks;
    for (std::size_t i = 0; i < snapshot->size(); ++i) {
      if (i > 0) {
        EXPECT_LT(snapshot->labels(i - 1), snapshot->labels(i));
      }
      ASSERT_TRUE(snapshot->chunks(i, chunks).has_value());
      model::TimestampMs last = model::kTimestampMin;
      for (const HeadChunk& chunk : chunks) {
        std::vector<model::TimestampMs> timestamps;
        std::vector<double> values;
        ASSERT_EQ(chunk.encoding, ChunkEncoding::kXor);
        ASSERT_TRUE(decode_xor_chunk(chunk.bytes, {timestamps, values}).has_value());
        ASSERT_EQ(timestamps.size(), chunk.sample_count);
        EXPECT_EQ(timestamps.front(), chunk.min);
        EXPECT_EQ(timestamps.back(), chunk.max);
        EXPECT_GT(chunk.min, last);
        last = chunk.max;
        for (std::size_t k = 0; k < values.size(); ++k)
          got[snapshot->labels(i)][timestamps[k]] = values[k];
      }
    }
    EXPECT_EQ(got, model_in(range));
  }
}

TEST_F(HeadTruncate, DeletionsGoWithWhatTheyHide) {
  head_.set_late_window(kRange);
  append(1, 1000, 1);
  for (std::uint64_t i = 2; i < 5; ++i) append(i, 1000, 1);
  for (std::uint64_t i = 2; i < 5; ++i) append(i, 90'000, 1);
  // A late sample of series 3.
  ASSERT_EQ(append_to(ensure(3), 2000, 7), AppendOutcome::kOk);
  std::vector<SeriesDeletion> deletions;
  for (std::uint64_t i = 1; i < 5; ++i)
    deletions.push_back({static_cast<SeriesId>(ensure(i)), {500, 5000}});
  deletions.push_back({static_cast<SeriesId>(ensure(4)), {89'000, 95'000}});
  head_.add_deletions(deletions);
  EXPECT_EQ(truncate(50'000).removed.size(), 1U);
  head_.forget_deletions_before(50'000);
  const auto left = head_.deletions();
  EXPECT_EQ(left->count(), 2U);
  EXPECT_EQ(left->of(ensure(3)).size(), 1U);
  EXPECT_EQ(left->of(ensure(4)).front().min, 89'000);
}

// Goal: what a block is written from: chunks as they are, deletions beside them, every symbol.
TEST_F(HeadTruncate, ASourceHandsOutChunksAsTheyAre) {
  for (int i = 0; i < 1000; ++i) append(static_cast<std::uint64_t>(i % 3), i * 90, i);
  const auto deleted = static_cast<SeriesId>(ensure(2));
  head_.add_deletions(std::vector<SeriesDeletion>{{deleted, {10, 5000}}});
  const auto source = head_source(head_, {0, kRange - 1});
  const auto symbols = source->symbols().value();
  EXPECT_TRUE(std::ranges::is_sorted(symbols));
  const std::vector<std::string_view> wanted = {"0",   "1",  "2",  "__name__", "i",
                                                "job", "m0", "m1", "m2",       "t"};
  EXPECT_EQ(symbols, wanted);
  SourceSeries series;
  std::size_t count = 0;
  std::uint64_t samples = 0;
  while (source->next(series).value()) {
    EXPECT_EQ(series.labels, labels(count++));
    for (const SourceChunk& chunk : series.chunks) {
      EXPECT_EQ(chunk.deleted.size(), count == 3 ? 1U : 0U);
      std::vector<model::TimestampMs> timestamps;
      std::vector<double> values;
      ASSERT_TRUE(decode_xor_chunk(chunk.stored.payload, {timestamps, values}).has_value());
      EXPECT_EQ(timestamps.front(), chunk.min_time);
      EXPECT_EQ(timestamps.back(), chunk.max_time);
      samples += values.size();
    }
  }
  EXPECT_EQ(count, 3U);
  EXPECT_EQ(samples, 1000U);
}

}  // namespace
}  // namespace narthex::tsdb
