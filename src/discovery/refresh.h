// The loop of every mechanism that asks again and again for all that there is.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "narthex/async/task.h"
#include "narthex/discovery/discoverer.h"
#include "narthex/util/clock.h"

#include "discovery/context.h"

namespace narthex::discovery {

// Threads: confined.
class Refresher {
 public:
  virtual ~Refresher() = default;
  // All groups that there are now. Ends at the deadline.
  virtual async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs deadline) = 0;
};

// Asks at once and then every `interval`. A round that fails is logged and counted, and changes
// nothing.
[[nodiscard]] std::unique_ptr<Discoverer> make_refresh_discoverer(
    std::string mechanism, std::chrono::milliseconds interval, const Context& context,
    std::unique_ptr<Refresher> refresher);

}  // namespace narthex::discovery
