#include "http/transport.h"

#include <array>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "narthex/util/env.h"

#include "http/secret.h"
#include "http/socks.h"

namespace narthex::http {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using util::Code;
using util::fail;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// "connection refused": the C library begins its texts with capitals, Go does not, and alerts and
// scripts may look for Go's.
std::string reason_of(const error_code& ec) {
  std::string text = ec.message();
  const bool is_systems = ec.category() == boost::system::system_category() ||
                          ec.category() == boost::system::generic_category();
  if (is_systems && !text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] + ('a' - 'A'));
  return text;
}

std::unexpected<util::Error> failed(std::string_view what, const error_code& ec) {
  if (ec == asio::error::operation_aborted)
    return fail(Code::kCanceled, fmt::format("{}: canceled", what));
  return fail(Code::kIo, fmt::format("{}: {}", what, reason_of(ec)));
}

// A cancellation that fell between two operations reached neither; it has to be looked for.
bool is_cancelled(const asio::cancellation_state& state) {
  return state.cancelled() != asio::cancellation_type::none;
}

bool is_end(const error_code& ec) {
  return ec == asio::error::eof || ec == asio::ssl::error::stream_truncated;
}

template <class Stream>
class StreamTransport final : public Transport {
 public:
  explicit StreamTransport(Stream stream) : stream_(std::move(stream)) {}

  async::Task<std::size_t> read_some(std::span<char> out) override {
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(cancellation)) co_return failed("read", asio::error::operation_aborted);
    const auto [ec, bytes] =
        co_await stream_.async_read_some(asio::buffer(out.data(), out.size()), kAwait);
    if (ec && !is_end(ec)) co_return failed("read", ec);
    co_return bytes;
  }
  async::Task<void> write_all(std::string_view bytes) override {
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(cancellation)) co_return failed("write", asio::error::operation_aborted);
    const auto [ec, count] =
        co_await asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()), kAwait);
    static_cast<void>(count);
    if (ec) co_return failed("write", ec);
    co_return util::Result<void>();
  }
  void close() noexcept override {
    error_code ignored;  // Nothing can be done about a failing close.
    stream_.lowest_layer().close(ignored);
  }
  [[nodiscard]] Stream& stream() noexcept { return stream_; }

 private:
  Stream stream_;
};

using TlsStream = asio::ssl::stream<tcp::socket>;

class OpenSslContext final : public TlsContext {
 public:
  OpenSslContext(asio::ssl::context c, TlsOptions o)
      : context(std::move(c)), options(std::move(o)) {}
  // OpenSSL counts references inside and locks; making a connection from it does not change it.
  mutable asio::ssl::context context;
  const TlsOptions options;
};

int protocol_number(TlsVersion version) noexcept {
  switch (version) {
    case TlsVersion::kTls10:
      return TLS1_VERSION;
    case TlsVersion::kTls11:
      return TLS1_1_VERSION;
    case TlsVersion::kTls12:
      return TLS1_2_VERSION;
    case TlsVersion::kTls13:
      return TLS1_3_VERSION;
  }
  return TLS1_2_VERSION;
}

// A lookup that outlives its waiter: the system's resolver cannot be interrupted, but nobody has to
// wait for it.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor)
      : resolver(executor), done(executor, asio::steady_timer::time_point::max()) {}
  tcp::resolver resolver;
  asio::steady_timer done;  // Cancelled when there is a result.
  error_code ec = asio::error::operation_aborted;
  tcp::resolver::results_type results;
};

