// How long an answer may hold the thread that writes it.
#include "http/response_channel.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace narthex::http {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{100};
constexpr milliseconds kGiveUp{20'000};

// A channel that is full, and a client that takes `bytes` of it at a time until it is cut off or
// has what the handler waits for.
struct Trickle {
  explicit Trickle(bool others_wait)
      : channel([] {},
                {[others_wait] { return others_wait; }, [this] { was_cut = true; }, kPatience}) {
    while (channel.push(std::string(ResponseChannel::kRoomBytesMin, 'x')) &&
           (pushed += ResponseChannel::kRoomBytesMin) < ResponseChannel::kPendingBytesMax) {
    }
  }

  // One more block for the client. True if it was taken.
  bool push(std::size_t taken_at_a_time) {
    std::jthread client([this, taken_at_a_time](const std::stop_token& done) {
      util::Mutex mutex;
      util::CondVar woken;
      const std::stop_callback wake(done, [&] { woken.notify_all(); });
      const util::MutexLock lock(mutex);
      milliseconds passed{0};
      while (!done.stop_requested() && passed < kGiveUp) {
        channel.release(taken_at_a_time);
        passed += milliseconds(2);
        woken.wait_for(mutex, milliseconds(2), [&] { return done.stop_requested(); });
      }
      if (!done.stop_requested()) channel.close();
    });
    // Too much for what the client may have taken before this begins.
    return channel.push(std::string(ResponseChannel::kRoomBytesMin, 'y')).has_value();
  }

  std::size_t pushed = 0;
  std::atomic<bool> was_cut = false;
  ResponseChannel channel;
};

TEST(ResponseChannel, ATrickleIsCutWhileOthersWait) {
  Trickle trickle(true);
  EXPECT_FALSE(trickle.push(1));
  EXPECT_TRUE(trickle.was_cut);
}

// At 4 KiB every 2 ms even a machine that is a hundred times slower keeps above the least rate.
TEST(ResponseChannel, WhoTakesEnoughIsNotCutWhileOthersWait) {
  Trickle trickle(true);
  EXPECT_TRUE(trickle.push(4096));
  EXPECT_FALSE(trickle.was_cut);
}

TEST(ResponseChannel, NobodyIsCutWhileNobodyWaits) {
  Trickle trickle(false);
  EXPECT_TRUE(trickle.push(256));
  EXPECT_FALSE(trickle.was_cut);
}

}  // namespace
}  // namespace narthex::http
