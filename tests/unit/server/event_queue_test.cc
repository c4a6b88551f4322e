#include "server/event_queue.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace narthex::server {
namespace {

TEST(EventQueue, AReloadIsAnsweredByWhoServesTheQueue) {
  EventQueue queue;
  std::jthread server([&queue] {
    EventQueue::Event event = *queue.wait(std::nullopt);
    ASSERT_TRUE(event.reload.has_value());
    event.reload->set_value(util::fail(util::Code::kInvalidArgument, "line 3"));
  });
  const auto answer = queue.request_reload().get();
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().message(), "line 3");
}

TEST(EventQueue, AWaitWithATimeoutEndsWithoutAnEvent) {
  EventQueue queue;
  EXPECT_FALSE(queue.wait(std::chrono::milliseconds(1)).has_value());
}

TEST(EventQueue, StoppingGoesFirstAndRefusesWhatWaits) {
  EventQueue queue;
  auto waiting = queue.request_reload();
  queue.request_stop();
  EXPECT_TRUE(queue.stop_requested());
  EXPECT_EQ(queue.wait(std::chrono::milliseconds(1)).value().stop, true);
  queue.close();
  EXPECT_EQ(waiting.get().error().code(), util::Code::kUnavailable);
  EXPECT_EQ(queue.request_reload().get().error().code(), util::Code::kUnavailable);
}

}  // namespace
}  // namespace narthex::server
