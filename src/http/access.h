// What the connections of a server ask about access: settings that may change under way, TLS,
// passwords.
#pragma once

#include <memory>

#include "narthex/http/access_options.h"

#include "http/authenticator.h"
#include "http/server_tls.h"

namespace narthex::http {

// Threads: synchronized.
class Access {
 public:
  // The error of the loader, or of the certificates.
  static util::Result<std::unique_ptr<Access>> make(AccessLoader loader);

  // Decided once: no later file turns TLS off or on.
  [[nodiscard]] bool is_tls() const noexcept { return is_tls_; }
  // For a request; the error is logged.
  [[nodiscard]] std::shared_ptr<const AccessOptions> options();
  // For a connection; null: there is no sound setting, and no connection. Logged.
  [[nodiscard]] std::shared_ptr<const ServerTlsContext> tls();
  [[nodiscard]] Authenticator& authenticator() noexcept { return authenticator_; }

 private:
  explicit Access(AccessLoader loader) : loader_(std::move(loader)) {}

  const AccessLoader loader_;
  bool is_tls_ = false;
  ServerTlsSource tls_;
  Authenticator authenticator_;
};

}  // namespace narthex::http
