// An I/O runtime, a clock driven by hand, and a way to run one coroutine and see its result.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "narthex/async/runtime.h"
#include "narthex/async/task.h"
#include "narthex/util/clock.h"

namespace narthex::async {

// Waits until `condition` holds; false after ten seconds.
template <class Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

template <class T>
Task<void> deliver(Task<T> task, std::shared_ptr<std::promise<util::Result<T>>> promise) {
  util::Result<T> result = co_await std::move(task);
  promise->set_value(std::move(result));
  co_return util::Result<void>();
}

class AsyncTest : public ::testing::Test {
 protected:
  ~AsyncTest() override {
    group_.stop();
    runtime_.stop();
  }
  // The future result of a coroutine that runs in group_.
  template <class T>
  std::future<util::Result<T>> start(Task<T> task) {
    auto promise = std::make_shared<std::promise<util::Result<T>>>();
    auto future = promise->get_future();
    EXPECT_TRUE(group_.spawn(deliver<T>(std::move(task), std::move(promise))));
    return future;
  }

  util::FakeClock clock_;
  Runtime runtime_{2};
  TaskGroup group_{runtime_.executor(), "test"};
};

}  // namespace narthex::async
