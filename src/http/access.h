// What the connections of a server ask about access: settings that may change under way, TLS,
// passwords, how many requests.
#pragma once

#include <memory>

#include "narthex/http/access_options.h"

#include "http/authenticator.h"
#include "http/rate_limiter.h"
#include "http/server_tls.h"

namespace narthex::http {

// Threads: synchronized.
class Access {
 public:
  // The error of the loader, or of the certificates.
  // The clock outlives it.
  static util::Result<std::unique_ptr<Access>> make(AccessLoader loader, const util::Clock& clock);

  // Decided once: no later file turns TLS off or on.
  [[nodiscard]] bool is_tls() const noexcept { return is_tls_; }
  // For a request; the error is logged.
  [[nodiscard]] std::shared_ptr<const AccessOptions> options();
  // For a connection; null: there is no sound setting, and no connection. Logged.
  [[nodiscard]] std::shared_ptr<const ServerTlsContext> tls();
  [[nodiscard]] Authenticator& authenticator() noexcept { return authenticator_; }
  // Whether one more request is within the rate limit; it is counted. Like TLS the limit is that of
  // the start.
  [[nodiscard]] bool admits_request() { return limiter_->admits(clock_.steady_ns()); }

 private:
  Access(AccessLoader loader, const util::Clock& clock)
      : loader_(std::move(loader)), clock_(clock) {}

  const AccessLoader loader_;
  const util::Clock& clock_;
  bool is_tls_ = false;
  ServerTlsSource tls_;
  Authenticator authenticator_;
  std::unique_ptr<RateLimiter> limiter_;
};

}  // namespace narthex::http
