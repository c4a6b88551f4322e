#include "http/tls_source.h"

#include "narthex/util/hash.h"

#include "http/secret.h"

namespace narthex::http {

util::Result<std::unique_ptr<TlsSource>> TlsSource::make(TlsOptions options) {
  std::unique_ptr<TlsSource> source(new TlsSource(std::move(options)));
  // The default settings wait until somebody needs them: reading the system's certificates takes
  // long.
  if (source->options_ != TlsOptions{}) {
    NX_ASSIGN(const auto context, source->context());
    static_cast<void>(context);
  }
  return source;
}

// Of everything that is read from files.
util::Result<std::uint64_t> TlsSource::fingerprint() const {
  std::uint64_t out = 0;
  for (const Secret* secret : {&options_.ca, &options_.cert, &options_.key}) {
    if (secret->file.empty()) continue;
    NX_ASSIGN(const std::string content, read_secret(*secret));
    out = util::mix64(out, util::hash64(content));
  }
  return out;
}

util::Result<std::shared_ptr<const TlsContext>> TlsSource::context() {
  NX_ASSIGN(const std::uint64_t now, fingerprint());
  {
    const util::MutexLock lock(mutex_);
    if (current_ && current_fingerprint_ == now) return current_;
  }
  NX_ASSIGN(auto made, TlsContext::make(options_));
  const util::MutexLock lock(mutex_);
  current_ = made;
  current_fingerprint_ = now;
  return made;
}

}  // namespace narthex::http
