#include "narthex/async/timer.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace narthex::async {
namespace {

util::Error canceled() {
  return {util::Code::kCanceled, "wait canceled"};
}

}  // namespace

Task<void> sleep_until(util::Clock* clock, util::SteadyNs at) {
  const auto executor = co_await asio::this_coro::executor;
  // A cancellation that came while nothing could be cancelled is not repeated: look before going to
  // sleep.
  const auto before = co_await asio::this_coro::cancellation_state;
  if (before.cancelled() != asio::cancellation_type::none) co_return std::unexpected(canceled());
  auto timer = std::make_shared<asio::steady_timer>(executor);
  if (clock->steady_ns() >= at) {
    // Still a suspension point, so that a loop that is late can be cancelled.
    timer->expires_at(asio::steady_timer::time_point::min());
    const auto [now_ec] = co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
    if (now_ec) co_return std::unexpected(canceled());
    co_return util::Result<void>();
  }
  // A clock driven by hand wakes us through the timer's own executor; the real one leaves it to the
  // timer.
  timer->expires_at(asio::steady_timer::time_point::max());
  auto wake = [timer, executor] {
    asio::post(executor, [timer] { timer->expires_at(asio::steady_timer::time_point::min()); });
  };
  const std::uint64_t ticket = clock->wake_at(at, std::move(wake));
  if (ticket == 0) {
    timer->expires_at(asio::steady_timer::time_point(std::chrono::nanoseconds(at)));
  }
  const auto [ec] = co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  if (ticket == 0) {
    if (ec) co_return std::unexpected(canceled());
    co_return util::Result<void>();
  }
  // Moving the expiry aborts the wait; what tells a wake-up from a cancellation is whether the
  // ticket is still there.
  if (clock->forget(ticket)) co_return std::unexpected(canceled());
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return std::unexpected(canceled());
  co_return util::Result<void>();
}

Task<void> sleep_for(util::Clock* clock, std::chrono::nanoseconds duration) {
  return sleep_until(clock, clock->steady_ns() + duration.count());
}

}  // namespace narthex::async
