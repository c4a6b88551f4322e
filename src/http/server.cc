#include "narthex/http/server.h"

#include <atomic>
#include <charconv>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "http/connection.h"
#include "narthex/async/runtime.h"
#include "narthex/async/task.h"
#include "narthex/util/log.h"

namespace narthex::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using util::Code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// When accept() itself fails (no file descriptor left), a pause instead of a hot loop.
constexpr std::chrono::milliseconds kAcceptBackoff{100};

struct HostPort {
  std::string host;
  std::string port;
};

util::Result<HostPort> split_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    return util::fail(Code::kInvalidArgument, fmt::format("listen address \"{}\": missing port", address));
  }
  HostPort out{address.substr(0, colon), address.substr(colon + 1)};
  if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
  std::uint16_t number = 0;
  const auto [end, ec] = std::from_chars(out.port.data(), out.port.data() + out.port.size(), number);
  if (ec != std::errc{} || end != out.port.data() + out.port.size()) {
    return util::fail(Code::kInvalidArgument, fmt::format("listen address \"{}\": invalid port", address));
  }
  return out;
}

std::unexpected<util::Error> listen_error(const std::string& address, const boost::system::error_code& ec) {
  const Code code = ec == asio::error::address_in_use ? Code::kAlreadyExists
                    : ec == asio::error::access_denied ? Code::kPermissionDenied
                                                       : Code::kIo;
  return util::fail(code, fmt::format("listen on {}: {}", address, ec.message()));
}

util::Result<tcp::acceptor> open_acceptor(const std::string& address, asio::io_context& context) {
  NX_ASSIGN(const HostPort parts, split_address(address));
  boost::system::error_code ec;
  tcp::endpoint endpoint;
  std::uint16_t port = 0;
  std::from_chars(parts.port.data(), parts.port.data() + parts.port.size(), port);
  if (parts.host.empty()) {
    endpoint = tcp::endpoint(tcp::v6(), port);  // Every address of the machine, both families.
  } else {
    tcp::resolver resolver(context);
    const auto found = resolver.resolve(parts.host, parts.port, tcp::resolver::passive, ec);
    if (ec) return listen_error(address, ec);
    endpoint = found.begin()->endpoint();
  }
  tcp::acceptor acceptor(asio::make_strand(context));
  acceptor.open(endpoint.protocol(), ec);
  if (ec && parts.host.empty()) {
    endpoint = tcp::endpoint(tcp::v4(), port);  // A machine without IPv6.
    acceptor.open(endpoint.protocol(), ec);
  }
  if (ec) return listen_error(address, ec);
  acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (endpoint.protocol() == tcp::v6() && parts.host.empty()) acceptor.set_option(asio::ip::v6_only(false), ec);
  acceptor.bind(endpoint, ec);
  if (ec) return listen_error(address, ec);
  acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return listen_error(address, ec);
  return acceptor;
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, async::Runtime& runtime, util::WorkerPool& handlers)
      : runtime_(runtime), tasks_(runtime.executor(), "http server"), shared_(std::make_shared<ServerShared>()) {
    shared_->options = std::move(options);
    shared_->handlers = &handlers;
  }

  util::Result<void> open() {
    for (const std::string& address : shared_->options.listen_addresses) {
      NX_ASSIGN(tcp::acceptor acceptor, open_acceptor(address, runtime_.context()));
      ports.push_back(acceptor.local_endpoint().port());
      listeners_.push_back(std::make_unique<Listener>(std::move(acceptor)));
    }
    return {};
  }

  void start(Router router, RequestObserver observer) {
    shared_->router = std::move(router);
    shared_->observer = std::move(observer);
    shared_->connections.on_remove([this] { ring_all(); });
    for (const auto& listener : listeners_) {
      tasks_.spawn_on(listener->acceptor.get_executor(), accept_loop(listener.get()));
    }
  }

  void stop() {
    if (stopped_.exchange(true)) return;
    shared_->draining = true;
    for (const auto& listener : listeners_) {
      asio::post(listener->acceptor.get_executor(), [l = listener.get()] {
        boost::system::error_code ignored;
        l->acceptor.close(ignored);
        l->room.cancel();
      });
    }
    shared_->connections.close_all(ConnectionList::Mode::kIfIdle);
    if (!shared_->connections.wait_until_empty(shared_->options.drain_timeout)) {
      util::log_warn("Closing connections that did not finish in time", {{"connections", shared_->connections.size()}});
      shared_->connections.close_all(ConnectionList::Mode::kNow);
    }
    tasks_.stop();
  }

  [[nodiscard]] ServerCounts counts() const noexcept { return {shared_->accepted.load(), shared_->closed.load()}; }

  std::vector<std::uint16_t> ports;

 private:
  struct Listener {
    explicit Listener(tcp::acceptor a) : acceptor(std::move(a)), room(acceptor.get_executor()) {
      room.expires_at(asio::steady_timer::time_point::max());
    }
    tcp::acceptor acceptor;
    asio::steady_timer room;  // Cancelled whenever a connection has gone. On the acceptor's strand.
  };

  // A listener that waits for room looks again.
  void ring_all() {
    if (!waiting_for_room_.exchange(false)) return;
    for (const auto& listener : listeners_) {
      asio::post(listener->acceptor.get_executor(), [l = listener.get()] { l->room.cancel(); });
    }
  }

  async::Task<void> accept_loop(Listener* listener) {
    while (!shared_->draining) {
      // Excess clients wait in the kernel's queue and not in our memory.
      waiting_for_room_ = true;
      if (shared_->connections.size() >= shared_->options.connections_max) {
        listener->room.expires_after(kAcceptBackoff);
        co_await listener->room.async_wait(kAwait);
        continue;
      }
      waiting_for_room_ = false;
      auto strand = asio::make_strand(runtime_.context());
      auto [ec, socket] = co_await listener->acceptor.async_accept(asio::any_io_executor(strand), kAwait);
      if (shared_->draining) break;
      if (ec) {
        util::log_warn("Accepting a connection failed", {{"err", ec.message()}});
        listener->room.expires_after(kAcceptBackoff);
        co_await listener->room.async_wait(kAwait);
        continue;
      }
      boost::beast::tcp_stream stream(std::move(socket));
      auto task = serve_connection(shared_, std::move(stream));
      tasks_.spawn_on(strand, std::move(task));
    }
    co_return util::Result<void>();
  }

  async::Runtime& runtime_;
  async::TaskGroup tasks_;
  const std::shared_ptr<ServerShared> shared_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> waiting_for_room_{false};
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { stop(); }

util::Result<std::unique_ptr<Server>> Server::listen(ServerOptions options, async::Runtime& runtime,
                                                     util::WorkerPool& handlers) {
  auto impl = std::make_unique<Impl>(std::move(options), runtime, handlers);
  NX_TRY(impl->open());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::start(Router router, RequestObserver observer) { impl_->start(std::move(router), std::move(observer)); }
void Server::stop() { impl_->stop(); }
const std::vector<std::uint16_t>& Server::ports() const noexcept { return impl_->ports; }
ServerCounts Server::counts() const noexcept { return impl_->counts(); }

}  // namespace narthex::http
