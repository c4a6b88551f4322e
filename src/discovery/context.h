// What every discoverer works with.
#pragma once

#include <memory>
#include <string>

#include "narthex/async/runtime.h"
#include "narthex/discovery/discoverer.h"
#include "narthex/discovery/options.h"
#include "narthex/util/clock.h"
#include "narthex/util/env.h"

#include "discovery/metrics.h"

namespace narthex::discovery {

// An interval of nought would never let go of the thread.
inline constexpr std::chrono::milliseconds kIntervalMin{100};

// All pointers outlive the discoverers. Threads: immutable.
struct Context {
  util::Clock* clock = nullptr;
  util::Env* env = nullptr;
  Metrics* metrics = nullptr;
  std::string user_agent;
};

// The mechanism that `options` are of. The error is what its files or URLs have wrong.
util::Result<std::unique_ptr<Discoverer>> make_discoverer(const ProviderOptions& options,
                                                          const Context& context);

}  // namespace narthex::discovery
