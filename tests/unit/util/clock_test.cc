#include "narthex/util/clock.h"

#include <vector>

#include <gtest/gtest.h>

namespace narthex::util {
namespace {

using namespace std::chrono_literals;

TEST(FakeClock, StandsStillUntilMoved) {
  FakeClock clock(1'000'000'000);
  EXPECT_EQ(clock.wall_ns(), 1'000'000'000);
  EXPECT_EQ(clock.steady_ns(), 0);
  clock.advance(1500ms);
  EXPECT_EQ(clock.wall_ms(), 2500);
  EXPECT_EQ(clock.steady_ns(), 1'500'000'000);
}

TEST(FakeClock, WakesInOrderOfTimeEachAtItsOwnTime) {
  FakeClock clock;
  std::vector<SteadyNs> seen;
  const auto note = [&] { seen.push_back(clock.steady_ns()); };
  clock.wake_at(30, note);
  clock.wake_at(10, note);
  clock.wake_at(20, note);
  clock.wake_at(50, note);
  EXPECT_EQ(clock.waiting(), 4U);
  clock.advance(30ns);
  EXPECT_EQ(seen, (std::vector<SteadyNs>{10, 20, 30}));
  EXPECT_EQ(clock.waiting(), 1U);
  EXPECT_EQ(clock.steady_ns(), 30);
}

TEST(FakeClock, AWakeMayRegisterTheNextOneAndItFallsDueInTheSameAdvance) {
  FakeClock clock;
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    clock.wake_at(clock.steady_ns() + 10, tick);
  };
  clock.wake_at(10, tick);
  clock.advance(35ns);
  EXPECT_EQ(ticks, 3);
  EXPECT_EQ(clock.waiting(), 1U);
}

TEST(FakeClock, AForgottenTicketDoesNotWake) {
  FakeClock clock;
  bool woken = false;
  const std::uint64_t ticket = clock.wake_at(10, [&] { woken = true; });
  EXPECT_GT(ticket, 0U);
  EXPECT_TRUE(clock.forget(ticket));
  EXPECT_FALSE(clock.forget(ticket));
  clock.advance(20ns);
  EXPECT_FALSE(woken);
}

TEST(FakeClock, ATimeInThePastFallsDueAtTheNextAdvanceWithoutTurningTimeBack) {
  FakeClock clock;
  clock.advance(100ns);
  SteadyNs seen = 0;
  clock.wake_at(10, [&] { seen = clock.steady_ns(); });
  clock.advance(0ns);
  EXPECT_EQ(seen, 100);
}

TEST(SystemClock, SteadyTimeNeverGoesBackAndWallTimeIsThisCentury) {
  Clock& clock = system_clock();
  const SteadyNs before = clock.steady_ns();
  EXPECT_GE(clock.steady_ns(), before);
  EXPECT_GT(clock.wall_ms(), 1'600'000'000'000);
  EXPECT_EQ(clock.wake_at(0, [] {}), 0U);
}

}  // namespace
}  // namespace narthex::util
