#include "http/connection.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>

#include "http/writer.h"
#include "narthex/util/clock.h"
#include "narthex/util/log.h"

namespace narthex::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using async::Task;
using Parser = beast::http::request_parser<beast::http::string_body>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kFirstReadBytes = 2048;            // All that an idle connection holds besides its socket.
constexpr std::size_t kPipeBytesMax = 1U << 20U;
constexpr std::chrono::seconds kBodyWindow{10};
constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

// Wakes the connection's coroutine when the pipe has changed. The timer never fires by itself; moving its expiry
// ends the wait. Threads: notify() from any thread, the rest on the connection's strand.
class Bell : public std::enable_shared_from_this<Bell> {
 public:
  explicit Bell(const asio::any_io_executor& executor) : timer_(executor) {
    timer_.expires_at(asio::steady_timer::time_point::max());
  }
  void notify() {
    if (pending_.exchange(true)) return;  // A wake-up is on its way already.
    asio::post(timer_.get_executor(), [self = shared_from_this()] {
      self->timer_.expires_at(asio::steady_timer::time_point::min());
    });
  }
  // Returns after a notify() that came since the last wait.
  asio::awaitable<void> wait() {
    co_await timer_.async_wait(kAwait);
    timer_.expires_at(asio::steady_timer::time_point::max());
    pending_ = false;
  }

 private:
  asio::steady_timer timer_;
  std::atomic<bool> pending_{false};
};

// Ends the request's stop token when the client closes its side while the handler is at work.
class HangUpWatch {
 public:
  HangUpWatch(beast::tcp_stream& stream, std::stop_source stop) : state_(std::make_shared<State>(stream, std::move(stop))) {
    arm(state_);
  }
  ~HangUpWatch() {
    state_->done = true;
    boost::system::error_code ignored;
    state_->socket.cancel(ignored);
  }
  HangUpWatch(const HangUpWatch&) = delete;
  HangUpWatch& operator=(const HangUpWatch&) = delete;

 private:
  struct State {
    State(beast::tcp_stream& stream, std::stop_source s)
        : socket(stream.socket()), executor(stream.get_executor()), stop(std::move(s)) {}
    asio::ip::tcp::socket& socket;  // Outlives the watch, and `done` is set before it goes.
    asio::any_io_executor executor;
    std::stop_source stop;
    bool done = false;
  };
  static void arm(const std::shared_ptr<State>& state) {
    auto on_readable = [state](const boost::system::error_code& ec) {
      if (ec || state->done) return;
      std::array<char, 1> byte{};
      boost::system::error_code peek_ec;
      const std::size_t got =
          state->socket.receive(asio::buffer(byte), asio::ip::tcp::socket::message_peek, peek_ec);
      // More bytes are the next request, pipelined: the client is there. We look no further.
      if (peek_ec || got == 0) state->stop.request_stop();
    };
    state->socket.async_wait(asio::ip::tcp::socket::wait_read,
                             asio::bind_executor(state->executor, std::move(on_readable)));
  }
  std::shared_ptr<State> state_;
};

