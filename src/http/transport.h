// A connection as the client sees it: bytes in and out, plain or through TLS.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "narthex/async/task.h"
#include "narthex/http/client_options.h"
#include "narthex/http/url.h"

namespace narthex::http {

namespace asio = boost::asio;

// What a deadline has to cut short: the operation that is going on. Threads: confined.
struct Abort {
  std::function<void()> action;
  bool fired = false;
  void fire() {
    fired = true;
    if (action) action();
  }
};

// Threads: confined. Errors are the operating system's words; the caller adds the context.
class Transport {
 public:
  virtual ~Transport() = default;
  // At least one byte, or 0 at the end of the stream.
  virtual async::Task<std::size_t> read_some(std::span<char> out) = 0;
  virtual async::Task<void> write_all(std::string_view bytes) = 0;
  // Operations that are going on fail. Idempotent.
  virtual void close() noexcept = 0;
};

// What TLS needs to know, made once for a client. Threads: immutable.
class TlsContext {
 public:
  static util::Result<std::shared_ptr<const TlsContext>> make(const TlsOptions& options);
  virtual ~TlsContext() = default;
};

// Where a connection leads. Threads: values; the URLs outlive them.
struct Route {
  const Url* url = nullptr;
  const Url* proxy = nullptr;   // Null: straight there.
  std::string connect_request;  // What asks the proxy for a tunnel; for https alone.
};

// Looks the host up (the proxy's if there is one), connects to the first address that answers, and
// shakes hands if the scheme is https. `abort` and what the other pointers name must outlive the
// call.
async::Task<std::unique_ptr<Transport>> connect(const Route* route, const TlsContext* tls,
                                                Abort* abort);

}  // namespace narthex::http
