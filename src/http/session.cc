#include "http/session.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <span>

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "narthex/util/log.h"

#include "http/credentials.h"
#include "http/fixed_routes.h"
#include "http/response.h"

namespace narthex::http {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Holds the largest header, and is the unit that bodies are read in.
constexpr std::size_t kBufferBytes = 64U << 10U;
// After a refusal: what we still take so that the client gets to see the answer.
constexpr std::size_t kLingerBytesMax = 1U << 20U;
constexpr std::chrono::milliseconds kLingerTime{1'000};

std::string address_text(const asio::ip::tcp::socket& socket) {
  boost::system::error_code ec;
  const auto endpoint = socket.remote_endpoint(ec);
  if (ec) return {};
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

}  // namespace

void SessionList::add(const std::shared_ptr<Session>& session) {
  const util::MutexLock lock(mutex_);
  session->list_position_ = sessions_.insert(sessions_.end(), session);
}

void SessionList::remove(Session& session) {
  mark_busy(session);
  std::shared_ptr<Session> last;  // Released outside the lock.
  {
    const util::MutexLock lock(mutex_);
    last = std::move(*session.list_position_);
    sessions_.erase(session.list_position_);
    if (sessions_.empty()) emptied_.notify_all();
  }
  on_room_();
}

void SessionList::mark_idle(Session& session) {
  {
    const util::MutexLock lock(mutex_);
    if (session.is_listed_idle_) return;
    session.idle_position_ = idle_.insert(idle_.end(), &session);
    session.is_listed_idle_ = true;
  }
  on_room_();
}

void SessionList::mark_busy(Session& session) {
  const util::MutexLock lock(mutex_);
  if (!session.is_listed_idle_) return;
  idle_.erase(session.idle_position_);
  session.is_listed_idle_ = false;
}

bool SessionList::shed_one() {
  std::shared_ptr<Session> longest;
  {
    const util::MutexLock lock(mutex_);
    if (idle_.empty()) return false;
    longest = idle_.front()->shared_from_this();
    idle_.pop_front();
    longest->is_listed_idle_ = false;
  }
  longest->close_if_idle();
  return true;
}

std::size_t SessionList::size() const {
  const util::MutexLock lock(mutex_);
  return sessions_.size();
}

std::vector<std::shared_ptr<Session>> SessionList::all() const {
  const util::MutexLock lock(mutex_);
  return {sessions_.begin(), sessions_.end()};
}

bool SessionList::wait_until_empty(std::chrono::milliseconds timeout) {
  const util::MutexLock lock(mutex_);
  return emptied_.wait_for(mutex_, timeout,
                           [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return sessions_.empty(); });
}

// A request and its answer in the making; shared by the session and the handler's job.
struct Session::Exchange {
  Exchange(std::move_only_function<void()> wake, Crowding crowding)
      : channel(std::move(wake), std::move(crowding)) {}
  Request request;
  const Route* route = nullptr;
  ResponseFraming framing;
  std::shared_ptr<const AccessOptions> access;  // Owns the headers that `framing` points to.
  ResponseChannel channel;
  std::stop_source stop;
  Clock::time_point begun;
};

Session::Session(std::shared_ptr<ServerContext> context, asio::ip::tcp::socket socket)
    : context_(std::move(context)),
      socket_(std::move(socket)),
      strand_(socket_.get_executor()),
      event_(strand_),
      watchdog_(strand_),
      remote_address_(address_text(socket_)) {}

template <class Action>
void Session::post(Action action) {
  auto on_strand = [self = shared_from_this(), action = std::move(action)]() mutable {
    action(*self);
  };
  asio::post(strand_, std::move(on_strand));
}

void Session::signal() {
  signalled_ = true;
  event_.cancel();
}

async::Task<void> Session::wait_for_signal() {
  while (!signalled_) {
    event_.expires_at(Clock::time_point::max());
    // The error is always "aborted": that is how signals arrive.
    static_cast<void>(co_await event_.async_wait(kAwait));
  }
  signalled_ = false;
  co_return util::Result<void>();
}

void Session::drain() {
  post([](Session& self) {
    self.draining_ = true;
    if (self.idle_) self.close();
  });
}

void Session::kill() {
  post([](Session& self) { self.close(); });
}

void Session::close_if_idle() {
  post([](Session& self) {
    if (self.idle_) self.close();
  });
}

void Session::close() {
  if (closed_) return;
  closed_ = true;
  peer_gone_ = true;
  boost::system::error_code
      ignored;  // There is nothing to do about a socket that does not close cleanly.
  socket_.close(ignored);
  watchdog_.cancel();
  if (current_) {
    current_->stop.request_stop();
    current_->channel.close();
  }
  signal();
}

void Session::set_deadline(std::chrono::milliseconds from_now) {
  deadline_ = Clock::now() + from_now;
  // A watchdog that wakes too early looks at the deadline again: only an earlier one needs it
  // moved.
  if (deadline_ < armed_for_) arm_watchdog();
}

void Session::clear_deadline() {
  deadline_ = Clock::time_point::max();
}

void Session::arm_watchdog() {
  armed_for_ = deadline_;
  watchdog_.expires_at(deadline_);
  auto on_time = [self = shared_from_this()](const boost::system::error_code& ec) {
    if (ec || self->closed_) return;  // Moved, or not needed any more.
    self->armed_for_ = Clock::time_point::max();
    if (self->deadline_ == Clock::time_point::max()) return;
    if (Clock::now() < self->deadline_) {
      self->arm_watchdog();
      return;
    }
    self->close();
  };
  watchdog_.async_wait(std::move(on_time));
}

void Session::watch() {
  if (watching_ || closed_) return;
  watching_ = true;
  auto on_ready = [self = shared_from_this()](const boost::system::error_code& ec) {
    self->on_watch(ec);
  };
  socket_.async_wait(asio::ip::tcp::socket::wait_read, std::move(on_ready));
}

bool Session::has_input() const noexcept {
  return !unread().empty() || (tls_ && !closed_ && tls_->has_pending());
}

void Session::shutdown_tls() noexcept {
  if (tls_ && !closed_) tls_->shutdown();
}

// Records that carry nothing for us, or a part of one, leave the watch as it was.
void Session::look_at_tls() {
  switch (tls_->peek()) {
    case TlsConnection::Peek::kData:
      return signal();
    case TlsConnection::Peek::kNothing:
      return watch();
    case TlsConnection::Peek::kEnd:
      peer_gone_ = true;
      return signal();
  }
}

void Session::on_watch(const boost::system::error_code& ec) {
  watching_ = false;
  if (!ec && !closed_ && tls_) return look_at_tls();
  if (!ec && !closed_) {
    // Bytes are the next request, for later. The end means that nobody waits for an answer any
    // more.
    char byte = 0;
    const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) peer_gone_ = true;
  } else {
    peer_gone_ = true;
  }
  signal();
}

std::string_view Session::unread() const noexcept {
  return {buffer_.get() + buffer_begin_, buffer_end_ - buffer_begin_};
}

async::Task<bool> Session::read_some() {
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  if (buffer_begin_ > 0) {
    std::copy(buffer_.get() + buffer_begin_, buffer_.get() + buffer_end_, buffer_.get());
    buffer_end_ -= buffer_begin_;
    buffer_begin_ = 0;
  }
  if (buffer_end_ == kBufferBytes || closed_) co_return false;
  if (tls_) {
    const std::span<char> space(buffer_.get() + buffer_end_, kBufferBytes - buffer_end_);
    const auto bytes = co_await tls_->read_some(space);
    if (!bytes || *bytes == 0 || closed_) co_return false;
    buffer_end_ += *bytes;
    co_return true;
  }
  const asio::mutable_buffer room(buffer_.get() + buffer_end_, kBufferBytes - buffer_end_);
  const auto [ec, n] = co_await socket_.async_read_some(room, kAwait);
  if (ec || closed_) co_return false;
  buffer_end_ += n;
  co_return true;
}

async::Task<bool> Session::wait_for_request() {
  if (has_input()) co_return !draining_ && !closed_;
  buffer_.reset();
  if (draining_ || closed_) co_return false;
  idle_ = true;
  set_deadline(context_->options.idle_timeout);
  context_->sessions->mark_idle(*this);
  watch();
  while (watching_ && !closed_) {
    const auto waited = co_await wait_for_signal();
    static_cast<void>(waited);
  }
  idle_ = false;
  context_->sessions->mark_busy(*this);
  co_return !closed_ && !peer_gone_;
}

async::Task<bool> Session::read_header(RequestParser* parser) {
  set_deadline(context_->options.header_timeout);
  while (!parser->header_done()) {
    if (unread().empty()) {
      const auto more = co_await read_some();
      if (!more || !*more) co_return false;
    }
    const std::size_t before = unread().size();
    const auto used = parser->put(unread());
    if (!used) {
      const auto refused = co_await refuse(used.error());
      static_cast<void>(refused);
      co_return false;
    }
    buffer_begin_ += *used;
    if (parser->header_done()) break;
    if (*used == before) continue;
    const auto more = co_await read_some();
    if (!more) co_return false;
    if (!*more) {
      if (!closed_ && buffer_end_ - buffer_begin_ == kBufferBytes) {
        const auto refused = co_await refuse(431);
        static_cast<void>(refused);
      }
      co_return false;
    }
  }
  co_return true;
}

async::Task<bool> Session::read_body(RequestParser* parser) {
  if (parser->done()) co_return true;
  if (parser->expects_continue() && unread().empty()) {
    set_deadline(context_->options.progress_timeout);
    std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto told = co_await write_all(std::move(go_on));
    if (!told || !*told) co_return false;
  }
  // Time is handed out in windows; each must bring its share of bytes.
  const auto window = context_->options.body_window;
  const std::size_t window_bytes =
      context_->options.body_bytes_per_second_min * static_cast<std::size_t>(window.count()) / 1000;
  std::size_t received = 0;
  set_deadline(window);
  while (!parser->done()) {
    const std::size_t before = unread().size();
    const auto used = parser->put(unread());
    if (!used) {
      const auto refused = co_await refuse(used.error());
      static_cast<void>(refused);
      co_return false;
    }
    buffer_begin_ += *used;
    received += *used;
    if (parser->done()) break;
    if (*used > 0 && *used < before) continue;
    if (received >= window_bytes) {
      received = 0;
      set_deadline(window);
    }
    const auto more = co_await read_some();
    if (!more || !*more) co_return false;
  }
  co_return true;
}

async::Task<bool> Session::write_all(std::string bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size() && !closed_) {
    const std::string_view rest = std::string_view(bytes).substr(sent);
    if (tls_) {
      const auto n = co_await tls_->write_some(rest);
      if (!n) co_return false;
      sent += *n;
      continue;
    }
    const asio::const_buffer plain(rest.data(), rest.size());
    const auto [ec, n] = co_await socket_.async_write_some(plain, kAwait);
    if (ec) co_return false;
    sent += n;
  }
  co_return !closed_;
}

