// A token bucket: full at first, one token more every interval, one token a request.
#pragma once

#include <cstdint>

#include "narthex/http/access_options.h"
#include "narthex/util/clock.h"
#include "narthex/util/mutex.h"

namespace narthex::http {

// Threads: synchronized.
class RateLimiter {
 public:
  RateLimiter(const RateLimitOptions& options, util::SteadyNs now)
      : options_(options), tokens_(options.burst), counted_until_(now) {}

  // Takes a token if there is one. A `now` before that of an earlier call brings no tokens.
  [[nodiscard]] bool admits(util::SteadyNs now);

 private:
  const RateLimitOptions options_;
  util::Mutex mutex_;
  std::int64_t tokens_ NX_GUARDED_BY(mutex_);
  util::SteadyNs counted_until_ NX_GUARDED_BY(mutex_);  // Tokens up to here are in `tokens_`.
};

}  // namespace narthex::http
