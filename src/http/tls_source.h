// The TLS settings of a client, made from its files again when these have changed: certificates are
// renewed under a running server.
#pragma once

#include <cstdint>
#include <memory>

#include "narthex/http/client_options.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

#include "http/transport.h"

namespace narthex::http {

// Threads: synchronized.
class TlsSource {
 public:
  // kInvalidArgument or kIo: certificates or keys are no good.
  static util::Result<std::unique_ptr<TlsSource>> make(TlsOptions options);

  // For a new connection. The error of make() when what the files hold by now is no good.
  util::Result<std::shared_ptr<const TlsContext>> context();

 private:
  explicit TlsSource(TlsOptions options) : options_(std::move(options)) {}
  util::Result<std::uint64_t> fingerprint() const;

  const TlsOptions options_;
  util::Mutex mutex_;
  std::shared_ptr<const TlsContext> current_ NX_GUARDED_BY(mutex_);  // Null: not made yet.
  std::uint64_t current_fingerprint_ NX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::http
