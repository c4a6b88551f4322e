#include "http/rate_limiter.h"

#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace narthex::http {
namespace {

using std::chrono::nanoseconds;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

int admitted_of(RateLimiter& limiter, int count, util::SteadyNs now) {
  int out = 0;
  for (int i = 0; i < count; ++i) out += limiter.admits(now) ? 1 : 0;
  return out;
}

TEST(RateLimiter, ABurstThenOneEachInterval) {
  RateLimiter limiter({nanoseconds(100), 3}, 1000);
  EXPECT_EQ(admitted_of(limiter, 5, 1000), 3);
  EXPECT_EQ(admitted_of(limiter, 5, 1099), 0);
  EXPECT_EQ(admitted_of(limiter, 5, 1100), 1);
  EXPECT_EQ(admitted_of(limiter, 5, 1350), 2);
  EXPECT_EQ(admitted_of(limiter, 5, 1399), 0);
  EXPECT_EQ(admitted_of(limiter, 5, 1400), 1);    // The half interval at 1350 was not lost.
  EXPECT_EQ(admitted_of(limiter, 5, 90'000), 3);  // No more than the burst.
}

TEST(RateLimiter, TimeThatStandsOrGoesBackBringsNothing) {
  RateLimiter limiter({nanoseconds(100), 1}, 1000);
  EXPECT_EQ(admitted_of(limiter, 2, 1000), 1);
  EXPECT_FALSE(limiter.admits(0));
  EXPECT_FALSE(limiter.admits(1000));
  EXPECT_TRUE(limiter.admits(1100));
}

TEST(RateLimiter, NoIntervalIsNoLimitAndNoBurstNoEntry) {
  for (const std::int64_t interval : {std::int64_t{0}, std::int64_t{-5}}) {
    RateLimiter off({nanoseconds(interval), 0}, 0);
    EXPECT_EQ(admitted_of(off, 100, 0), 100) << interval;
  }
  for (const std::int64_t burst : {std::int64_t{0}, std::int64_t{-3}}) {
    RateLimiter closed({nanoseconds(1), burst}, 0);
    EXPECT_FALSE(closed.admits(kMax)) << burst;
  }
}

TEST(RateLimiter, ExtremesDoNotOverflow) {
  RateLimiter wide({nanoseconds(1), kMax}, 0);
  EXPECT_TRUE(wide.admits(0));
  EXPECT_TRUE(wide.admits(kMax));
  RateLimiter slow({nanoseconds(kMax), 1}, 0);
  EXPECT_TRUE(slow.admits(0));
  EXPECT_FALSE(slow.admits(kMax - 1));
  EXPECT_TRUE(slow.admits(kMax));
}

// Goal: over any window no more gets in than the burst and one request an interval.
// Method: random arrivals; every pair of admitted requests is held against the bound.
TEST(RateLimiter, NoWindowHoldsMoreThanItsShare) {
  constexpr std::int64_t kIntervalNs = 50;
  constexpr std::int64_t kBurst = 7;
  std::mt19937_64 random(11);
  RateLimiter limiter({nanoseconds(kIntervalNs), kBurst}, 0);
  std::vector<util::SteadyNs> admitted;
  util::SteadyNs now = 0;
  for (int i = 0; i < 3000; ++i) {
    now += static_cast<util::SteadyNs>(random() % (i % 300 < 200 ? 30 : 400));
    if (limiter.admits(now)) admitted.push_back(now);
  }
  ASSERT_GT(admitted.size(), 500U);
  for (std::size_t i = 0; i < admitted.size(); ++i) {
    for (std::size_t j = i; j < admitted.size(); ++j) {
      const auto count = static_cast<std::int64_t>(j - i + 1);
      ASSERT_LE(count, kBurst + (admitted[j] - admitted[i]) / kIntervalNs + 1) << i << " " << j;
    }
  }
}

}  // namespace
}  // namespace narthex::http
