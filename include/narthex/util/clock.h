// Time. Every `now` and every timer goes through a Clock, so that tests run on a fake one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>

#include "narthex/util/mutex.h"

namespace narthex::util {

// Nanoseconds since the Unix epoch (wall) and since an arbitrary start (steady).
using WallNs = std::int64_t;
using SteadyNs = std::int64_t;

// Threads: synchronized.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallNs wall_ns() const = 0;
  [[nodiscard]] virtual SteadyNs steady_ns() const = 0;
  // Milliseconds since the Unix epoch: the unit of sample timestamps.
  [[nodiscard]] std::int64_t wall_ms() const { return wall_ns() / 1'000'000; }

  // A clock that can be driven by hand calls `wake` once when its steady time reaches `at`, from
  // the thread that moves it, and returns a ticket > 0. The real clock returns 0: the caller then
  // uses an operating system timer.
  virtual std::uint64_t wake_at(SteadyNs at, std::move_only_function<void()> wake) {
    static_cast<void>(at);
    static_cast<void>(wake);
    return 0;
  }
  // Forgets a ticket; false if its wake has been called or is being called.
  virtual bool forget(std::uint64_t ticket) {
    static_cast<void>(ticket);
    return false;
  }
};

// The operating system's clocks; lives for the whole process.
[[nodiscard]] Clock& system_clock();

// A clock that stands still until a test moves it.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(WallNs wall_start_ns = 1'700'000'000'000'000'000) : wall_ns_(wall_start_ns) {}
  [[nodiscard]] WallNs wall_ns() const override;
  [[nodiscard]] SteadyNs steady_ns() const override;
  std::uint64_t wake_at(SteadyNs at, std::move_only_function<void()> wake) override;
  bool forget(std::uint64_t ticket) override;

  // Moves both clocks and calls what falls due, in order of time, each at its own time.
  void advance(std::chrono::nanoseconds by);
  // How many wake-ups are registered; how a test sees that the code under test has gone to sleep.
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Wake {
    std::uint64_t ticket;
    std::move_only_function<void()> call;
  };
  mutable Mutex mutex_;
  WallNs wall_ns_ NX_GUARDED_BY(mutex_);
  SteadyNs steady_ns_ NX_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_ticket_ NX_GUARDED_BY(mutex_) = 1;
  std::multimap<SteadyNs, Wake> wakes_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::util