// Each step that brings bytes to the client earns another progress timeout.
async::Task<bool> Session::write_blocks(std::vector<std::string>* blocks,
                                        ResponseChannel* channel) {
  for (std::string& block : *blocks) {
    std::size_t sent = 0;
    while (sent < block.size()) {
      if (closed_) co_return false;
      set_deadline(context_->options.progress_timeout);
      const std::string_view rest = std::string_view(block).substr(sent);
      if (tls_) {
        const auto n = co_await tls_->write_some(rest);
        if (!n) co_return false;
        sent += *n;
        channel->release(*n);
        continue;
      }
      const asio::const_buffer plain(rest.data(), rest.size());
      const auto [ec, n] = co_await socket_.async_write_some(plain, kAwait);
      if (ec) co_return false;
      sent += n;
      channel->release(n);
    }
    block = std::string();
  }
  co_return true;
}

async::Task<void> Session::refuse(int status) {
  set_deadline(context_->options.progress_timeout);
  const std::string text = fmt::format("{} {}", status, reason_phrase(status));
  WholeAnswer answer;
  answer.status = status;
  answer.text = text;
  std::string whole = whole_answer(answer);
  const auto written = co_await write_all(std::move(whole));
  if (context_->observer) context_->observer({{}, {}, status, 0, text.size()});
  if (written && *written) {
    const auto lingered = co_await linger();
    static_cast<void>(lingered);
  }
  co_return util::Result<void>();
}

