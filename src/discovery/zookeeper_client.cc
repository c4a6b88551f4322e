#include "discovery/zookeeper_client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "narthex/async/alarm.h"

#include "discovery/jute.h"

namespace narthex::discovery {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using util::Code;
using util::fail;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::int32_t kExists = 3;
constexpr std::int32_t kGetData = 4;
constexpr std::int32_t kGetChildren = 8;
constexpr std::int32_t kPing = 11;
constexpr std::int32_t kNumberOfEvents = -1;
constexpr std::int32_t kNumberOfPings = -2;
constexpr std::int32_t kNoNode = -101;
constexpr std::int32_t kNoAuth = -102;

// Servers send at most a megabyte unless they are told otherwise.
constexpr std::size_t kFrameBytesMax = std::size_t{4} << 20U;
constexpr std::size_t kEventsMax = 200'000;
constexpr std::chrono::milliseconds kTimeoutMin{1'000};
constexpr std::chrono::milliseconds kTimeoutMax{300'000};

std::unexpected<util::Error> failed(std::string_view what, const error_code& ec) {
  const Code code = ec == asio::error::operation_aborted ? Code::kCanceled : Code::kIo;
  return fail(code, fmt::format("zookeeper: {}: {}", what, ec.message()));
}

async::Task<void> check_cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    co_return fail(Code::kCanceled, "zookeeper: canceled");
  co_return util::Result<void>();
}

struct HostPort {
  std::string host;
  std::string port = "2181";
};

HostPort split(std::string_view address) {
  HostPort out;
  const std::size_t colon = address.rfind(':');
  const bool is_bare = colon == std::string_view::npos || address.ends_with(']');
  out.host = is_bare ? address : address.substr(0, colon);
  if (!is_bare) out.port = address.substr(colon + 1);
  if (out.host.starts_with('[') && out.host.ends_with(']'))
    out.host = out.host.substr(1, out.host.size() - 2);
  return out;
}

// A lookup that outlives its waiter: the system's resolver cannot be interrupted.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor)
      : resolver(executor), done(executor, asio::steady_timer::time_point::max()) {}
  tcp::resolver resolver;
  asio::steady_timer done;  // Cancelled when there is a result.
  error_code ec = asio::error::timed_out;
  tcp::resolver::results_type results;
};

}  // namespace

struct ZookeeperClient::Connection {
  explicit Connection(const asio::any_io_executor& executor) : socket(executor) {}
  tcp::socket socket;
};

namespace {

async::Task<tcp::resolver::results_type> look_up(std::string address, util::Clock* clock,
                                                 util::SteadyNs deadline) {
  const auto executor = co_await asio::this_coro::executor;
  NX_CO_TRY(co_await check_cancelled());
  const HostPort where = split(address);
  auto lookup = std::make_shared<Lookup>(executor);
  auto on_result = [lookup](const error_code& ec, tcp::resolver::results_type results) {
    lookup->ec = ec;
    lookup->results = std::move(results);
    lookup->done.cancel();
  };
  lookup->resolver.async_resolve(where.host, where.port, std::move(on_result));
  auto ring = [lookup] { lookup->done.cancel(); };
  const async::Alarm alarm(executor, clock, deadline, std::move(ring));
  const auto waited = co_await lookup->done.async_wait(kAwait);
  static_cast<void>(waited);  // Always "cancelled"; what happened stands in the lookup.
  NX_CO_TRY(co_await check_cancelled());
  if (lookup->ec) co_return failed("lookup " + where.host, lookup->ec);
  co_return std::move(lookup->results);
}

async::Task<void> dial(tcp::socket* socket, std::string address, util::Clock* clock,
                       util::SteadyNs deadline) {
  NX_CO_ASSIGN(const auto endpoints, co_await look_up(address, clock, deadline));
  const auto executor = co_await asio::this_coro::executor;
  bool is_late = false;
  auto ring = [socket, &is_late] {
    is_late = true;
    error_code ignored;
    socket->close(ignored);
  };
  const async::Alarm alarm(executor, clock, deadline, std::move(ring));
  error_code last = asio::error::host_not_found;
  for (const auto& entry : endpoints) {
    NX_CO_TRY(co_await check_cancelled());
    error_code ignored;
    socket->close(ignored);
    const auto [ec] = co_await socket->async_connect(entry.endpoint(), kAwait);
    last = is_late ? error_code(asio::error::timed_out) : ec;
    if (!last || is_late) break;
  }
  NX_CO_TRY(co_await check_cancelled());
  if (last) co_return failed("connect to " + address, last);
  socket->set_option(tcp::no_delay(true), last);  // Slower without, not broken.
  co_return util::Result<void>();
}

}  // namespace

