#include "tsdb/db/merged_querier.h"

#include <map>

#include <gtest/gtest.h>

#include "support/memory_storage.h"
#include "support/random_seed.h"

namespace narthex::tsdb {
namespace {

using model::CounterResetHint;
using model::FloatHistogram;
using model::Labels;
using storage::SampleColumns;

FloatHistogram histogram(double count, CounterResetHint hint) {
  FloatHistogram h;
  h.count = count;
  h.counter_reset_hint = hint;
  return h;
}

// Goal: two runs become one sorted list; of two samples at one time the first run's stays.
TEST(MergedQuerier, RunsAreMergedAsInAMap) {
  util::Random random = test::seeded_random();
  for (int round = 0; round < 2000; ++round) {
    SampleColumns columns;
    std::map<model::TimestampMs, double> want_floats;
    std::map<model::TimestampMs, double> want_histograms;
    RunStart begin;
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
TEST(MergedQuerier, CounterResetHintsAreForgottenWherePartsMeet) {
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

// Goal: series of several parts come out once, in order, with the samples of all.
TEST(MergedQuerier, SeriesOfSeveralPartsAreOne) {
  test::MemoryStorage first;
  test::MemoryStorage second;
  const Labels both{{"__name__", "both"}};
  first.append(both, 1000, 1);
  first.append(Labels{{"__name__", "z"}}, 1000, 2);
  second.append(Labels{{"__name__", "a"}, {"l", "v"}}, 3000, 3);
  second.append(both, 2000, 4);
  second.append(both, 1000, 99);
  std::vector<std::unique_ptr<storage::Querier>> parts;
  parts.push_back(first.querier({}).value());
  parts.push_back(second.querier({}).value());
  const auto querier = merge_queriers(std::move(parts));
  const std::vector<model::Matcher> all = {
      model::Matcher::make(model::MatchOp::kRegex, "__name__", ".+").value()};
  const auto set = querier->select(all, storage::SeriesOrder::kByLabels, {}).value();
  ASSERT_EQ(set->size(), 3U);
  EXPECT_EQ(set->label_value(0, "__name__"), "a");
  EXPECT_EQ(set->label_value(1, "__name__"), "both");
  EXPECT_EQ(set->label_value(2, "__name__"), "z");
  SampleColumns samples;
  ASSERT_TRUE(set->read(1, {}, samples).has_value());
  EXPECT_EQ(samples.float_timestamps, (std::vector<model::TimestampMs>{1000, 2000}));
  EXPECT_EQ(samples.float_values, (std::vector<double>{1, 4}));
  EXPECT_GE(set->samples_max(1), 2U);

  EXPECT_EQ(querier->label_names({}, {}).value(), (std::vector<std::string>{"__name__", "l"}));
  EXPECT_EQ(querier->label_values("__name__", {}, {}).value(),
            (std::vector<std::string>{"a", "both", "z"}));
  EXPECT_EQ(querier->label_values("__name__", {.matchers = {}, .limit = 2}, {}).value(),
            (std::vector<std::string>{"a", "both"}));
}

TEST(MergedQuerier, AnErrorOfAPartIsTheError) {
  test::MemoryStorage good;
  test::MemoryStorage bad;
  bad.fail_selects_with({util::Code::kCorruption, "index: byte 5: checksum"});
  std::vector<std::unique_ptr<storage::Querier>> parts;
  parts.push_back(good.querier({}).value());
  parts.push_back(bad.querier({}).value());
  const std::vector<model::Matcher> all = {model::Matcher::equal("a", "b")};
  const auto set = merge_queriers(std::move(parts))->select(all, storage::SeriesOrder::kAny, {});
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().code(), util::Code::kCorruption);
}

}  // namespace
}  // namespace narthex::tsdb
