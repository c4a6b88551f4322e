// Calls a function at a time on a Clock, unless it is taken back before: how a deadline reaches
// into an operation that is waiting.
#pragma once

#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "narthex/util/clock.h"

namespace narthex::async {

namespace asio = boost::asio;

// Threads: confined to `executor`, which has to be a strand (or run by one thread): made, destroyed
// and called there. So after the destructor the function is not called any more.
class Alarm {
 public:
  Alarm() = default;  // Never rings.
  // `clock` must outlive the alarm.
  Alarm(const asio::any_io_executor& executor, util::Clock* clock, util::SteadyNs at,
        std::move_only_function<void()> ring);
  ~Alarm();
  Alarm(Alarm&&) noexcept = default;
  Alarm& operator=(Alarm&& other) noexcept;

 private:
  struct State;
  void take_back() noexcept;
  std::shared_ptr<State> state_;
};

}  // namespace narthex::async