class Connection {
 public:
  Connection(std::shared_ptr<ServerShared> shared, beast::tcp_stream stream)
      : shared_(std::move(shared)), stream_(std::move(stream)) {
    boost::system::error_code ec;
    const auto remote = stream_.socket().remote_endpoint(ec);
    if (!ec) {
      remote_address_ = remote.address().is_v6() ? fmt::format("[{}]:{}", remote.address().to_string(), remote.port())
                                                 : fmt::format("{}:{}", remote.address().to_string(), remote.port());
    }
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), ec);
    shared_->accepted.fetch_add(1);
    ticket_ = shared_->connections.add(stream_.get_executor(), [this](ConnectionList::Mode mode) {
      if (mode == ConnectionList::Mode::kNow || idle_) stream_.close();
    });
  }
  ~Connection() {
    shared_->closed.fetch_add(1);
    shared_->connections.remove(ticket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Task<void> run();

 private:
  enum class Next : std::uint8_t { kContinue, kClose };

  Task<bool> wait_for_request();
  Task<Next> one_request();
  Task<bool> read_body(Parser* parser);
  Task<Next> answer(Request request, const Route* route, AnswerForm form);
  Task<Next> refuse(int status, std::string text, std::string allow);
  Task<bool> write_pipe(std::shared_ptr<ResponsePipe> pipe, std::shared_ptr<Bell> bell);
  Task<bool> write_all(std::string bytes);
  void observe(std::string_view method, std::string_view pattern, int status, std::uint64_t body_bytes) const;

  const std::shared_ptr<ServerShared> shared_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::string remote_address_;
  util::SteadyNs request_start_ns_ = 0;
  ConnectionList::Ticket ticket_ = 0;
  bool idle_ = false;
};

Task<void> Connection::run() {
  while (!shared_->draining) {
    NX_CO_ASSIGN(const bool has_request, co_await wait_for_request());
    if (!has_request) break;
    request_start_ns_ = util::system_clock().steady_ns();
    NX_CO_ASSIGN(const Next next, co_await one_request());
    if (next == Next::kClose) break;
  }
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  co_return util::Result<void>();
}

// True when the first bytes of a request are in the buffer.
Task<bool> Connection::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  buffer_ = beast::flat_buffer();  // An idle connection keeps no memory.
  stream_.expires_after(shared_->options.idle_timeout);
  std::array<char, kFirstReadBytes> first;
  idle_ = true;
  const auto [ec, got] = co_await stream_.async_read_some(asio::buffer(first), kAwait);
  idle_ = false;
  if (ec || got == 0) co_return false;
  buffer_.commit(asio::buffer_copy(buffer_.prepare(got), asio::buffer(first, got)));
  co_return true;
}

