#include "narthex/util/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <latch>
#include <memory>

#include <gtest/gtest.h>

namespace narthex::util {
namespace {

TEST(WorkerPool, RunsEveryJobBeforeItIsGone) {
  std::atomic<int> done{0};
  {
    WorkerPool pool("test", 3, 1000);
    EXPECT_EQ(pool.thread_count(), 3U);
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(pool.try_submit([&done] { ++done; }));
  }
  EXPECT_EQ(done, 500);
}

TEST(WorkerPool, SaysNoWhenTheQueueIsFullAndDropsTheJobUnrun) {
  WorkerPool pool("test", 1, 2);
  std::latch started(1);
  std::latch release(1);
  ASSERT_TRUE(pool.try_submit([&] {
    started.count_down();
    release.wait();
  }));
  started.wait();
  std::atomic<int> ran{0};
  EXPECT_TRUE(pool.try_submit([&] { ++ran; }));
  EXPECT_TRUE(pool.try_submit([&] { ++ran; }));
  EXPECT_EQ(pool.queued(), 2U);
  const auto token = std::make_shared<int>(1);
  EXPECT_FALSE(pool.try_submit([&ran, token] { ++ran; }));
  EXPECT_EQ(token.use_count(), 1);
  release.count_down();
  pool.stop();
  EXPECT_EQ(ran, 2);
}

TEST(WorkerPool, RefusesJobsAfterStopAndStopsTwice) {
  WorkerPool pool("test", 2, 8);
  pool.stop();
  pool.stop();
  EXPECT_FALSE(pool.try_submit([] {}));
}

// Goal: one client's requests, one after another, keep to one thread and its memory.
TEST(WorkerPool, AJobGoesToTheThreadThatBecameIdleLast) {
  WorkerPool pool("test", 4, 8);
  const auto wait_until_idle = [&pool] {
    while (pool.idle() < pool.thread_count()) std::this_thread::yield();
  };
  std::vector<std::thread::id> threads(20);
  for (std::thread::id& thread : threads) {
    wait_until_idle();
    ASSERT_TRUE(pool.try_submit([&thread] { thread = std::this_thread::get_id(); }));
  }
  wait_until_idle();
  EXPECT_EQ(std::ranges::count(threads, threads.front()), std::ssize(threads));
}

TEST(ParallelFor, CallsTheBodyOnceForEachIndex) {
  WorkerPool pool("test", 4, 64);
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{1000}}) {
    std::vector<std::atomic<int>> calls(count);
    pool.parallel_for(count, [&calls](std::size_t i) { ++calls[i]; });
    for (const auto& n : calls) ASSERT_EQ(n, 1);
  }
}

// Plain writes to separate elements: the return must order them before the caller's reads (seen by
// the tsan preset).
TEST(ParallelFor, ItsWritesAreVisibleToTheCaller) {
  WorkerPool pool("test", 3, 64);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::size_t> squares(37);
    pool.parallel_for(squares.size(), [&squares](std::size_t i) { squares[i] = i * i; });
    for (std::size_t i = 0; i < squares.size(); ++i) ASSERT_EQ(squares[i], i * i);
  }
}

TEST(ParallelFor, WorksInsideAJobAndWithAFullQueue) {
  WorkerPool pool("test", 1, 1);
  std::atomic<int> calls{0};
  std::latch done(1);
  ASSERT_TRUE(pool.try_submit([&] {
    // The only thread is this one, and the queue may be full: the caller must do all the work
    // itself.
    pool.parallel_for(100,
                      [&](std::size_t) { pool.parallel_for(3, [&](std::size_t) { ++calls; }); });
    done.count_down();
  }));
  done.wait();
  EXPECT_EQ(calls, 300);
}

TEST(ParallelFor, WorksOnAStoppedPool) {
  WorkerPool pool("test", 2, 8);
  pool.stop();
  std::atomic<int> calls{0};
  pool.parallel_for(10, [&](std::size_t) { ++calls; });
  EXPECT_EQ(calls, 10);
}

TEST(ParallelFor, ManyCallersShareThePool) {
  WorkerPool pool("test", 2, 16);
  WorkerPool callers("callers", 4, 16);
  std::atomic<int> calls{0};
  callers.parallel_for(8, [&](std::size_t) {
    for (int round = 0; round < 50; ++round) pool.parallel_for(7, [&](std::size_t) { ++calls; });
  });
  EXPECT_EQ(calls, 8 * 50 * 7);
}

}  // namespace
}  // namespace narthex::util
