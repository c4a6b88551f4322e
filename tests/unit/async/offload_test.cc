#include "narthex/async/offload.h"

#include <latch>

#include <boost/asio/this_coro.hpp>

#include "unit/async/async_fixture.h"

namespace narthex::async {
namespace {

struct Seen {
  std::thread::id before;
  std::thread::id during;
  bool same_strand = false;
};

// Where the three steps of an offloaded piece of work run.
Task<void> observe(util::WorkerPool* pool, Seen* seen) {
  const auto executor = co_await asio::this_coro::executor;
  seen->before = std::this_thread::get_id();
  auto work = [seen] { seen->during = std::this_thread::get_id(); };
  NX_CO_TRY(co_await offload(pool, std::move(work)));
  const auto after = co_await asio::this_coro::executor;
  seen->same_strand = executor == after;
  co_return util::Result<void>();
}

using OffloadTest = AsyncTest;

TEST_F(OffloadTest, WorkRunsOnThePoolAndTheCoroutineGoesOnWhereItWas) {
  util::WorkerPool pool("test", 1, 4);
  Seen seen;
  EXPECT_TRUE(start(observe(&pool, &seen)).get().has_value());
  EXPECT_NE(seen.before, std::thread::id());
  EXPECT_NE(seen.during, std::thread::id());
  EXPECT_NE(seen.during, seen.before);
  EXPECT_TRUE(seen.same_strand);
}

TEST_F(OffloadTest, AFullQueueIsAnError) {
  util::WorkerPool pool("test", 1, 1);
  std::latch begun(1);
  std::latch release(1);
  auto busy = start(offload(&pool, [&] {
    begun.count_down();
    release.wait();
  }));
  begun.wait();
  auto waiting = start(offload(&pool, [] {}));
  ASSERT_TRUE(eventually([&] { return pool.queued() == 1; }));
  EXPECT_EQ(start(offload(&pool, [] {})).get().error().code(), util::Code::kLimitExceeded);
  release.count_down();
  EXPECT_TRUE(busy.get().has_value());
  EXPECT_TRUE(waiting.get().has_value());
}

TEST_F(OffloadTest, AStoppedPoolIsAnErrorToo) {
  util::WorkerPool pool("test", 1, 1);
  pool.stop();
  EXPECT_FALSE(start(offload(&pool, [] {})).get().has_value());
}

// What the work captured is gone when the coroutine goes on: it may refer to what the coroutine is
// about to destroy.
TEST_F(OffloadTest, TheWorkIsDestroyedBeforeTheCoroutineGoesOn) {
  util::WorkerPool pool("test", 2, 64);
  for (int round = 0; round < 100; ++round) {
    auto token = std::make_shared<int>(0);
    auto work = [token] { ++*token; };
    ASSERT_TRUE(start(offload(&pool, std::move(work))).get().has_value());
    ASSERT_EQ(token.use_count(), 1);
    ASSERT_EQ(*token, 1);
  }
}

}  // namespace
}  // namespace narthex::async
