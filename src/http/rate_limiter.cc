#include "http/rate_limiter.h"

namespace narthex::http {

bool RateLimiter::admits(util::SteadyNs now) {
  const std::int64_t interval_ns = options_.interval.count();
  if (interval_ns <= 0) return true;
  if (options_.burst <= 0) return false;
  const util::MutexLock lock(mutex_);
  if (now > counted_until_) {
    const std::int64_t gained = (now - counted_until_) / interval_ns;
    if (gained >= options_.burst - tokens_) {
      // A full bucket forgets the part of an interval that has passed.
      tokens_ = options_.burst;
      counted_until_ = now;
    } else {
      tokens_ += gained;
      counted_until_ += gained * interval_ns;
    }
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

}  // namespace narthex::http
