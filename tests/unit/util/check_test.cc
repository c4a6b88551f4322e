#include "narthex/util/check.h"

#include <gtest/gtest.h>

namespace narthex::util {
namespace {

TEST(CheckDeathTest, PrintsConditionAndValuesAndAborts) {
  const int index = 7;
  EXPECT_DEATH(NX_CHECK(index < 3, "index {} of {}", index, 3), "index < 3: index 7 of 3");
}

TEST(Check, AHeldConditionCostsNothingElse) {
  int evaluated = 0;
  NX_CHECK(++evaluated == 1, "evaluated {} times", evaluated);
  EXPECT_EQ(evaluated, 1);
}

}  // namespace
}  // namespace narthex::util
