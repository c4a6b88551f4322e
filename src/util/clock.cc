#include "narthex/util/clock.h"

#include <chrono>

namespace narthex::util {
namespace {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallNs wall_ns() const override {
    using std::chrono::duration_cast, std::chrono::nanoseconds;
    return duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  }
  [[nodiscard]] SteadyNs steady_ns() const override {
    using std::chrono::duration_cast, std::chrono::nanoseconds;
    return duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

WallNs FakeClock::wall_ns() const {
  const MutexLock lock(mutex_);
  return wall_ns_;
}

SteadyNs FakeClock::steady_ns() const {
  const MutexLock lock(mutex_);
  return steady_ns_;
}

std::uint64_t FakeClock::wake_at(SteadyNs at, std::move_only_function<void()> wake) {
  const MutexLock lock(mutex_);
  const std::uint64_t ticket = next_ticket_++;
  wakes_.emplace(at, Wake{ticket, std::move(wake)});
  return ticket;
}

bool FakeClock::forget(std::uint64_t ticket) {
  const MutexLock lock(mutex_);
  for (auto it = wakes_.begin(); it != wakes_.end(); ++it) {
    if (it->second.ticket == ticket) {
      wakes_.erase(it);
      return true;
    }
  }
  return false;
}

void FakeClock::advance(std::chrono::nanoseconds by) {
  SteadyNs target = 0;
  {
    const MutexLock lock(mutex_);
    target = steady_ns_ + by.count();
  }
  for (;;) {
    std::move_only_function<void()> call;
    {
      const MutexLock lock(mutex_);
      const auto it = wakes_.begin();
      if (it == wakes_.end() || it->first > target) {
        wall_ns_ += target - steady_ns_;
        steady_ns_ = target;
        return;
      }
      if (it->first > steady_ns_) {
        wall_ns_ += it->first - steady_ns_;
        steady_ns_ = it->first;
      }
      call = std::move(it->second.call);
      wakes_.erase(it);
    }
    call();
  }
}

std::size_t FakeClock::waiting() const {
  const MutexLock lock(mutex_);
  return wakes_.size();
}

}  // namespace narthex::util
