#include "tsdb/block/chunk_samples.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "support/random_seed.h"

namespace narthex::tsdb {
namespace {

using model::CounterResetHint;
using model::FloatHistogram;
using storage::SampleColumns;

FloatHistogram histogram(double count, CounterResetHint hint) {
  FloatHistogram h;
  h.count = count;
  h.counter_reset_hint = hint;
  return h;
}

// Goal: two runs become one sorted list; of two samples at one time the first run's stays.
TEST(ChunkSamples, RunsAreMergedAsInAMap) {
  util::Random random = test::seeded_random();
  for (int round = 0; round < 2000; ++round) {
    SampleColumns columns;
    std::map<model::TimestampMs, double> want_floats;
    std::map<model::TimestampMs, double> want_histograms;
    ColumnsMark begin;
    for (int run = 0; run < 2; ++run) {
      begin = {.floats = columns.float_values.size(), .histograms = columns.histograms.size()};
      const auto taken_floats = want_floats;
      const auto taken_histograms = want_histograms;
      const auto shift = static_cast<model::TimestampMs>(random.below(3)) * 15;
      for (model::TimestampMs t = shift; t < shift + 20; ++t) {
        const bool taken = taken_floats.contains(t) || taken_histograms.contains(t);
        const double value = static_cast<double>(random.below(1000));
        const auto kind = random.below(3);
        if (kind == 0) {
          columns.float_timestamps.push_back(t);
          columns.float_values.push_back(value);
          if (!taken) want_floats[t] = value;
        } else if (kind == 1) {
          columns.histogram_timestamps.push_back(t);
          columns.histograms.push_back(histogram(value, CounterResetHint::kUnknown));
          if (!taken) want_histograms[t] = value;
        }
      }
    }
    merge_runs(columns, begin);
    std::map<model::TimestampMs, double> got_floats;
    ASSERT_TRUE(std::ranges::is_sorted(columns.float_timestamps));
    for (std::size_t i = 0; i < columns.float_values.size(); ++i)
      got_floats[columns.float_timestamps[i]] = columns.float_values[i];
    std::map<model::TimestampMs, double> got_histograms;
    ASSERT_TRUE(std::ranges::is_sorted(columns.histogram_timestamps));
    for (std::size_t i = 0; i < columns.histograms.size(); ++i)
      got_histograms[columns.histogram_timestamps[i]] = columns.histograms[i].count;
    ASSERT_EQ(got_floats, want_floats);
    ASSERT_EQ(got_histograms, want_histograms);
    ASSERT_EQ(columns.float_values.size(), want_floats.size());
    ASSERT_EQ(columns.histograms.size(), want_histograms.size());
  }
}

// What a part says about counter resets holds inside the part; gauges stay gauges.
TEST(ChunkSamples, CounterResetHintsAreForgottenWherePartsMeet) {
  const auto columns_of = [](model::TimestampMs second_start, CounterResetHint hint) {
    SampleColumns columns;
    for (const model::TimestampMs t : {model::TimestampMs{1}, model::TimestampMs{3}}) {
      columns.histogram_timestamps.push_back(t);
      columns.histograms.push_back(histogram(1, hint));
    }
    for (const model::TimestampMs t : {second_start, second_start + 5}) {
      columns.histogram_timestamps.push_back(t);
      columns.histograms.push_back(histogram(1, hint));
    }
    merge_runs(columns, {.floats = 0, .histograms = 2});
    std::vector<CounterResetHint> hints;
    for (const auto& h : columns.histograms) hints.push_back(h.counter_reset_hint);
    return hints;
  };
  using enum CounterResetHint;
  EXPECT_EQ(columns_of(4, kNotReset),
            (std::vector<CounterResetHint>{kNotReset, kNotReset, kUnknown, kNotReset}));
  EXPECT_EQ(columns_of(2, kNotReset), std::vector<CounterResetHint>(4, kUnknown));
  EXPECT_EQ(columns_of(2, kGauge), std::vector<CounterResetHint>(4, kGauge));
}

}  // namespace
}  // namespace narthex::tsdb
