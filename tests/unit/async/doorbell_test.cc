#include "narthex/async/doorbell.h"

#include "unit/async/async_fixture.h"

namespace narthex::async {
namespace {

using namespace std::chrono_literals;

class DoorbellTest : public AsyncTest {
 protected:
  ~DoorbellTest() override { group_.stop(); }  // Waits refer to the bell.
  Doorbell bell_;
};

TEST_F(DoorbellTest, WakesByTime) {
  auto awoken = start(bell_.wait_until(&clock_, 1000));
  ASSERT_TRUE(eventually([&] { return clock_.waiting() == 1; }));
  clock_.advance(1us);
  EXPECT_EQ(awoken.get().value(), Awoken::kByTime);
}

TEST_F(DoorbellTest, WakesByARingDuringTheWait) {
  auto awoken = start(bell_.wait_until(&clock_, 1000));
  ASSERT_TRUE(eventually([&] { return clock_.waiting() == 1; }));
  bell_.ring();
  EXPECT_EQ(awoken.get().value(), Awoken::kByRing);
  EXPECT_EQ(clock_.waiting(), 0U);
}

TEST_F(DoorbellTest, RingsBeforeTheWaitCountAsOne) {
  bell_.ring();
  bell_.ring();
  EXPECT_EQ(start(bell_.wait_until(&clock_, 1000)).get().value(), Awoken::kByRing);
  auto second = start(bell_.wait_until(&clock_, 1000));
  ASSERT_TRUE(eventually([&] { return clock_.waiting() == 1; }));
  clock_.advance(1us);
  EXPECT_EQ(second.get().value(), Awoken::kByTime);
}

TEST_F(DoorbellTest, ATimeInThePastIsNoWait) {
  clock_.advance(1s);
  EXPECT_EQ(start(bell_.wait_until(&clock_, 1000)).get().value(), Awoken::kByTime);
}

TEST_F(DoorbellTest, ACancelledWaitSaysSo) {
  auto awoken = start(bell_.wait_until(&clock_, 1000));
  group_.cancel();
  EXPECT_EQ(awoken.get().error().code(), util::Code::kCanceled);
  EXPECT_EQ(clock_.waiting(), 0U);
}

// No ring is lost, whenever it comes.
Task<int> count_rings(Doorbell* bell, util::Clock* clock, int want) {
  int rings = 0;
  while (rings < want) {
    NX_CO_ASSIGN(const Awoken awoken, co_await bell->wait_until(clock, 1000));
    rings += awoken == Awoken::kByRing ? 1 : 0;
  }
  co_return rings;
}

TEST_F(DoorbellTest, ARingEndsTheWaitWheneverItComes) {
  auto counted = start(count_rings(&bell_, &clock_, 300));
  ASSERT_TRUE(eventually([&] {
    bell_.ring();
    return counted.wait_for(0s) == std::future_status::ready;
  }));
  EXPECT_EQ(counted.get().value(), 300);
}

}  // namespace
}  // namespace narthex::async
