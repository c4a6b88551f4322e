#include "http/access.h"

#include "narthex/util/log.h"

namespace narthex::http {

util::Result<std::unique_ptr<Access>> Access::make(AccessLoader loader, const util::Clock& clock) {
  std::unique_ptr<Access> access(new Access(std::move(loader), clock));
  NX_ASSIGN(const auto options, access->loader_());
  access->limiter_ = std::make_unique<RateLimiter>(options->rate_limit, clock.steady_ns());
  access->is_tls_ = options->tls.has_value();
  if (access->is_tls_) {
    NX_ASSIGN(const auto context, access->tls_.context(*options->tls));
    static_cast<void>(context);
  }
  return access;
}

std::shared_ptr<const AccessOptions> Access::options() {
  auto loaded = loader_();
  if (loaded) return *std::move(loaded);
  util::log_error("Unable to parse configuration", {{"err", loaded.error()}});
  return nullptr;
}

std::shared_ptr<const ServerTlsContext> Access::tls() {
  const auto current = options();
  if (!current) return nullptr;
  if (!current->tls) {
    util::log_error("The web configuration has lost its TLS settings; no connection is accepted");
    return nullptr;
  }
  auto context = tls_.context(*current->tls);
  if (context) return *std::move(context);
  util::log_error("The web server's certificates cannot be loaded", {{"err", context.error()}});
  return nullptr;
}

}  // namespace narthex::http