Task<Connection::Next> Connection::one_request() {
  auto parser = std::make_unique<Parser>();
  parser->header_limit(shared_->options.header_bytes_max);
  parser->body_limit(boost::none);
  stream_.expires_after(shared_->options.header_timeout);
  const auto [ec, unused] = co_await beast::http::async_read_header(stream_, buffer_, *parser, kAwait);
  static_cast<void>(unused);
  if (ec) {
    if (ec == beast::http::error::header_limit || ec == beast::http::error::buffer_overflow) {
      co_return co_await refuse(431, "request header too large\n", {});
    }
    if (ec == beast::error::timeout) co_return Next::kClose;
    if (ec.category() == beast::http::make_error_code(beast::http::error::bad_method).category() &&
        ec != beast::http::error::end_of_stream && ec != beast::http::error::partial_message) {
      co_return co_await refuse(400, "400 Bad Request\n", {});
    }
    co_return Next::kClose;
  }

  Request request;
  request.method = std::string(parser->get().method_string());
  request.target = std::string(parser->get().target());
  request.remote_address = remote_address_;
  for (const auto& field : parser->get()) {
    request.headers.add(std::string(field.name_string()), std::string(field.value()));
  }
  std::string_view target = request.target;
  if (const std::size_t scheme = target.find("://"); scheme != std::string_view::npos && !target.starts_with('/')) {
    const std::size_t slash = target.find('/', scheme + 3);  // Absolute form: the path begins behind the authority.
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  const std::size_t question = target.find('?');
  const std::string raw_path(target.substr(0, question));
  if (question != std::string_view::npos) request.query = std::string(target.substr(question + 1));
  auto decoded = percent_decode(raw_path);
  if (!decoded) co_return co_await refuse(400, "400 Bad Request\n", {});
  request.path = std::move(*decoded);

  AnswerForm form;
  form.head_only = request.method == "HEAD";
  form.chunks = parser->get().version() >= 11;
  form.keep_alive = parser->get().keep_alive() && !shared_->draining;

  Router::Match match = shared_->router.match(request.method, raw_path);
  request.path_params = std::move(match.params);
  const std::size_t body_max = match.route != nullptr ? match.route->body_bytes_max : 0;
  parser->body_limit(std::max<std::size_t>(body_max, 1));
  if (const auto length = parser->content_length(); length && *length > body_max && *length > 0) {
    if (match.outcome == Router::Outcome::kFound) co_return co_await refuse(413, "http: request body too large\n", {});
    form.keep_alive = false;  // We do not read a body that nobody wants.
  } else {
    if (equals_ignoring_case(request.headers.get("Expect"), "100-continue") && !parser->is_done()) {
      std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      NX_CO_ASSIGN(const bool sent, co_await write_all(std::move(go_on)));
      if (!sent) co_return Next::kClose;
    }
    NX_CO_ASSIGN(const bool whole, co_await read_body(parser.get()));
    if (!whole) co_return co_await refuse(413, "http: request body too large or too slow\n", {});
  }
  request.body = std::move(parser->get().body());
  parser.reset();

  if (match.outcome == Router::Outcome::kMethodNotAllowed) {
    co_return co_await refuse(405, "Method Not Allowed\n", std::move(match.allow));
  }
  if (match.outcome == Router::Outcome::kNotFound) {
    co_return co_await refuse(404, "404 page not found\n", {});
  }
  if (match.route->compress == Compress::kIfAccepted) {
    form.vary_encoding = true;
    form.encoding = choose_encoding(request.headers.get("Accept-Encoding"));
  }
  co_return co_await answer(std::move(request), match.route, form);
}

// False when the body is too large, too slow, or the client left.
Task<bool> Connection::read_body(Parser* parser) {
  const std::uint64_t window_bytes_min =
      shared_->options.body_bytes_per_second_min * static_cast<std::uint64_t>(kBodyWindow.count());
  auto window_end = std::chrono::steady_clock::now() + kBodyWindow;
  std::uint64_t window_bytes = 0;
  while (!parser->is_done()) {
    stream_.expires_at(window_end);
    const auto [ec, got] = co_await beast::http::async_read_some(stream_, buffer_, *parser, kAwait);
    if (ec) co_return false;
    window_bytes += got;
    if (std::chrono::steady_clock::now() >= window_end - std::chrono::milliseconds(50) || window_bytes >= window_bytes_min) {
      if (window_bytes < window_bytes_min && !parser->is_done()) co_return false;
      window_end = std::chrono::steady_clock::now() + kBodyWindow;
      window_bytes = 0;
    }
  }
  co_return true;
}

Task<Connection::Next> Connection::answer(Request request, const Route* route, AnswerForm form) {
  const auto executor = co_await asio::this_coro::executor;
  auto bell = std::make_shared<Bell>(executor);
  auto pipe = std::make_shared<ResponsePipe>(kPipeBytesMax, [bell] { bell->notify(); });
  auto writer = std::make_shared<PipeWriter>(pipe, form);
  std::stop_source stop;
  request.stop = stop.get_token();
  const std::string method = request.method;

  auto run = [request = std::move(request), route, writer]() mutable {
    // A handler that throws is a bug of ours or of a library; it must cost one request and not the process.
    try {
      route->handler(request, *writer);
    } catch (const std::exception& e) {
      util::log_error("Request handler failed", {{"route", route->pattern}, {"err", e.what()}});
      writer->abort();
    }
    writer->complete();
  };
  if (!shared_->handlers->try_submit(std::move(run))) {
    co_return co_await refuse(503, "server is overloaded: too many requests are waiting\n", {});
  }
  bool delivered = false;
  {
    const HangUpWatch watch(stream_, stop);
    NX_CO_ASSIGN(delivered, co_await write_pipe(pipe, bell));
  }
  pipe->close();
  if (!delivered) stop.request_stop();
  // The pipe has said finished or the producer will only see kCanceled: its figures are final in the first case.
  if (delivered) observe(method, route->pattern, writer->status(), writer->body_bytes());
  co_return delivered && form.keep_alive && writer->reusable() ? Next::kContinue : Next::kClose;
}

// Moves the pipe's bytes to the socket until it is finished. False when the answer could not be delivered whole.
Task<bool> Connection::write_pipe(std::shared_ptr<ResponsePipe> pipe, std::shared_ptr<Bell> bell) {
  for (;;) {
    ResponsePipe::Taken taken = pipe->take();
    if (!taken.bytes.empty()) {
      NX_CO_ASSIGN(const bool sent, co_await write_all(std::move(taken.bytes)));
      if (!sent) co_return false;
    }
    if (taken.finished) co_return !taken.aborted;
    co_await bell->wait();
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return false;
  }
}

// False on a broken connection or when the client takes nothing for the progress timeout.
Task<bool> Connection::write_all(std::string bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    stream_.expires_after(shared_->options.progress_timeout);
    const auto [ec, n] =
        co_await stream_.async_write_some(asio::buffer(bytes.data() + sent, bytes.size() - sent), kAwait);
    if (ec) co_return false;
    sent += n;
  }
  stream_.expires_never();
  co_return true;
}

