#include "narthex/async/offload.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace narthex::async {
namespace {

// Completes with true after the work ran, with false when the pool did not take it.
auto submit(util::WorkerPool* pool, asio::any_io_executor executor,
            std::move_only_function<void()> work) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(
      [pool, executor](auto handler, std::move_only_function<void()> job) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        auto complete = [shared, executor](bool ran) {
          asio::post(executor, [shared, ran] { std::move (*shared)(ran); });
        };
        auto run = [job = std::move(job), complete]() mutable {
          job();
          job = nullptr;
          complete(true);
        };
        if (!pool->try_submit(std::move(run))) complete(false);
      },
      asio::use_awaitable, std::move(work));
}

}  // namespace

Task<void> offload(util::WorkerPool* pool, std::move_only_function<void()> work) {
  const auto executor = co_await asio::this_coro::executor;
  const bool ran = co_await submit(pool, executor, std::move(work));
  if (!ran)
    co_return util::fail(util::Code::kLimitExceeded,
                         "too much work is waiting already; try again later");
  co_return util::Result<void>();
}

}  // namespace narthex::async
