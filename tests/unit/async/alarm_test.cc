#include "narthex/async/alarm.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace narthex::async {
namespace {

using namespace std::chrono_literals;

// One thread, this one: the context is run by hand.
class AlarmTest : public ::testing::Test {
 protected:
  void run() {
    context_.restart();
    context_.poll();
  }
  asio::io_context context_;
  util::FakeClock clock_;
  int rings_ = 0;
};

TEST_F(AlarmTest, RingsOnceAtItsTime) {
  const Alarm alarm(context_.get_executor(), &clock_, 1000, [this] { ++rings_; });
  clock_.advance(999ns);
  run();
  EXPECT_EQ(rings_, 0);
  clock_.advance(1h);
  run();
  EXPECT_EQ(rings_, 1);
}

TEST_F(AlarmTest, ATakenBackAlarmNeverRings) {
  {
    const Alarm alarm(context_.get_executor(), &clock_, 1000, [this] { ++rings_; });
  }
  EXPECT_EQ(clock_.waiting(), 0U);
  clock_.advance(1h);
  run();
  EXPECT_EQ(rings_, 0);
}

// The time has come and the call is on its way when the alarm is destroyed.
TEST_F(AlarmTest, NotEvenWhenTheCallIsAlreadyOnItsWay) {
  {
    const Alarm alarm(context_.get_executor(), &clock_, 1000, [this] { ++rings_; });
    clock_.advance(1h);
  }
  run();
  EXPECT_EQ(rings_, 0);
}

TEST_F(AlarmTest, AssignmentTakesTheOldOneBack) {
  Alarm alarm(context_.get_executor(), &clock_, 1000, [this] { rings_ += 1; });
  alarm = Alarm(context_.get_executor(), &clock_, 2000, [this] { rings_ += 10; });
  EXPECT_EQ(clock_.waiting(), 1U);
  clock_.advance(1h);
  run();
  EXPECT_EQ(rings_, 10);
  alarm = Alarm();
}

TEST_F(AlarmTest, RingsInRealTime) {
  util::Clock& clock = util::system_clock();
  const Alarm alarm(context_.get_executor(), &clock, clock.steady_ns() + 1'000'000,
                    [this] { ++rings_; });
  context_.run();
  EXPECT_EQ(rings_, 1);
}

}  // namespace
}  // namespace narthex::async
