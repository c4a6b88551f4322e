#include "tsdb/wal/segment_times.h"

#include <gtest/gtest.h>

namespace narthex::tsdb {
namespace {

constexpr std::int64_t kRange = 100;

TEST(SegmentTimes, ASegmentBeginsWithEachRangeOfABlock) {
  SegmentTimes times(0, model::kTimestampMin, kRange);
  EXPECT_TRUE(times.begins_range(-5));
  times.note(0, -5);
  EXPECT_FALSE(times.begins_range(-1));
  EXPECT_FALSE(times.begins_range(model::kTimestampMin));
  EXPECT_TRUE(times.begins_range(0));
  times.note(1, 120);
  EXPECT_FALSE(times.begins_range(120));
  EXPECT_FALSE(times.begins_range(50));
  EXPECT_TRUE(times.begins_range(200));
}

TEST(SegmentTimes, ARangeThatAnEarlierRunBeganIsGoneOnWith) {
  const SegmentTimes times(4, 150, kRange);
  EXPECT_FALSE(times.begins_range(199));
  EXPECT_TRUE(times.begins_range(200));
}

TEST(SegmentTimes, TheFirstSegmentWithSomethingNewEndsWhatIsDropped) {
  SegmentTimes times(3, 150, kRange);  // 0, 1, 2: up to 150.
  times.note(3, 199);
  times.note(3, 180);
  times.note(4, model::kTimestampMin);
  times.note(6, 250);
  times.note(7, 240);
  EXPECT_EQ(times.first_with(100, 8), 0U);
  EXPECT_EQ(times.first_with(150, 8), 0U);
  EXPECT_EQ(times.first_with(151, 8), 3U);
  EXPECT_EQ(times.first_with(200, 8), 5U);
  EXPECT_EQ(times.first_with(200, 4), 4U) << "the current one stays";
  EXPECT_EQ(times.first_with(251, 8), 8U);
  times.forget_up_to(4);
  EXPECT_EQ(times.first_with(100, 8), 0U);
  EXPECT_EQ(times.first_with(251, 8), 8U);
}

TEST(SegmentTimes, TimesAtTheEndOfTheWorldAreBornWith) {
  SegmentTimes times(0, model::kTimestampMin, kRange);
  times.note(0, model::kTimestampMin + 1);
  times.note(0, model::kTimestampMax);
  EXPECT_TRUE(times.begins_range(model::kTimestampMax));
  EXPECT_EQ(times.first_with(0, 1), 0U);
}

}  // namespace
}  // namespace narthex::tsdb
