#include "narthex/util/random.h"

#include <array>

#include <gtest/gtest.h>

namespace narthex::util {
namespace {

// The sequence is part of the contract: test data made from a seed must stay what it was.
TEST(Random, GivesTheSequenceOfSplitMix64) {
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317ULL);
  EXPECT_EQ(random.next(), 3203168211198807973ULL);
  EXPECT_EQ(random.next(), 9817491932198370423ULL);
}

TEST(Random, BelowAndUnitStayInRangeAndReachBothEnds) {
  Random random(1);
  std::array<int, 7> hits{};
  for (int i = 0; i < 7000; ++i) {
    ++hits.at(random.below(hits.size()));
    const double u = random.unit();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
  }
  for (const int count : hits) EXPECT_NEAR(count, 1000, 200);
  EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, EntropyOfTheSystemChanges) {
  EXPECT_NE(os_entropy(), os_entropy());
}

}  // namespace
}  // namespace narthex::util