// Closing with unread input makes the kernel reset the connection, which may take our answer from
// the client.
async::Task<void> Session::linger() {
  if (closed_) co_return util::Result<void>();
  shutdown_tls();
  boost::system::error_code ec;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
  set_deadline(kLingerTime);
  std::size_t taken = 0;
  while (!ec && !closed_ && taken < kLingerBytesMax) {
    buffer_begin_ = buffer_end_ = 0;
    const auto more = co_await read_some();
    if (!more || !*more) break;
    taken += buffer_end_;
  }
  co_return util::Result<void>();
}

namespace {

void run_handler(const Route& route, const Request& request, Response& response) {
  try {
    route.handler(request, response);
  } catch (const std::exception& e) {
    // Ours do not throw; a library may. It costs this one answer.
    util::log_error("HTTP handler failed", {{"path", request.path}, {"err", e.what()}});
    if (response.started()) response.abort();
  }
  response.finish();
}

}  // namespace

// A certificate has the same time as a header to come through.
async::Task<bool> Session::shake_hands() {
  if (!context_->access || !context_->access->is_tls()) co_return true;
  auto settings = context_->access->tls();
  if (!settings) co_return false;
  set_deadline(context_->options.header_timeout);
  auto tls = std::make_unique<TlsConnection>(std::move(settings), socket_);
  const auto outcome = co_await tls->handshake();
  if (closed_ || !outcome) co_return false;
  if (*outcome == TlsConnection::Handshake::kPlainHttp) {
    std::string told =
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    const auto written = co_await write_all(std::move(told));
    if (written && *written) {
      const auto lingered = co_await linger();
      static_cast<void>(lingered);
    }
  }
  if (*outcome != TlsConnection::Handshake::kDone) co_return false;
  tls_ = std::move(tls);
  co_return true;
}

