#include "tsdb/index/label_index.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::MatchOp;

Matcher matcher(MatchOp op, std::string name, std::string value) {
  auto made = Matcher::make(op, std::move(name), std::move(value));
  return std::move(made).value();
}

SeriesId add(LabelIndex& index, const Labels& labels, SeriesId id) {
  LabelIndex::Writer writer(index);
  return writer.find_or_add(labels, LabelIndex::hash_of(labels), id);
}

TEST(LabelIndex, GivesOneIdToOneLabelSet) {
  LabelIndex index;
  const Labels a{{"__name__", "up"}, {"job", "x"}};
  const Labels b{{"__name__", "up"}, {"job", "x"}, {"pod", "1"}};
  EXPECT_EQ(add(index, a, 1), 1U);
  EXPECT_EQ(add(index, b, 2), 2U);
  EXPECT_EQ(add(index, a, 3), 1U);
  EXPECT_EQ(index.labels(index.labels_of(1)), a);
  EXPECT_EQ(index.labels(index.labels_of(2)), b);
  EXPECT_EQ(index.value(index.labels_of(2), "pod"), "1");
  EXPECT_EQ(index.value(index.labels_of(1), "pod"), "");
  EXPECT_EQ(index.labels_of(3).block(), nullptr);
}

TEST(LabelIndex, TellsLabelSetsWithEqualHashesApart) {
  LabelIndex index;
  LabelIndex::Writer writer(index);
  for (SeriesId id = 1; id <= 100; ++id) {
    EXPECT_EQ(writer.find_or_add(Labels{{"a", std::to_string(id)}}, 7, id), id);
  }
  for (SeriesId id = 1; id <= 100; ++id) {
    EXPECT_EQ(writer.find_or_add(Labels{{"a", std::to_string(id)}}, 7, 999), id);
  }
}

// A random store and its plain twin.
class LabelIndexModel : public ::testing::Test {
 protected:
  void SetUp() override {
    util::Random random(17);
    const std::vector<std::string> values = {"a", "b", "c", "ab", "abc", "xa", "10", "11", "2"};
    for (SeriesId id = 1; id <= 1500; ++id) {
      model::LabelsBuilder builder;
      builder.set("__name__", fmt::format("m{}", random.below(5)));
      builder.set("id", std::to_string(id));
      for (const char* name : {"x", "y", "z"}) {
        if (random.below(3) != 0) builder.set(name, values[random.below(values.size())]);
      }
      const Labels labels = builder.build();
      ASSERT_EQ(add(index_, labels, id), id);
      series_.emplace(id, labels);
    }
  }
  void check(const std::vector<Matcher>& matchers) {
    std::string text;
    for (const Matcher& one : matchers) text += one.to_string() + " ";
    SCOPED_TRACE(text);
    std::vector<SeriesId> want;
    std::set<std::string> names;
    std::set<std::string> values;
    for (const auto& [id, labels] : series_) {
      const bool all = std::ranges::all_of(
          matchers, [&](const Matcher& one) { return one.matches_labels(labels); });
      if (!all) continue;
      want.push_back(id);
      for (const model::LabelView label : labels) names.emplace(label.name);
      if (labels.has("x")) values.emplace(labels.get("x"));
    }
    const auto got = index_.select(matchers, {});
    ASSERT_TRUE(got.has_value());
    std::vector<SeriesId> ids;
    for (const SelectedSeries& one : *got) {
      ids.push_back(one.id);
      ASSERT_EQ(index_.labels(one.labels), series_.at(one.id));
    }
    ASSERT_EQ(ids, want);
    EXPECT_TRUE(std::ranges::equal(index_.label_names(*got, 0), names));
    EXPECT_TRUE(std::ranges::equal(index_.label_values(*got, "x", 0), values));
  }

  LabelIndex index_;
  std::map<SeriesId, Labels> series_;
};

TEST_F(LabelIndexModel, EveryMatcherAloneSelectsWhatItSays) {
  for (const char* name : {"__name__", "id", "x", "nosuch"}) {
    for (const MatchOp op : {MatchOp::kEqual, MatchOp::kNotEqual}) {
      for (const char* value : {"", "a", "m1", "nosuch", "77"}) check({matcher(op, name, value)});
    }
    for (const MatchOp op : {MatchOp::kRegex, MatchOp::kNotRegex}) {
      for (const char* value :
           {"", "a", "a|b|nosuch", "a|", "a.*", ".*", ".+", "m[0-2]", "1.*", "(", "x?"}) {
        if (auto made = Matcher::make(op, name, value)) check({*made});
      }
    }
  }
  check({});
}

TEST_F(LabelIndexModel, RandomCombinationsSelectWhatTheySay) {
  util::Random random(23);
  const std::vector<std::string> names = {"__name__", "x", "y", "z", "id", "nosuch"};
  const std::vector<std::string> patterns = {"",    "a",    "b",     "m1",         "a|b",
                                             "a|",  ".*",   ".+",    "a.*",        "1.+",
                                             "m.*", "[ab]", "ab?c?", "10|11|12|13"};
  for (int round = 0; round < 1500; ++round) {
    std::vector<Matcher> matchers;
    const auto count = 1 + random.below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
      matchers.push_back(matcher(static_cast<MatchOp>(random.below(4)),
                                 names[random.below(names.size())],
                                 patterns[random.below(patterns.size())]));
    }
    check(matchers);
  }
}