async::Task<tcp::resolver::results_type> look_up(const Url* url, Abort* abort) {
  const auto executor = co_await asio::this_coro::executor;
  const std::string port = std::to_string(url->effective_port());
  error_code not_literal;
  const auto address = asio::ip::make_address(url->host, not_literal);
  if (!not_literal) {
    co_return tcp::resolver::results_type::create(tcp::endpoint(address, url->effective_port()),
                                                  url->host, port);
  }
  auto lookup = std::make_shared<Lookup>(executor);
  abort->action = [lookup] { lookup->done.cancel(); };
  auto on_result = [lookup](const error_code& ec, tcp::resolver::results_type results) {
    lookup->ec = ec;
    lookup->results = std::move(results);
    lookup->done.cancel();
  };
  lookup->resolver.async_resolve(url->host, port, std::move(on_result));
  const auto waited = co_await lookup->done.async_wait(kAwait);
  static_cast<void>(waited);  // Always "cancelled"; what happened stands in the lookup.
  abort->action = nullptr;
  if (lookup->ec) co_return failed(fmt::format("lookup {}", url->host), lookup->ec);
  co_return std::move(lookup->results);
}

async::Task<tcp::socket> connect_tcp(const Url* url, Abort* abort) {
  NX_CO_ASSIGN(const auto endpoints, co_await look_up(url, abort));
  if (abort->fired) co_return fail(Code::kTimeout, "timed out");
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  if (is_cancelled(cancellation)) co_return failed("connect", asio::error::operation_aborted);
  const auto executor = co_await asio::this_coro::executor;
  tcp::socket socket(executor);
  abort->action = [&socket] {
    error_code ignored;
    socket.close(ignored);
  };
  error_code last = asio::error::host_not_found;
  std::string tried = url->authority();
  for (const auto& entry : endpoints) {
    error_code ignored;
    socket.close(ignored);
    tried = fmt::format("{}:{}", entry.endpoint().address().to_string(), entry.endpoint().port());
    const auto [ec] = co_await socket.async_connect(entry.endpoint(), kAwait);
    last = ec;
    if (!ec || abort->fired || ec == asio::error::operation_aborted) break;
  }
  abort->action = nullptr;
  if (last) co_return failed(fmt::format("dial tcp {}: connect", tried), last);
  error_code ignored;  // A connection that keeps Nagle's algorithm is slower, not broken.
  socket.set_option(tcp::no_delay(true), ignored);
  co_return std::move(socket);
}

// Asks the proxy to connect to the host; afterwards the stream is as good as one to the host.
template <class Stream>
async::Task<void> open_tunnel(Stream* socket, const Route* route, Abort* abort) {
  constexpr std::size_t kHeadBytesMax = 64U << 10U;
  abort->action = [socket] {
    error_code ignored;
    socket->lowest_layer().close(ignored);
  };
  const auto request = asio::buffer(route->connect_request);
  const auto [write_ec, written] = co_await asio::async_write(*socket, request, kAwait);
  static_cast<void>(written);
  if (write_ec) co_return failed("proxyconnect tcp: write", write_ec);
  std::string head;
  std::array<char, 1024> piece{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    const auto space = asio::buffer(piece);
    const auto [ec, bytes] = co_await socket->async_read_some(space, kAwait);
    if (ec) co_return failed("proxyconnect tcp: read", ec);
    head.append(piece.data(), bytes);
    if (head.size() > kHeadBytesMax)
      co_return fail(Code::kLimitExceeded, "proxyconnect tcp: the answer is too long");
  }
  abort->action = nullptr;
  // "HTTP/1.1 200 Connection established"
  const std::string line = head.substr(0, head.find("\r\n"));
  const std::size_t status = line.find(' ') + 1;
  if (!line.starts_with("HTTP/1.") || line.substr(status, 3) != "200") {
    co_return fail(Code::kIo, line.size() > status + 4 ? line.substr(status + 4) : line);
  }
  if (!head.ends_with("\r\n\r\n"))
    co_return fail(Code::kInvalidArgument, "proxyconnect tcp: bytes behind the answer");
  co_return util::Result<void>();
}

using UnixSocket = asio::local::stream_protocol::socket;

