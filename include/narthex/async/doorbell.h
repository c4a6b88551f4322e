// A wait until a time that somebody else can cut short: how a loop that sleeps hears of a change.
#pragma once

#include <cstdint>
#include <memory>

#include "narthex/async/task.h"
#include "narthex/util/clock.h"

namespace narthex::async {

enum class Awoken : std::uint8_t { kByTime, kByRing };

// Threads: ring() from any thread; wait_until() from one coroutine at a time.
class Doorbell {
 public:
  Doorbell();
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // Ends the wait that is going on, or the next one at once. Rings between two waits count as one.
  void ring();
  // kCanceled when the coroutine was cancelled. `clock` and the doorbell must outlive the wait.
  Task<Awoken> wait_until(util::Clock* clock, util::SteadyNs at);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace narthex::async
