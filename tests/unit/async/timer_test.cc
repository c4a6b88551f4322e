#include "narthex/async/timer.h"

#include "unit/async/async_fixture.h"

namespace narthex::async {
namespace {

using namespace std::chrono_literals;
using TimerTest = AsyncTest;

TEST_F(TimerTest, WakesWhenTheClockGetsThere) {
  auto slept = start(sleep_until(&clock_, 1000));
  ASSERT_TRUE(eventually([&] { return clock_.waiting() == 1; }));
  clock_.advance(999ns);
  EXPECT_EQ(slept.wait_for(0s), std::future_status::timeout);
  clock_.advance(1ns);
  EXPECT_TRUE(slept.get().has_value());
}

TEST_F(TimerTest, ATimeInThePastIsNoWait) {
  clock_.advance(1s);
  EXPECT_TRUE(start(sleep_until(&clock_, 5)).get().has_value());
  EXPECT_TRUE(start(sleep_for(&clock_, 0ns)).get().has_value());
  EXPECT_EQ(clock_.waiting(), 0U);
}

TEST_F(TimerTest, ACancelledWaitSaysSoAndLeavesNoTicketBehind) {
  auto slept = start(sleep_for(&clock_, 1h));
  ASSERT_TRUE(eventually([&] { return clock_.waiting() == 1; }));
  group_.cancel();
  EXPECT_EQ(slept.get().error().code(), util::Code::kCanceled);
  EXPECT_EQ(clock_.waiting(), 0U);
}

TEST_F(TimerTest, RealTimePassesToo) {
  auto slept = start(sleep_for(&util::system_clock(), 1ms));
  EXPECT_TRUE(slept.get().has_value());
  auto cancelled = start(sleep_for(&util::system_clock(), 1h));
  group_.cancel();
  EXPECT_EQ(cancelled.get().error().code(), util::Code::kCanceled);
}

}  // namespace
}  // namespace narthex::async