async::Task<std::unique_ptr<Transport>> connect_unix(const Url* url, Abort* abort) {
  // sockaddr_un holds no longer ones, and Asio would throw.
  constexpr std::size_t kPathBytesMax = 107;
  const std::string what = fmt::format("dial unix {}: connect", url->unix_socket);
  if (url->unix_socket.size() > kPathBytesMax)
    co_return fail(Code::kInvalidArgument, what + ": path is too long");
  if (url->scheme != "http")
    co_return fail(Code::kUnsupported, what + ": only http is spoken on a Unix socket");
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  if (is_cancelled(cancellation)) co_return failed("connect", asio::error::operation_aborted);
  const auto executor = co_await asio::this_coro::executor;
  UnixSocket socket(executor);
  abort->action = [&socket] {
    error_code ignored;
    socket.close(ignored);
  };
  const asio::local::stream_protocol::endpoint endpoint(url->unix_socket);
  const auto [ec] = co_await socket.async_connect(endpoint, kAwait);
  abort->action = nullptr;
  if (ec) co_return failed(what, ec);
  co_return std::make_unique<StreamTransport<UnixSocket>>(std::move(socket));
}

// TLS over `socket`, which may itself be TLS to a proxy.
template <class Below>
async::Task<std::unique_ptr<StreamTransport<asio::ssl::stream<Below>>>> shake_hands(
    Below socket, const Url* url, const OpenSslContext* tls, Abort* abort) {
  using Stream = asio::ssl::stream<Below>;
  auto transport =
      std::make_unique<StreamTransport<Stream>>(Stream(std::move(socket), tls->context));
  Stream& stream = transport->stream();
  const std::string name = tls->options.server_name.empty() ? url->host : tls->options.server_name;
  error_code is_name;
  static_cast<void>(asio::ip::make_address(name, is_name));
  if (is_name && SSL_set_tlsext_host_name(stream.native_handle(), name.c_str()) != 1) {
    co_return fail(Code::kInternal, "tls: server name refused");
  }
  if (!tls->options.insecure_skip_verify)
    stream.set_verify_callback(asio::ssl::host_name_verification(name));
  abort->action = [transport = transport.get()] { transport->close(); };
  const auto [ec] = co_await stream.async_handshake(asio::ssl::stream_base::client, kAwait);
  abort->action = nullptr;
  if (ec) co_return failed("tls", ec);
  co_return std::move(transport);
}

async::Task<std::string> read_exactly(tcp::socket* socket, std::size_t count) {
  std::string out(count, '\0');
  const auto space = asio::buffer(out);
  const auto [ec, bytes] = co_await asio::async_read(*socket, space, kAwait);
  static_cast<void>(bytes);
  if (ec) co_return failed("socks connect: read", ec);
  co_return out;
}

async::Task<void> write_to_socks(tcp::socket* socket, const std::string* message) {
  const auto bytes = asio::buffer(*message);
  const auto [ec, written] = co_await asio::async_write(*socket, bytes, kAwait);
  static_cast<void>(written);
  if (ec) co_return failed("socks connect: write", ec);
  co_return util::Result<void>();
}

// Asks a SOCKS proxy for a connection to the host.
async::Task<void> open_socks(tcp::socket* socket, const Route* route, Abort* abort) {
  NX_CO_ASSIGN(const SocksMessages say, socks_messages(*route->url, *route->proxy));
  abort->action = [socket] {
    error_code ignored;
    socket->close(ignored);
  };
  NX_CO_TRY(co_await write_to_socks(socket, &say.greeting));
  NX_CO_ASSIGN(const std::string choice, co_await read_exactly(socket, 2));
  NX_CO_ASSIGN(const bool wants_credentials, socks_wants_credentials(choice));
  if (wants_credentials) {
    NX_CO_TRY(co_await write_to_socks(socket, &say.credentials));
    NX_CO_ASSIGN(const std::string answer, co_await read_exactly(socket, 2));
    NX_CO_TRY(check_socks_login(answer));
  }
  NX_CO_TRY(co_await write_to_socks(socket, &say.request));
  NX_CO_ASSIGN(const std::string answer, co_await read_exactly(socket, 5));
  NX_CO_ASSIGN(const std::size_t rest, socks_rest_bytes(answer));
  NX_CO_TRY(co_await read_exactly(socket, rest));
  abort->action = nullptr;
  co_return util::Result<void>();
}

