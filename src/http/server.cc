#include "narthex/http/server.h"

#include <atomic>
#include <charconv>
#include <utility>

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "narthex/async/runtime.h"
#include "narthex/async/task.h"
#include "narthex/util/check.h"
#include "narthex/util/log.h"

#include "http/session.h"

namespace narthex::http {
namespace {

using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// When accept() fails for want of something, such as file descriptors.
constexpr std::chrono::milliseconds kAcceptPause{100};

struct HostPort {
  std::string host;  // Empty: every address of this machine.
  std::string port;
};

util::Result<HostPort> split_address(const std::string& address) {
  const auto bad = [&address](std::string_view why) {
    return util::fail(util::Code::kInvalidArgument,
                      fmt::format("listen address \"{}\": {}", address, why));
  };
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return bad("missing port");
  HostPort out{address.substr(0, colon), address.substr(colon + 1)};
  std::uint16_t port = 0;
  const char* const end = out.port.data() + out.port.size();
  const auto [rest, ec] = std::from_chars(out.port.data(), end, port);
  if (ec != std::errc() || rest != end) return bad("not a port number");
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  } else if (out.host.find(':') != std::string::npos) {
    return bad("IPv6 addresses stand in brackets");
  }
  return out;
}

util::Error listen_error(const std::string& address, std::string_view step,
                         const boost::system::error_code& ec) {
  const auto code = ec == boost::system::errc::address_in_use      ? util::Code::kAlreadyExists
                    : ec == boost::system::errc::permission_denied ? util::Code::kPermissionDenied
                                                                   : util::Code::kIo;
  return {code, fmt::format("listen tcp {}: {}: {}", address, step, ec.message())};
}

// Binds one endpoint; the error names the step that failed.
boost::system::error_code bind_endpoint(tcp::acceptor& acceptor, const tcp::endpoint& endpoint,
                                        std::string_view& step) {
  boost::system::error_code ec;
  step = "socket";
  acceptor.open(endpoint.protocol(), ec);
  if (ec) return ec;
  acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (ec) return ec;
  // ":9090" means both families.
  if (endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
    acceptor.set_option(asio::ip::v6_only(false), ec);
    if (ec) return ec;
  }
  step = "bind";
  acceptor.bind(endpoint, ec);
  if (ec) return ec;
  step = "listen";
  acceptor.listen(asio::socket_base::max_listen_connections, ec);
  return ec;
}

util::Result<std::vector<tcp::endpoint>> endpoints_of(const asio::any_io_executor& executor,
                                                      const std::string& address) {
  NX_ASSIGN(const HostPort target, split_address(address));
  std::uint16_t port = 0;
  std::from_chars(target.port.data(), target.port.data() + target.port.size(), port);
  if (target.host.empty()) {
    return std::vector<tcp::endpoint>{{asio::ip::address_v6::any(), port},
                                      {asio::ip::address_v4::any(), port}};
  }
  boost::system::error_code ec;
  tcp::resolver resolver(executor);
  const auto found = resolver.resolve(target.host, target.port, tcp::resolver::passive, ec);
  if (ec) return std::unexpected(listen_error(address, "lookup", ec));
  return std::vector<tcp::endpoint>(found.begin(), found.end());
}

// The first endpoint that can be had.
util::Result<tcp::acceptor> open_acceptor(const asio::any_io_executor& executor,
                                          const std::string& address) {
  NX_ASSIGN(const auto endpoints, endpoints_of(executor, address));
  boost::system::error_code first;
  std::string_view first_step = "lookup";
  for (const tcp::endpoint& endpoint : endpoints) {
    tcp::acceptor acceptor(executor);
    std::string_view step;
    const auto ec = bind_endpoint(acceptor, endpoint, step);
    if (!ec) return acceptor;
    // A port that is taken in one family is not looked for in the other.
    if (!first || ec == boost::system::errc::address_in_use) {
      first = ec;
      first_step = step;
    }
    if (ec == boost::system::errc::address_in_use) break;
  }
  return std::unexpected(listen_error(address, first_step, first));
}

// A socket that somebody else bound and listens on.
util::Result<tcp::acceptor> adopt_acceptor(const asio::any_io_executor& executor, int socket) {
  const auto bad = [socket](std::string_view why) {
    return util::fail(util::Code::kIo, fmt::format("inherited socket {}: {}", socket, why));
  };
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &bytes) != 0)
    return bad("is no socket");
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return bad("is not for TCP");
  tcp::acceptor acceptor(executor);
  boost::system::error_code ec;
  acceptor.assign(address.ss_family == AF_INET ? tcp::v4() : tcp::v6(), socket, ec);
  if (ec) return bad(ec.message());
  return acceptor;
}

}  // namespace

// Accepts the connections of one address. Threads: confined to its strand, except where noted.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(std::shared_ptr<ServerContext> context, async::TaskGroup& tasks, async::Runtime& runtime,
           tcp::acceptor acceptor)
      : context_(std::move(context)),
        tasks_(tasks),
        runtime_(runtime),
        acceptor_(std::move(acceptor)),
        pause_(acceptor_.get_executor()) {}

  static async::Task<void> run(std::shared_ptr<Listener> self);

  // From any thread: there may be room for another connection; stop accepting.
  void on_room() {
    if (!waits_for_room_.exchange(false)) return;
    asio::post(strand(), [self = shared_from_this()] { self->pause_.cancel(); });
  }
  void close() {
    asio::post(strand(), [self = shared_from_this()] {
      boost::system::error_code ignored;  // The acceptor is of no use any more, whatever this says.
      self->acceptor_.close(ignored);
      self->pause_.cancel();
    });
  }
  [[nodiscard]] asio::any_io_executor strand() { return acceptor_.get_executor(); }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  async::Task<bool> wait_for_room();

  const std::shared_ptr<ServerContext> context_;
  async::TaskGroup& tasks_;
  async::Runtime& runtime_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::atomic<bool> waits_for_room_{false};
};

