#include "narthex/async/alarm.h"

#include <utility>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace narthex::async {

struct Alarm::State {
  State(const asio::any_io_executor& e, util::Clock* c, std::move_only_function<void()> r)
      : timer(e), clock(c), ring(std::move(r)) {}
  void fire() {
    if (auto call = std::exchange(ring, nullptr)) call();
  }
  asio::steady_timer timer;
  util::Clock* clock;
  std::move_only_function<void()> ring;  // Empty once it has rung or was taken back.
  std::uint64_t ticket = 0;
};

Alarm::Alarm(const asio::any_io_executor& executor, util::Clock* clock, util::SteadyNs at,
             std::move_only_function<void()> ring)
    : state_(std::make_shared<State>(executor, clock, std::move(ring))) {
  state_->ticket = clock->wake_at(
      at, [state = state_, executor] { asio::post(executor, [state] { state->fire(); }); });
  if (state_->ticket != 0) return;
  state_->timer.expires_at(asio::steady_timer::time_point(std::chrono::nanoseconds(at)));
  state_->timer.async_wait(
      asio::bind_executor(executor, [state = state_](const boost::system::error_code& ec) {
        if (!ec) state->fire();
      }));
}

Alarm::~Alarm() {
  take_back();
}

Alarm& Alarm::operator=(Alarm&& other) noexcept {
  if (this != &other) {
    take_back();
    state_ = std::move(other.state_);
  }
  return *this;
}

void Alarm::take_back() noexcept {
  if (!state_) return;
  state_->ring = nullptr;
  if (state_->ticket != 0) {
    state_->clock->forget(state_->ticket);
  } else {
    state_->timer.cancel();
  }
  state_.reset();
}

}  // namespace narthex::async