// To the proxy by TLS; within it forwarded requests, or a tunnel with the host's own TLS in it.
async::Task<std::unique_ptr<Transport>> connect_by_tls_proxy(tcp::socket socket, const Route* route,
                                                             const OpenSslContext* tls,
                                                             Abort* abort) {
  NX_CO_ASSIGN(auto to_proxy, co_await shake_hands(std::move(socket), route->proxy, tls, abort));
  if (route->url->scheme != "https") co_return std::unique_ptr<Transport>(std::move(to_proxy));
  NX_CO_TRY(co_await open_tunnel(&to_proxy->stream(), route, abort));
  NX_CO_ASSIGN(auto secured,
               co_await shake_hands(std::move(to_proxy->stream()), route->url, tls, abort));
  co_return std::unique_ptr<Transport>(std::move(secured));
}

util::Result<std::shared_ptr<const TlsContext>> make_context(const TlsOptions& options) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  ::SSL_CTX_set_min_proto_version(context.native_handle(), protocol_number(options.version_min));
  if (options.version_max)
    ::SSL_CTX_set_max_proto_version(context.native_handle(), protocol_number(*options.version_max));
  error_code ec;
  if (options.insecure_skip_verify) {
    context.set_verify_mode(asio::ssl::verify_none, ec);
  } else {
    context.set_verify_mode(asio::ssl::verify_peer, ec);
    if (options.ca.empty()) context.set_default_verify_paths(ec);
  }
  if (!ec && !options.ca.empty()) {
    NX_ASSIGN(const std::string pem, read_secret(options.ca));
    context.add_certificate_authority(asio::buffer(pem), ec);
    if (ec) return fail(Code::kInvalidArgument, "unable to use specified CA cert: " + ec.message());
  }
  if (!ec && !options.cert.empty()) {
    NX_ASSIGN(const std::string cert, read_secret(options.cert));
    NX_ASSIGN(const std::string key, read_secret(options.key));
    context.use_certificate_chain(asio::buffer(cert), ec);
    if (!ec) context.use_private_key(asio::buffer(key), asio::ssl::context::pem, ec);
    if (ec)
      return fail(Code::kInvalidArgument,
                  "unable to use specified client cert and key: " + ec.message());
  }
  if (ec) return fail(Code::kInternal, "tls: " + ec.message());
  return std::shared_ptr<const TlsContext>(
      std::make_shared<OpenSslContext>(std::move(context), options));
}

}  // namespace

util::Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsOptions& options) {
  // Loading the system's certificates takes tens of milliseconds: once is enough for all clients
  // that ask for nothing special.
  if (options != TlsOptions{}) return make_context(options);
  static const auto shared = make_context({});
  return shared;
}

async::Task<std::unique_ptr<Transport>> connect(const Route* route, const TlsContext* tls,
                                                Abort* abort) {
  if (!route->url->unix_socket.empty()) co_return co_await connect_unix(route->url, abort);
  const Url* const first = route->proxy != nullptr ? route->proxy : route->url;
  NX_CO_ASSIGN(tcp::socket socket, co_await connect_tcp(first, abort));
  const auto* context = static_cast<const OpenSslContext*>(tls);
  const bool is_https = route->url->scheme == "https";
  if (route->proxy != nullptr && route->proxy->scheme == "https")
    co_return co_await connect_by_tls_proxy(std::move(socket), route, context, abort);
  if (route->proxy != nullptr && route->proxy->scheme == "socks5") {
    NX_CO_TRY(co_await open_socks(&socket, route, abort));
  } else if (route->proxy != nullptr && is_https) {
    NX_CO_TRY(co_await open_tunnel(&socket, route, abort));
  }
  if (is_https) {
    NX_CO_ASSIGN(auto secured, co_await shake_hands(std::move(socket), route->url, context, abort));
    co_return std::unique_ptr<Transport>(std::move(secured));
  }
  co_return std::make_unique<StreamTransport<tcp::socket>>(std::move(socket));
}

}  // namespace narthex::http
