#include "narthex/model/stale.h"

#include <cmath>

#include <gtest/gtest.h>

namespace narthex::model {
namespace {

TEST(StaleNan, IsToldFromEveryOtherNanByItsBits) {
  EXPECT_TRUE(std::isnan(stale_nan()));
  EXPECT_TRUE(std::isnan(normal_nan()));
  EXPECT_TRUE(is_stale(stale_nan()));
  EXPECT_FALSE(is_stale(normal_nan()));
  EXPECT_FALSE(is_stale(0.0));
  EXPECT_EQ(std::bit_cast<std::uint64_t>(stale_nan()), kStaleNanBits);
}

}  // namespace
}  // namespace narthex::model