ZookeeperClient::ZookeeperClient(std::unique_ptr<Connection> connection, util::Clock* clock)
    : connection_(std::move(connection)), clock_(clock) {}

ZookeeperClient::~ZookeeperClient() = default;

async::Task<std::unique_ptr<ZookeeperClient>> ZookeeperClient::connect(
    std::string address, std::chrono::milliseconds timeout, util::Clock* clock) {
  timeout = std::clamp(timeout, kTimeoutMin, kTimeoutMax);
  const auto executor = co_await asio::this_coro::executor;
  auto connection = std::make_unique<Connection>(executor);
  const util::SteadyNs deadline = clock->steady_ns() + std::chrono::nanoseconds(timeout).count();
  NX_CO_TRY(co_await dial(&connection->socket, std::move(address), clock, deadline));
  std::unique_ptr<ZookeeperClient> client(new ZookeeperClient(std::move(connection), clock));
  NX_CO_TRY(co_await client->open_session(timeout));
  co_return client;
}

async::Task<void> ZookeeperClient::open_session(std::chrono::milliseconds timeout) {
  timeout_ns_ = std::chrono::nanoseconds(timeout).count();
  JuteWriter hello;
  hello.int32(0).int64(0).int32(static_cast<std::int32_t>(timeout.count())).int64(0);
  hello.text(std::string(16, '\0')).flag(false);  // Of no session yet; not read-only.
  NX_CO_TRY(co_await send(hello.frame()));
  NX_CO_ASSIGN(const auto frame, co_await receive(clock_->steady_ns() + timeout_ns_));
  if (!frame) co_return fail(Code::kTimeout, "zookeeper: no session in time");
  JuteReader answer(*frame);
  answer.int32();  // The protocol's version.
  const std::chrono::milliseconds granted(answer.int32());
  if (!answer.is_sound() || granted.count() <= 0)
    co_return fail(Code::kInvalidArgument, "zookeeper: no session was granted");
  timeout_ns_ = std::chrono::nanoseconds(std::clamp(granted, kTimeoutMin, kTimeoutMax)).count();
  co_return util::Result<void>();
}

async::Task<void> ZookeeperClient::send(std::string frame) {
  NX_CO_TRY(co_await check_cancelled());
  const auto executor = co_await asio::this_coro::executor;
  tcp::socket& socket = connection_->socket;
  auto ring = [&socket] {
    error_code ignored;
    socket.close(ignored);
  };
  const async::Alarm alarm(executor, clock_, clock_->steady_ns() + timeout_ns_, std::move(ring));
  const auto [ec, bytes] = co_await asio::async_write(socket, asio::buffer(frame), kAwait);
  static_cast<void>(bytes);
  NX_CO_TRY(co_await check_cancelled());
  if (ec == asio::error::operation_aborted)
    co_return fail(Code::kTimeout, "zookeeper: the server takes nothing");
  if (ec) co_return failed("write", ec);
  sent_at_ = clock_->steady_ns();
  co_return util::Result<void>();
}

util::Result<std::optional<std::string>> ZookeeperClient::take_frame() {
  if (received_.size() < 4) return std::optional<std::string>();
  JuteReader head(received_);
  const std::int32_t size = head.int32();
  if (size < 0 || static_cast<std::size_t>(size) > kFrameBytesMax)
    return fail(Code::kLimitExceeded, fmt::format("zookeeper: a message of {} bytes", size));
  const std::size_t bytes = static_cast<std::size_t>(size);
  if (received_.size() < 4 + bytes) return std::optional<std::string>();
  std::optional<std::string> frame(received_.substr(4, bytes));
  received_.erase(0, 4 + bytes);
  return frame;
}

async::Task<std::optional<std::string>> ZookeeperClient::receive(util::SteadyNs until) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::socket& socket = connection_->socket;
  std::array<char, 16384> piece{};
  for (;;) {
    NX_CO_TRY(co_await check_cancelled());
    NX_CO_ASSIGN(auto frame, take_frame());
    if (frame) co_return frame;
    if (clock_->steady_ns() >= until) co_return std::optional<std::string>();
    auto ring = [&socket] {
      error_code ignored;
      socket.cancel(ignored);  // Nothing that has come is lost.
    };
    const async::Alarm alarm(executor, clock_, until, std::move(ring));
    const auto [ec, bytes] = co_await socket.async_read_some(asio::buffer(piece), kAwait);
    if (ec == asio::error::operation_aborted) continue;  // Of the two above one is so now.
    if (ec) co_return failed("read", ec);
    received_.append(piece.data(), bytes);
    heard_at_ = clock_->steady_ns();
  }
}

