#include "narthex/async/task.h"

#include <atomic>

#include "narthex/async/timer.h"

#include "unit/async/async_fixture.h"

namespace narthex::async {
namespace {

using namespace std::chrono_literals;
using TaskGroupTest = AsyncTest;

Task<void> count(std::atomic<int>* counter) {
  ++*counter;
  co_return util::Result<void>();
}

Task<void> tick(util::Clock* clock, std::atomic<int>* ticks, std::shared_ptr<int> token) {
  for (;;) {
    NX_CO_TRY(co_await sleep_for(clock, 1s));
    ++*ticks;
    ++*token;
  }
}

Task<void> fail_with(std::string message) {
  co_return util::fail(util::Code::kIo, std::move(message));
}

Task<void> throw_up() {
  throw std::runtime_error("thrown inside");
  co_return util::Result<void>();
}

TEST_F(TaskGroupTest, RunsWhatIsSpawnedAndForgetsWhatHasEnded) {
  std::atomic<int> counter = 0;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(group_.spawn(count(&counter)));
  EXPECT_TRUE(eventually([&] { return group_.running() == 0; }));
  EXPECT_EQ(counter, 100);
}

TEST_F(TaskGroupTest, ALoopGoesOnUntilItIsStopped) {
  std::atomic<int> ticks = 0;
  auto token = std::make_shared<int>(0);
  ASSERT_TRUE(group_.spawn(tick(&clock_, &ticks, token)));
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(eventually([&] { return clock_.waiting() == 1; }));
    clock_.advance(1s);
    ASSERT_TRUE(eventually([&] { return ticks == i; }));
  }
  group_.stop();
  EXPECT_EQ(group_.running(), 0U);
  // stop() has waited for the coroutine's frame too, and so for all it held.
  EXPECT_EQ(token.use_count(), 1);
}

TEST_F(TaskGroupTest, RefusesAndDropsWhatComesAfterStop) {
  group_.stop();
  group_.stop();
  std::atomic<int> ticks = 0;
  auto token = std::make_shared<int>(0);
  EXPECT_FALSE(group_.spawn(tick(&clock_, &ticks, token)));
  EXPECT_EQ(token.use_count(), 1);
}

// A stop may come before a coroutine has reached its first wait.
TEST_F(TaskGroupTest, StopReachesACoroutineAtWhateverPointItIs) {
  std::atomic<int> ticks = 0;
  for (int round = 0; round < 200; ++round) {
    TaskGroup group(runtime_.executor(), "round");
    for (int i = 0; i < 4; ++i) group.spawn(tick(&clock_, &ticks, std::make_shared<int>(0)));
    if (round % 2 == 1) clock_.advance(1s);
    group.stop();
    ASSERT_EQ(group.running(), 0U);
  }
  EXPECT_EQ(clock_.waiting(), 0U);
}

TEST_F(TaskGroupTest, AnErrorIsLoggedAndHarmsNothingElse) {
  std::atomic<int> counter = 0;
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(group_.spawn(fail_with("disk on fire")));
  EXPECT_TRUE(group_.spawn(throw_up()));
  EXPECT_TRUE(group_.spawn(count(&counter)));
  const bool ended = eventually([&] { return group_.running() == 0; });
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(ended);
  EXPECT_EQ(counter, 1);
  EXPECT_NE(log.find("disk on fire"), std::string::npos);
  EXPECT_NE(log.find("thrown inside"), std::string::npos);
  EXPECT_NE(log.find("group=test"), std::string::npos);
}

TEST(TaskGroupDeathTest, MustBeStoppedBeforeItGoes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Runtime runtime(1);
        util::FakeClock clock;
        std::atomic<int> ticks = 0;
        TaskGroup group(runtime.executor(), "left");
        group.spawn(tick(&clock, &ticks, std::make_shared<int>(0)));
        eventually([&] { return clock.waiting() == 1; });
      },
      "task group left destroyed with 1 coroutines running");
}

}  // namespace
}  // namespace narthex::async