// False once the server stops.
async::Task<bool> Listener::wait_for_room() {
  SessionList& sessions = *context_->sessions;
  while (sessions.size() >= context_->options.connections_max) {
    if (context_->stopping) co_return false;
    waits_for_room_ = true;
    // Looked at again with the flag up: whoever leaves from now on wakes us.
    if (sessions.size() < context_->options.connections_max) break;
    static_cast<void>(sessions.shed_one());
    pause_.expires_at(asio::steady_timer::time_point::max());
    static_cast<void>(co_await pause_.async_wait(kAwait));
  }
  waits_for_room_ = false;
  co_return !context_->stopping;
}

async::Task<void> Listener::run(std::shared_ptr<Listener> self) {
  while (!self->context_->stopping) {
    // First somebody who wants in, then room for him: else one idle connection too many would be
    // shed for nobody.
    const auto [wait_ec] = co_await self->acceptor_.async_wait(tcp::acceptor::wait_read, kAwait);
    if (wait_ec) break;
    const auto room = co_await self->wait_for_room();
    if (!room || !*room) break;
    const asio::any_io_executor strand = self->runtime_.executor();
    tcp::socket socket(strand);
    const auto [ec] = co_await self->acceptor_.async_accept(socket, kAwait);
    if (self->context_->stopping) break;
    if (ec) {
      util::log_warn("Could not accept a connection", {{"err", ec.message()}});
      self->pause_.expires_after(kAcceptPause);
      static_cast<void>(co_await self->pause_.async_wait(kAwait));
      continue;
    }
    boost::system::error_code
        ignored;  // An answer that is a little late is no reason to refuse it.
    socket.set_option(tcp::no_delay(true), ignored);
    self->context_->accepted.fetch_add(1);
    auto session = std::make_shared<Session>(self->context_, std::move(socket));
    self->context_->sessions->add(session);
    if (!self->tasks_.spawn_on(strand, Session::run(session)))
      self->context_->sessions->remove(*session);
  }
  co_return util::Result<void>();
}

class Server::Impl {
 public:
  Impl(ServerOptions options, async::Runtime& runtime, util::WorkerPool& handlers)
      : runtime_(runtime),
        context_(std::make_shared<ServerContext>()),
        tasks_(runtime.executor(), "http server") {
    context_->options = std::move(options);
    context_->handlers = &handlers;
    // The list lives in the context, which sessions may hold longer than the server lives.
    context_->sessions = std::make_unique<SessionList>([this] {
      for (const auto& listener : listeners_) listener->on_room();
    });
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  util::Result<void> listen() {
    if (context_->options.access) {
      NX_ASSIGN(context_->access, Access::make(context_->options.access, *context_->options.clock));
    }
    for (const std::string& address : context_->options.listen_addresses) {
      NX_ASSIGN(tcp::acceptor acceptor, open_acceptor(runtime_.executor(), address));
      listeners_.push_back(
          std::make_shared<Listener>(context_, tasks_, runtime_, std::move(acceptor)));
      ports_.push_back(listeners_.back()->port());
    }
    for (const int socket : context_->options.inherited_sockets) {
      NX_ASSIGN(tcp::acceptor acceptor, adopt_acceptor(runtime_.executor(), socket));
      listeners_.push_back(
          std::make_shared<Listener>(context_, tasks_, runtime_, std::move(acceptor)));
      ports_.push_back(listeners_.back()->port());
    }
    return {};
  }

  void start(Router router, RequestObserver observer) {
    NX_CHECK(!started_, "the HTTP server was started twice");
    started_ = true;
    context_->router = std::move(router);
    context_->observer = std::move(observer);
    for (const auto& listener : listeners_) {
      NX_CHECK(tasks_.spawn_on(listener->strand(), Listener::run(listener)),
               "the HTTP server was stopped before it was started");
    }
  }

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    context_->stopping = true;
    for (const auto& listener : listeners_) listener->close();
    for (const auto& session : context_->sessions->all()) session->drain();
    if (!context_->sessions->wait_until_empty(context_->options.drain_timeout)) {
      const auto left = context_->sessions->all();
      util::log_warn("Cutting off HTTP requests that did not finish in time",
                     {{"connections", left.size()}});
      for (const auto& session : left) session->kill();
    }
    tasks_.stop();
  }

  [[nodiscard]] const std::vector<std::uint16_t>& ports() const noexcept { return ports_; }
  [[nodiscard]] ServerCounts counts() const noexcept {
    return {context_->accepted, context_->closed};
  }

 private:
  async::Runtime& runtime_;
  const std::shared_ptr<ServerContext> context_;
  async::TaskGroup tasks_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::vector<std::uint16_t> ports_;
  bool started_ = false;
  bool stopped_ = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

util::Result<std::unique_ptr<Server>> Server::listen(ServerOptions options, async::Runtime& runtime,
                                                     util::WorkerPool& handlers) {
  auto impl = std::make_unique<Impl>(std::move(options), runtime, handlers);
  NX_TRY(impl->listen());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::start(Router router, RequestObserver observer) {
  impl_->start(std::move(router), std::move(observer));
}
void Server::stop() {
  impl_->stop();
}
const std::vector<std::uint16_t>& Server::ports() const noexcept {
  return impl_->ports();
}
ServerCounts Server::counts() const noexcept {
  return impl_->counts();
}

}  // namespace narthex::http