// Answers without a handler. The connection is closed behind errors that leave its framing in doubt.
Task<Connection::Next> Connection::refuse(int status, std::string text, std::string allow) {
  const bool close = status != 404 && status != 405 && status != 503;
  auto pipe = std::make_shared<ResponsePipe>(kPipeBytesMax, [] {});
  AnswerForm form;
  form.keep_alive = !close;
  PipeWriter writer(pipe, form);
  if (!allow.empty()) writer.set_header("Allow", allow);
  writer.set_header("X-Content-Type-Options", "nosniff");
  writer.send(status, kPlainText, std::move(text));
  ResponsePipe::Taken taken = pipe->take();
  NX_CO_ASSIGN(const bool sent, co_await write_all(std::move(taken.bytes)));
  observe({}, {}, status, writer.body_bytes());
  co_return sent && !close ? Next::kContinue : Next::kClose;
}

void Connection::observe(std::string_view method, std::string_view pattern, int status, std::uint64_t body_bytes) const {
  if (!shared_->observer) return;
  RequestSummary summary;
  summary.method = method;
  summary.pattern = pattern;
  summary.status = status;
  summary.body_bytes = body_bytes;
  summary.seconds = static_cast<double>(util::system_clock().steady_ns() - request_start_ns_) / 1e9;
  shared_->observer(summary);
}

}  // namespace

ConnectionList::Ticket ConnectionList::add(asio::any_io_executor executor, std::function<void(Mode)> close) {
  const util::MutexLock lock(mutex_);
  const Ticket ticket = next_++;
  entries_.emplace(ticket, Entry{std::move(executor), std::move(close)});
  return ticket;
}

void ConnectionList::remove(Ticket ticket) {
  std::function<void()> call;
  {
    const util::MutexLock lock(mutex_);
    entries_.erase(ticket);
    if (entries_.empty()) gone_.notify_all();
    call = on_remove_;
  }
  if (call) call();
}

std::size_t ConnectionList::size() const {
  const util::MutexLock lock(mutex_);
  return entries_.size();
}

void ConnectionList::close_all(Mode mode) {
  const util::MutexLock lock(mutex_);
  for (const auto& [ticket, entry] : entries_) {
    // On the connection's own strand, where it is also destroyed: found in the list means alive.
    asio::post(entry.executor, [this, mode, key = ticket] {
      std::function<void(Mode)> close;
      {
        const util::MutexLock inner(mutex_);
        const auto it = entries_.find(key);
        if (it != entries_.end()) close = it->second.close;
      }
      if (close) close(mode);
    });
  }
}

void ConnectionList::on_remove(std::function<void()> call) {
  const util::MutexLock lock(mutex_);
  on_remove_ = std::move(call);
}

bool ConnectionList::wait_until_empty(std::chrono::milliseconds timeout) {
  const util::MutexLock lock(mutex_);
  return gone_.wait_for(mutex_, timeout, [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return entries_.empty(); });
}

Task<void> serve_connection(std::shared_ptr<ServerShared> shared, beast::tcp_stream stream) {
  Connection connection(std::move(shared), std::move(stream));
  // Nothing here is an error of ours: a connection that breaks is an ordinary end.
  const auto ended = co_await connection.run();
  static_cast<void>(ended);
  co_return util::Result<void>();
}

}  // namespace narthex::http
