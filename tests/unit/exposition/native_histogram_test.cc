#include "narthex/exposition/native_histogram.h"

#include <limits>

#include <gtest/gtest.h>

namespace narthex::exposition {
namespace {

using model::IntHistogram;
using model::Span;

IntHistogram histogram(std::vector<Span> spans, std::vector<std::int64_t> deltas,
                       std::int32_t schema = 0) {
  IntHistogram out;
  out.schema = schema;
  out.positive_spans = std::move(spans);
  out.positive_deltas = std::move(deltas);
  return out;
}

TEST(NativeHistogram, NormalizingDropsWhatIsEmptyAndJoinsWhatTouches) {
  // Counts 1, 0, 2 at 3…5, nothing at 6, 4 at 6 by way of an empty span.
  IntHistogram h = histogram({{3, 3}, {0, 0}, {0, 1}}, {1, -1, 2, 2});
  ASSERT_TRUE(normalize(h).has_value());
  EXPECT_EQ(h.positive_spans, (std::vector<Span>{{3, 1}, {1, 2}}));
  EXPECT_EQ(h.positive_deltas, (std::vector<std::int64_t>{1, 1, 2}));

  IntHistogram fine = histogram({{1, 4}}, {1, 0, 0, 0}, 10);
  ASSERT_TRUE(normalize(fine).has_value());
  EXPECT_EQ(fine.schema, 8);
  EXPECT_EQ(fine.positive_spans, (std::vector<Span>{{1, 1}}));
  EXPECT_EQ(fine.positive_deltas, (std::vector<std::int64_t>{4}));
}

TEST(NativeHistogram, SpansThatDoNotFitAreRefused) {
  constexpr std::int32_t kMin = std::numeric_limits<std::int32_t>::min();
  constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
  for (IntHistogram h :
       {histogram({{0, 0}, {2, 0}}, {1, 3}), histogram({{0, 1}}, {1, 1}), histogram({{0, 2}}, {1}),
        histogram({{0, 1}, {-1, 1}}, {1, 1}), histogram({{kMin, 1}}, {1}),
        histogram({{kMax, 1}}, {1}), histogram({{0, 0xffffffffU}, {0, 2}}, {1}),
        histogram({{0, 1}}, {1}, -5), histogram({{0, 1}}, {1}, model::kCustomBucketsSchema)}) {
    EXPECT_FALSE(normalize(h).has_value());
  }
}

TEST(NativeHistogram, CountsHaveToAgreeWithTheBuckets) {
  const auto check = [](IntHistogram h, std::uint64_t count, double sum) {
    h.count = count;
    h.sum = sum;
    return check_counts({.integer = std::make_shared<const IntHistogram>(h), .floating = nullptr})
        .has_value();
  };
  const IntHistogram h = histogram({{0, 2}}, {1, 1});
  EXPECT_TRUE(check(h, 3, 1));
  EXPECT_FALSE(check(h, 4, 1));
  EXPECT_TRUE(check(h, 4, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(check(h, 2, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(check(histogram({{0, 2}}, {1, -2}), 0, 1));
}

TEST(NativeHistogram, TheResolutionIsHalvedUntilTheLimitHolds) {
  IntHistogram h = histogram({{-3, 8}}, {1, 0, 0, 0, 0, 0, 0, 0}, 3);
  ASSERT_TRUE(limit_resolution(h, {.buckets_max = 3, .schema_max = 8}).has_value());
  EXPECT_EQ(h.schema, 1);
  EXPECT_EQ(h.positive_spans, (std::vector<Span>{{0, 2}}));
  EXPECT_EQ(h.positive_deltas, (std::vector<std::int64_t>{4, 0}));

  IntHistogram coarse = histogram({{0, 1}, {100, 1}}, {1, 0}, -4);
  EXPECT_EQ(limit_resolution(coarse, {.buckets_max = 1, .schema_max = 8}).error().message(),
            "histogram bucket limit exceeded");
}

TEST(NativeHistogram, TheSchemaOfAFactor) {
  EXPECT_EQ(schema_for_factor(0), 8);
  EXPECT_EQ(schema_for_factor(1.002), 8);
  EXPECT_EQ(schema_for_factor(1.1), 2);
  EXPECT_EQ(schema_for_factor(2), 0);
  EXPECT_EQ(schema_for_factor(1e9), -4);
}

TEST(ClassicHistogram, IsConvertedOnlyWhenItMakesSense) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  ClassicHistogram classic;
  classic.add_bucket(kInfinity, 3.5);
  classic.add_bucket(1, 2);
  const auto floating = classic.convert();
  ASSERT_TRUE(floating.has_value());
  EXPECT_EQ(floating->floating->custom_values, std::vector<double>{1});
  EXPECT_EQ(floating->floating->positive_buckets, (std::vector<double>{2, 1.5}));

  const auto check = [&classic](double bound, double in_bucket, double count) {
    classic.clear();
    classic.add_bucket(bound, in_bucket);
    classic.add_bucket(kInfinity, 3);
    classic.set_count(count);
    return classic.convert().has_value();
  };
  EXPECT_TRUE(check(1, 2, 3));
  EXPECT_FALSE(check(std::numeric_limits<double>::quiet_NaN(), 2, 3));
  EXPECT_FALSE(check(1, 4, 3)) << "counts that fall";
  EXPECT_FALSE(check(1, -1, 3));
  EXPECT_FALSE(check(1, 2, 4)) << "another count than that of the last bucket";
}

}  // namespace
}  // namespace narthex::exposition