// Before the body is read: nobody uploads what is refused anyway.
async::Task<int> Session::check_access(const AccessOptions* access, RequestParser* parser) {
  if (!context_->access->admits_request()) co_return 429;
  if (access->users.empty()) co_return 0;
  auto credentials = parse_basic(parser->request().headers.get("Authorization"));
  if (!credentials) co_return 401;
  Authenticator& authenticator = context_->access->authenticator();
  if (const auto known = authenticator.remembered(*access, *credentials))
    co_return *known ? 0 : 401;

  // Touched on the strand only.
  struct Verdict {
    bool is_there = false;
    bool is_admitted = false;
  };
  auto verdict = std::make_shared<Verdict>();
  auto on_verdict = [self = weak_from_this(), strand = strand_, verdict](bool is_admitted) {
    auto on_strand = [self, verdict, is_admitted] {
      verdict->is_there = true;
      verdict->is_admitted = is_admitted;
      if (const auto session = self.lock()) session->signal();
    };
    asio::post(strand, std::move(on_strand));
  };
  if (!authenticator.submit(*access, *std::move(credentials), std::move(on_verdict))) co_return 503;
  set_deadline(context_->options.progress_timeout);
  while (!verdict->is_there && !closed_) {
    const auto waited = co_await wait_for_signal();
    static_cast<void>(waited);
  }
  co_return verdict->is_admitted ? 0 : 401;
}

// Answered at once, without a handler.
async::Task<bool> Session::deny(int status, RequestParser* parser) {
  WholeAnswer whole;
  whole.status = status;
  whole.text = fmt::format("{}\n", reason_phrase(status));
  if (status == 401) whole.fields.emplace_back("WWW-Authenticate", "Basic");
  // As Prometheus has it, the configured headers begin behind the rate limit.
  if (access_ && status != 429) {
    for (const auto& field : access_->headers) whole.fields.push_back(field);
  }
  whole.is_head = parser->request().method == "HEAD";
  // A body that nobody reads would be taken for the next request.
  whole.keep_alive = parser->done() && parser->is_http11() && parser->keep_alive() && !draining_;
  const bool keep_alive = whole.keep_alive;
  if (context_->observer) {
    const std::string_view method = parser->request().method;
    context_->observer({method, {}, status, 0, whole.text.size()});
  }
  set_deadline(context_->options.progress_timeout);
  std::string bytes = whole_answer(whole);
  const auto written = co_await write_all(std::move(bytes));
  clear_deadline();
  if (!written || !*written) co_return false;
  if (!keep_alive) {
    const auto lingered = co_await linger();
    static_cast<void>(lingered);
  }
  co_return keep_alive;
}