util::Result<void> ZookeeperClient::note_event(std::string_view body) {
  JuteReader in(body);
  const std::int32_t type = in.int32();
  in.int32();  // The state of the session.
  const std::string path(in.text());
  if (!in.is_sound()) return fail(Code::kInvalidArgument, "zookeeper: an event that is cut off");
  if (type < 1 || type > 4) return {};  // Of the session, not of a node.
  if (events_.size() == kEventsMax) return fail(Code::kLimitExceeded, "zookeeper: too many events");
  events_.push_back({.change = static_cast<ZookeeperChange>(type - 1), .path = path});
  return {};
}

async::Task<ZookeeperClient::Reply> ZookeeperClient::call(std::int32_t operation,
                                                          std::string path) {
  request_ = request_ == INT32_MAX ? 1 : request_ + 1;
  JuteWriter request;
  request.int32(request_).int32(operation).text(path).flag(true);  // Watched.
  const util::SteadyNs deadline = clock_->steady_ns() + timeout_ns_;
  NX_CO_TRY(co_await send(request.frame()));
  for (;;) {
    NX_CO_ASSIGN(const auto frame, co_await receive(deadline));
    if (!frame) co_return fail(Code::kTimeout, "zookeeper: no answer in time");
    JuteReader in(*frame);
    const std::int32_t number = in.int32();
    in.int64();  // The transaction.
    const std::int32_t error = in.int32();
    if (!in.is_sound()) co_return fail(Code::kInvalidArgument, "zookeeper: an answer is cut off");
    if (number == kNumberOfEvents) NX_CO_TRY(note_event(in.rest()));
    if (number == kNumberOfEvents || number == kNumberOfPings) continue;
    if (number != request_)
      co_return fail(Code::kInvalidArgument, "zookeeper: an answer to something else");
    Reply reply;
    reply.error = error;
    reply.body = in.rest();
    co_return reply;
  }
}

async::Task<std::optional<std::string>> ZookeeperClient::read_node(std::int32_t operation,
                                                                   std::string path) {
  NX_CO_ASSIGN(Reply reply, co_await call(operation, path));
  if (reply.error == kNoNode || reply.error == kNoAuth) co_return std::optional<std::string>();
  if (reply.error != 0)
    co_return fail(Code::kIo, fmt::format("zookeeper: {}: error {}", path, reply.error));
  co_return std::optional<std::string>(std::move(reply.body));
}

async::Task<std::optional<std::string>> ZookeeperClient::data(std::string path) {
  NX_CO_ASSIGN(auto body, co_await read_node(kGetData, std::move(path)));
  if (!body) co_return std::optional<std::string>();
  JuteReader in(*body);
  std::optional<std::string> out(in.text());
  if (!in.is_sound()) co_return fail(Code::kInvalidArgument, "zookeeper: data that are cut off");
  co_return out;
}

async::Task<std::optional<std::vector<std::string>>> ZookeeperClient::children(std::string path) {
  NX_CO_ASSIGN(auto body, co_await read_node(kGetChildren, std::move(path)));
  if (!body) co_return std::optional<std::vector<std::string>>();
  JuteReader in(*body);
  std::optional<std::vector<std::string>> out(in.texts());
  if (!in.is_sound()) co_return fail(Code::kInvalidArgument, "zookeeper: a list that is cut off");
  co_return out;
}

async::Task<bool> ZookeeperClient::exists(std::string path) {
  NX_CO_ASSIGN(const auto body, co_await read_node(kExists, std::move(path)));
  co_return body.has_value();
}

async::Task<std::vector<ZookeeperEvent>> ZookeeperClient::events() {
  while (events_.empty()) {
    NX_CO_ASSIGN(const auto frame, co_await receive(sent_at_ + timeout_ns_ / 3));
    if (!frame) {
      if (clock_->steady_ns() - heard_at_ >= timeout_ns_ * 2 / 3)
        co_return fail(Code::kTimeout, "zookeeper: the server is silent");
      JuteWriter ping;
      ping.int32(kNumberOfPings).int32(kPing);
      NX_CO_TRY(co_await send(ping.frame()));
      continue;
    }
    JuteReader in(*frame);
    const std::int32_t number = in.int32();
    in.int64();
    in.int32();
    if (!in.is_sound()) co_return fail(Code::kInvalidArgument, "zookeeper: an answer is cut off");
    if (number == kNumberOfEvents) NX_CO_TRY(note_event(in.rest()));
  }
  co_return std::exchange(events_, {});
}

}  // namespace narthex::discovery
