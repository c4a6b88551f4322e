// TLS of the server's side: the settings as OpenSSL wants them, and one connection that speaks it.
//
// OpenSSL works on the socket itself and waits through Asio: a connection at rest holds no buffers,
// and nothing is read ahead that a look at the socket would miss.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>
#include <openssl/ssl.h>

#include "narthex/async/task.h"
#include "narthex/http/access_options.h"
#include "narthex/util/mutex.h"

namespace narthex::http {

struct FreeSslContext {
  void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const noexcept { ::SSL_free(ssl); }
};

// Threads: immutable; OpenSSL locks what it counts inside.
class ServerTlsContext {
 public:
  static util::Result<std::shared_ptr<const ServerTlsContext>> make(
      const ServerTlsOptions& options);
  [[nodiscard]] std::unique_ptr<SSL, FreeSsl> new_connection(int socket) const;

 private:
  explicit ServerTlsContext(const ServerTlsOptions& options) : options_(options) {}
  static int verify_client(X509_STORE_CTX* store, void* self);
  util::Result<void> load_identity();
  util::Result<void> load_client_ca();
  util::Result<void> choose_algorithms();

  const ServerTlsOptions options_;
  std::unique_ptr<SSL_CTX, FreeSslContext> context_;
};

// Makes the context again when the options or the files that they name have changed.
// Threads: synchronized.
class ServerTlsSource {
 public:
  util::Result<std::shared_ptr<const ServerTlsContext>> context(const ServerTlsOptions& options);

 private:
  util::Mutex mutex_;
  std::shared_ptr<const ServerTlsContext> current_ NX_GUARDED_BY(mutex_);
  ServerTlsOptions current_options_ NX_GUARDED_BY(mutex_);
  std::uint64_t current_fingerprint_ NX_GUARDED_BY(mutex_) = 0;
};

// One connection. Never touches the socket once that is closed: the number may be somebody else's
// by then. The process ignores SIGPIPE. Threads: confined to the socket's strand.
class TlsConnection {
 public:
  // The socket outlives it.
  TlsConnection(std::shared_ptr<const ServerTlsContext> context,
                boost::asio::ip::tcp::socket& socket);

  enum class Handshake : std::uint8_t {
    kDone,
    kFailed,
    kPlainHttp,  // The client speaks HTTP without TLS, and can be told so.
  };
  async::Task<Handshake> handshake();
  // At least one byte; 0 at the end. kIo when the connection broke.
  async::Task<std::size_t> read_some(std::span<char> out);
  async::Task<std::size_t> write_some(std::string_view bytes);

  // Decrypted bytes are waiting, which no look at the socket shows.
  [[nodiscard]] bool has_pending() const noexcept { return ::SSL_pending(ssl_.get()) > 0; }
  enum class Peek : std::uint8_t { kData, kNothing, kEnd };
  // Without waiting.
  [[nodiscard]] Peek peek();
  // Says goodbye if that needs no waiting.
  void shutdown() noexcept;

 private:
  // Waits for what the failed call with that result wanted; false: it wanted nothing that comes.
  async::Task<bool> wait_after(int result);

  const std::shared_ptr<const ServerTlsContext> context_;
  boost::asio::ip::tcp::socket& socket_;
  const std::unique_ptr<SSL, FreeSsl> ssl_;
  bool is_open_ = false;
};

}  // namespace narthex::http
