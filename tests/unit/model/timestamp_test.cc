#include "narthex/model/timestamp.h"

#include <gtest/gtest.h>

namespace narthex::model {
namespace {

TEST(TimeRange, BothEndsBelongToIt) {
  constexpr TimeRange range{10, 20};
  EXPECT_TRUE(range.contains(10));
  EXPECT_TRUE(range.contains(20));
  EXPECT_FALSE(range.contains(21));
  EXPECT_TRUE(range.overlaps({20, 30}));
  EXPECT_TRUE(range.overlaps({0, 10}));
  EXPECT_FALSE(range.overlaps({21, 30}));
  EXPECT_FALSE((TimeRange{5, 4}).contains(5));
}

TEST(Timestamp, ArithmeticStopsAtTheEnds) {
  EXPECT_EQ(add_saturated(5, 7), 12);
  EXPECT_EQ(add_saturated(kTimestampMax, 1), kTimestampMax);
  EXPECT_EQ(add_saturated(kTimestampMin, -1), kTimestampMin);
  EXPECT_EQ(sub_saturated(5, 7), -2);
  EXPECT_EQ(sub_saturated(kTimestampMin, 1), kTimestampMin);
  EXPECT_EQ(sub_saturated(kTimestampMax, -1), kTimestampMax);
  EXPECT_EQ(sub_saturated(0, kTimestampMin), kTimestampMax);
}

}  // namespace
}  // namespace narthex::model
