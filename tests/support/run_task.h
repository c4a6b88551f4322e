// Runs a coroutine from a test and waits for its result: ASSERT_* cannot be used inside one.
#pragma once

#include <future>
#include <utility>

#include "narthex/async/runtime.h"
#include "narthex/async/task.h"

namespace narthex::test {

template <class T>
async::Task<void> deliver(async::Task<T> task, std::shared_ptr<std::promise<util::Result<T>>> out) {
  auto result = co_await std::move(task);
  out->set_value(std::move(result));
  co_return util::Result<void>();
}

// The coroutine runs on `group`; the future becomes ready when it ends.
template <class T>
std::future<util::Result<T>> start_task(async::TaskGroup& group, async::Task<T> task) {
  auto promise = std::make_shared<std::promise<util::Result<T>>>();
  auto future = promise->get_future();
  group.spawn(deliver<T>(std::move(task), std::move(promise)));
  return future;
}

}  // namespace narthex::test
