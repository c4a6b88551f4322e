#include "narthex/async/doorbell.h"

#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "narthex/async/alarm.h"
#include "narthex/util/mutex.h"

namespace narthex::async {

struct Doorbell::State {
  util::Mutex mutex;
  bool rung NX_GUARDED_BY(mutex) = false;
  // Of the wait that is going on; only touched on its own executor.
  std::shared_ptr<asio::steady_timer> timer NX_GUARDED_BY(mutex);
};

namespace {

// Ends a wait on `timer` from any thread.
void expire(const std::shared_ptr<asio::steady_timer>& timer) {
  asio::post(timer->get_executor(),
             [timer] { timer->expires_at(asio::steady_timer::time_point::min()); });
}

}  // namespace

Doorbell::Doorbell() : state_(std::make_shared<State>()) {}
Doorbell::~Doorbell() = default;

void Doorbell::ring() {
  const util::MutexLock lock(state_->mutex);
  state_->rung = true;
  if (state_->timer) expire(state_->timer);
}

Task<Awoken> Doorbell::wait_until(util::Clock* clock, util::SteadyNs at) {
  const std::shared_ptr<State> state = state_;
  const auto executor = co_await asio::this_coro::executor;
  auto timer =
      std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max());
  const bool due = clock->steady_ns() >= at;
  {
    const util::MutexLock lock(state->mutex);
    if (state->rung || due) {
      timer->expires_at(asio::steady_timer::time_point::min());
    } else {
      state->timer = timer;
    }
  }
  std::optional<Alarm> alarm;
  if (!due) {
    auto ring = [timer] { timer->expires_at(asio::steady_timer::time_point::min()); };
    alarm.emplace(executor, clock, at, std::move(ring));
  }
  const auto before = co_await asio::this_coro::cancellation_state;
  if (before.cancelled() == asio::cancellation_type::none) {
    const auto waited = co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
    static_cast<void>(waited);  // Moving the expiry aborts the wait as a cancellation does; the
                                // state below tells them apart.
  }
  alarm.reset();
  bool rung = false;
  {
    const util::MutexLock lock(state->mutex);
    state->timer = nullptr;
    rung = std::exchange(state->rung, false);
  }
  const auto after = co_await asio::this_coro::cancellation_state;
  if (after.cancelled() != asio::cancellation_type::none) {
    co_return util::fail(util::Code::kCanceled, "wait canceled");
  }
  co_return rung ? Awoken::kByRing : Awoken::kByTime;
}

}  // namespace narthex::async