async::Task<bool> Session::answer(RequestParser* parser) {
  const auto begun = Clock::now();
  if (context_->access) {
    access_ = context_->access->options();
    int refused_with = 500;
    if (access_) {
      const auto checked = co_await check_access(access_.get(), parser);
      refused_with = checked ? *checked : 500;
    }
    if (closed_) co_return false;
    if (refused_with != 0) {
      const auto kept = co_await deny(refused_with, parser);
      co_return kept && *kept;
    }
  }
  Router::Match match = context_->router.match(parser->request().method, parser->raw_path());
  Route made_up;
  const Route* route = match.route;
  if (auto location = clean_location(parser->raw_path(), parser->request().query)) {
    made_up = moved_to(*std::move(location));
    route = &made_up;
  } else if (match.outcome == Router::Outcome::kMethodNotAllowed) {
    made_up = method_not_allowed(std::move(match.allow));
    route = &made_up;
  } else if (route == nullptr) {
    route = &not_found_route();
  }
  if (!parser->limit_body(route->body_bytes_max)) {
    const auto refused = co_await refuse(413);
    static_cast<void>(refused);
    co_return false;
  }
  const auto have_body = co_await read_body(parser);
  if (!have_body || !*have_body) co_return false;
  clear_deadline();

  auto wake = [self = weak_from_this(), strand = strand_] {
    auto on_strand = [self] {
      if (const auto session = self.lock()) session->signal();
    };
    asio::post(strand, std::move(on_strand));
  };
  auto cut = [self = weak_from_this(), strand = strand_] {
    auto on_strand = [self] {
      if (const auto session = self.lock()) session->close();
    };
    asio::post(strand, std::move(on_strand));
  };
  auto others_wait = [handlers = context_->handlers] { return handlers->queued() > 0; };
  Crowding crowding{std::move(others_wait), std::move(cut),
                    context_->options.crowded_progress_timeout};
  auto pending = std::make_shared<Exchange>(std::move(wake), std::move(crowding));
  pending->route = route;
  pending->begun = begun;
  pending->framing.is_http11 = parser->is_http11();
  pending->framing.keep_alive = parser->keep_alive() && !draining_;
  pending->access = access_;
  if (access_) pending->framing.extra_headers = &access_->headers;
  pending->request = parser->take_request();
  pending->request.remote_address = remote_address_;
  pending->request.path_params = std::move(match.params);
  pending->request.stop = pending->stop.get_token();
  pending->framing.is_head = pending->request.method == "HEAD";
  pending->framing.may_compress = route->compress == Compress::kIfAccepted;
  if (pending->framing.may_compress) {
    pending->framing.encoding = choose_encoding(pending->request.headers.get("Accept-Encoding"));
  }
  const auto kept = co_await exchange(std::move(pending));
  co_return kept && *kept;
}

async::Task<bool> Session::exchange(std::shared_ptr<Exchange> exchange) {
  current_ = exchange;
  auto job = [exchange] {
    Response response(exchange->channel, exchange->framing);
    run_handler(*exchange->route, exchange->request, response);
  };
  if (!context_->handlers->try_submit(std::move(job))) {
    current_.reset();
    const auto refused = co_await refuse(503);
    static_cast<void>(refused);
    co_return false;
  }
  // A pipelined request hides the end of the connection behind it; whoever pipelines waits for the
  // answer.
  if (!has_input()) {
    buffer_.reset();
    watch();
  }
  ResponseChannel::Batch batch;
  bool delivered = true;
  for (;;) {
    batch = exchange->channel.take();
    if (!batch.blocks.empty()) {
      const auto written = co_await write_blocks(&batch.blocks, &exchange->channel);
      clear_deadline();
      if (!written || !*written) {
        delivered = false;
        exchange->stop.request_stop();
        exchange->channel.close();
      }
    }
    if (batch.ended) break;
    if (peer_gone_) exchange->stop.request_stop();
    const auto waited = co_await wait_for_signal();
    static_cast<void>(waited);
  }
  current_.reset();
  if (context_->observer) {
    const std::chrono::duration<double> took = Clock::now() - exchange->begun;
    const std::string_view pattern = exchange->route->pattern;
    context_->observer({exchange->request.method, pattern, batch.ending.status, took.count(),
                        batch.ending.body_bytes});
  }
  co_return delivered&& batch.ending.keep_alive && !peer_gone_;
}

async::Task<void> Session::run(std::shared_ptr<Session> self) {
  // The session is in the list by now: whoever stops the server either sees it there or is seen
  // here.
  self->draining_ = self->context_->stopping;
  const auto secured = co_await self->shake_hands();
  const bool is_secured = secured && *secured;
  while (is_secured) {
    const auto begun = co_await self->wait_for_request();
    if (!begun || !*begun) break;
    RequestParser parser(self->context_->options.header_bytes_max);
    const auto have_header = co_await self->read_header(&parser);
    if (!have_header || !*have_header) break;
    const auto keep = co_await self->answer(&parser);
    if (!keep || !*keep) break;
  }
  self->shutdown_tls();
  if (!self->closed_ && !self->unread().empty()) {
    const auto lingered = co_await self->linger();
    static_cast<void>(lingered);
  }
  self->close();
  self->context_->closed.fetch_add(1);
  self->context_->sessions->remove(*self);
  co_return util::Result<void>();
}

}  // namespace narthex::http
