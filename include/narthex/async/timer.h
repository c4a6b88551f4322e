// Waiting for time to pass, on a Clock.
#pragma once

#include <chrono>

#include "narthex/async/task.h"
#include "narthex/util/clock.h"

namespace narthex::async {

// Returns when `clock`'s steady time has reached `at`; kCanceled when the coroutine was cancelled
// first. `clock` must outlive the wait.
Task<void> sleep_until(util::Clock* clock, util::SteadyNs at);
Task<void> sleep_for(util::Clock* clock, std::chrono::nanoseconds duration);

}  // namespace narthex::async