TEST_F(LabelIndexModel, OrderOfLabelSetsIsThatOfLabels) {
  util::Random random(29);
  for (int round = 0; round < 20000; ++round) {
    const auto a = static_cast<SeriesId>(random.below(1500)) + 1;
    const auto b = static_cast<SeriesId>(random.below(1500)) + 1;
    ASSERT_EQ(index_.less(index_.labels_of(a), index_.labels_of(b)), series_.at(a) < series_.at(b));
  }
}

TEST_F(LabelIndexModel, NamesAndValuesAreSortedAndLimited) {
  EXPECT_EQ(index_.label_names(0), (std::vector<std::string>{"__name__", "id", "x", "y", "z"}));
  EXPECT_EQ(index_.label_names(2), (std::vector<std::string>{"__name__", "id"}));
  EXPECT_EQ(index_.label_values("__name__", 3), (std::vector<std::string>{"m0", "m1", "m2"}));
  EXPECT_EQ(index_.label_values("id", 0).size(), 1500U);
  EXPECT_TRUE(index_.label_values("nosuch", 0).empty());
}

TEST_F(LabelIndexModel, CardinalityCountsSeriesByMetricAndValuesByLabel) {
  const CardinalityReport report = index_.cardinality(3);
  ASSERT_EQ(report.series_by_metric.size(), 3U);
  std::map<std::string, std::uint64_t> by_metric;
  for (const auto& [id, labels] : series_) ++by_metric[std::string(labels.metric_name())];
  std::uint64_t largest = 0;
  for (const auto& [name, count] : by_metric) largest = std::max(largest, count);
  EXPECT_EQ(report.series_by_metric[0].count, largest);
  ASSERT_EQ(report.values_by_label.size(), 3U);
  EXPECT_EQ(report.values_by_label[0].name, "id");
  EXPECT_EQ(report.values_by_label[0].count, 1500U);
}

// Goal: removed series are found by nothing, what readers hold of them stays readable until it is
// reclaimed, and everything else selects as before; ids, pairs and memory are used again.
TEST_F(LabelIndexModel, RemovedSeriesAreGoneAndTheOthersAreNot) {
  util::Random random(31);
  SeriesId next = 1501;
  for (int round = 0; round < 6; ++round) {
    std::vector<SeriesId> gone;
    std::vector<std::pair<LabelSet, Labels>> held;
    for (const auto& [id, labels] : series_) {
      if (random.below(2) != 0) continue;
      gone.push_back(id);
      held.emplace_back(index_.labels_of(id), labels);
    }
    LabelIndex::Garbage garbage;
    index_.remove(gone, garbage);
    for (const SeriesId id : gone) {
      std::vector<SeriesId> found(1);
      const std::uint32_t hash = LabelIndex::hash_of(series_.at(id));
      index_.find({&series_.at(id), 1}, {&hash, 1}, found);
      ASSERT_EQ(found[0], kNoSeriesId);
      series_.erase(id);
    }
    check({});
    // Some come back under other ids before the memory of the old ones is free.
    for (std::size_t i = 0; i < held.size(); i += 3) {
      ASSERT_EQ(add(index_, held[i].second, next), next);
      series_[next++] = held[i].second;
    }
    for (const auto& [set, labels] : held) ASSERT_EQ(index_.labels(set), labels);
    index_.reclaim(garbage);
    for (std::size_t i = 1; i < held.size(); i += 3) {
      ASSERT_EQ(add(index_, held[i].second, next), next);
      series_[next++] = held[i].second;
    }
    EXPECT_EQ(index_.series_count(), series_.size());
    check({});
    for (const char* pattern : {"a", "a|b", ".+", "m[0-2]", "1.*"}) {
      for (const char* name : {"__name__", "x", "y", "z", "id"})
        check({matcher(MatchOp::kRegex, name, pattern), matcher(MatchOp::kNotEqual, "x", "a")});
    }
  }
  std::vector<SeriesId> rest;
  for (const auto& [id, labels] : series_) rest.push_back(id);
  LabelIndex::Garbage garbage;
  index_.remove(rest, garbage);
  index_.reclaim(garbage);
  EXPECT_EQ(index_.series_count(), 0U);
  EXPECT_EQ(index_.pair_count(), 0U);
  EXPECT_TRUE(index_.label_names(0).empty());
}

TEST_F(LabelIndexModel, AStoppedSelectIsCanceled) {
  std::stop_source source;
  source.request_stop();
  const std::vector<Matcher> matchers = {matcher(MatchOp::kRegex, "id", "1.*")};
  const auto got = index_.select(matchers, {.stop = source.get_token()});
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), util::Code::kCanceled);
}

}  // namespace
}  // namespace narthex::tsdb
