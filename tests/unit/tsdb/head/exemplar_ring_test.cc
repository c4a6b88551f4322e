#include "tsdb/head/exemplar_ring.h"

#include <deque>
#include <map>

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

using enum ExemplarOutcome;
using model::Labels;
using storage::ExemplarPoint;

const Labels kSeries{{"__name__", "m"}, {"job", "a"}};
const std::vector<model::Matchers> kAll = {
    {model::Matcher::make(model::MatchOp::kRegex, "__name__", ".+").value()}};

ExemplarPoint point(model::TimestampMs t, double value, const std::string& trace = "x") {
  return {t, value, Labels{{"trace_id", trace}}};
}

TEST(ExemplarRing, KeepsTheRulesOfOrder) {
  ExemplarRing ring(10);
  EXPECT_EQ(ring.append(kSeries, point(1000, 5)), kOk);
  EXPECT_EQ(ring.append(kSeries, point(1000, 5)), kDuplicate);
  EXPECT_EQ(ring.append(kSeries, point(999, 5)), kOutOfOrder);
  EXPECT_EQ(ring.append(kSeries, point(1000, 4)), kOutOfOrder);
  EXPECT_EQ(ring.append(kSeries, point(1000, 6)), kOk);
  EXPECT_EQ(ring.append(Labels{{"__name__", "other"}}, point(1, 1)), kOk);
  EXPECT_EQ(ring.stats().stored, 3U);
  EXPECT_EQ(ring.stats().series, 2U);
  EXPECT_EQ(ring.counters().out_of_order.load(), 2U);
}

TEST(ExemplarRing, BoundsTheLabelsInCharacters) {
  ExemplarRing ring(10);
  std::string text;
  for (int i = 0; i < 120; ++i) text += "ü";
  EXPECT_EQ(ring.append(kSeries, point(1, 1, text)), kOk);  // With the name 128.
  EXPECT_EQ(ring.append(kSeries, point(2, 1, text + "ü")), kTooLong);
}

TEST(ExemplarRing, HoldsNothingWithoutRoom) {
  ExemplarRing ring(0);
  EXPECT_EQ(ring.append(kSeries, point(1, 1)), kDisabled);
  EXPECT_TRUE(ring.select({}, kAll).empty());
  ring.resize(1);
  EXPECT_EQ(ring.append(kSeries, point(1, 1)), kOk);
  ring.resize(0);
  EXPECT_EQ(ring.stats().stored, 0U);
}

TEST(ExemplarRing, SelectsByMatchersAndTime) {
  ExemplarRing ring(10);
  const Labels other{{"__name__", "m"}, {"job", "b"}};
  ring.append(other, point(100, 1));
  ring.append(kSeries, point(100, 2));
  ring.append(kSeries, point(200, 3));
  const auto all = ring.select({}, kAll);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].series, kSeries);
  EXPECT_EQ(all[0].exemplars.size(), 2U);
  EXPECT_EQ(all[0].exemplars[1].timestamp, 200);
  const std::vector<model::Matchers> b = {{model::Matcher::equal("job", "b")},
                                          {model::Matcher::equal("job", "c")}};
  ASSERT_EQ(ring.select({}, b).size(), 1U);
  EXPECT_TRUE(ring.select({150, 300}, b).empty());
  EXPECT_EQ(ring.select({150, 300}, kAll).size(), 1U);
}

// Against a queue that forgets its oldest; sizes change in between.
TEST(ExemplarRing, IsTheNewestOfAll) {
  util::Random random(4);
  std::size_t capacity = 7;
  ExemplarRing ring(capacity);
  std::deque<std::pair<Labels, ExemplarPoint>> want;
  for (int i = 0; i < 5000; ++i) {
    if (random.below(50) == 0) {
      capacity = random.below(20);
      ring.resize(capacity);
    }
    const Labels series{{"__name__", "m"}, {"i", std::to_string(random.below(5))}};
    const ExemplarPoint one = point(i, random.unit());
    EXPECT_EQ(ring.append(series, one), capacity == 0 ? kDisabled : kOk);
    want.emplace_back(series, one);
    while (want.size() > capacity) want.pop_front();
    if (i % 20 != 0) continue;
    std::map<std::string, std::vector<model::TimestampMs>> expected;
    for (const auto& [labels, exemplar] : want)
      expected[labels.to_string()].push_back(exemplar.timestamp);
    std::map<std::string, std::vector<model::TimestampMs>> got;
    for (const auto& found : ring.select({}, kAll)) {
      for (const ExemplarPoint& exemplar : found.exemplars)
        got[found.series.to_string()].push_back(exemplar.timestamp);
    }
    ASSERT_EQ(got, expected) << i;
    ASSERT_EQ(ring.stats().stored, want.size());
  }
}

}  // namespace
}  // namespace narthex::tsdb
