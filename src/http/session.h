// One connection: reads requests, has them handled, writes the answers. And what the connections of
// a server share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "narthex/async/task.h"
#include "narthex/http/server.h"
#include "narthex/util/mutex.h"

#include "http/access.h"
#include "http/request_parser.h"
#include "http/response_channel.h"
#include "http/server_tls.h"

namespace narthex::http {

namespace asio = boost::asio;

class Session;

// Which connections there are and which of them wait for a request. Threads: synchronized.
class SessionList {
 public:
  // Called whenever a connection ended or went idle: room may have come up for another one.
  explicit SessionList(std::function<void()> on_room) : on_room_(std::move(on_room)) {}

  void add(const std::shared_ptr<Session>& session);
  void remove(Session& session);
  // Connections that wait for their first or next request can be closed at any time without harm.
  void mark_idle(Session& session);
  void mark_busy(Session& session);
  // Closes the connection that has been idle for longest. False if none is idle.
  bool shed_one();

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::vector<std::shared_ptr<Session>> all() const;
  // False if some are still there after the time.
  bool wait_until_empty(std::chrono::milliseconds timeout);

 private:
  const std::function<void()> on_room_;
  mutable util::Mutex mutex_;
  util::CondVar emptied_;
  std::list<std::shared_ptr<Session>> sessions_ NX_GUARDED_BY(mutex_);
  std::list<Session*> idle_ NX_GUARDED_BY(mutex_);  // Longest first.
};

// Lives until the last session and the last handler are gone.
struct ServerContext {
  ServerOptions options;
  util::WorkerPool* handlers = nullptr;
  std::unique_ptr<Access> access;  // Null: everybody may come in, by plain HTTP.
  Router router;
  RequestObserver observer;
  std::unique_ptr<SessionList> sessions;
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> closed{0};
  std::atomic<bool> stopping{false};
};

// Threads: confined to its strand, except where noted.
class Session : public std::enable_shared_from_this<Session> {
 public:
  // Precondition: the socket's executor is a strand.
  Session(std::shared_ptr<ServerContext> context, asio::ip::tcp::socket socket);

  // The life of the connection, on that strand. Precondition: the session is in the list; it is
  // taken off at the end.
  static async::Task<void> run(std::shared_ptr<Session> self);

  // From any thread: no request after the one in flight; or: end at once.
  void drain();
  void kill();
  // From any thread: close if no request has begun.
  void close_if_idle();

 private:
  friend class SessionList;
  using Clock = std::chrono::steady_clock;
  struct Exchange;

  async::Task<bool> shake_hands();
  async::Task<bool> wait_for_request();
  async::Task<bool> read_header(RequestParser* parser);
  async::Task<bool> read_body(RequestParser* parser);
  async::Task<bool> read_some();
  async::Task<bool> answer(RequestParser* parser);
  // The status to refuse the request with, or 0.
  async::Task<int> check_access(const AccessOptions* access, RequestParser* parser);
  async::Task<bool> deny(int status, RequestParser* parser);
  async::Task<bool> exchange(std::shared_ptr<Exchange> exchange);
  async::Task<bool> write_blocks(std::vector<std::string>* blocks, ResponseChannel* channel);
  async::Task<bool> write_all(std::string bytes);
  async::Task<void> refuse(int status);
  async::Task<void> linger();
  async::Task<void> wait_for_signal();

  // Runs `action` on the strand; from any thread.
  template <class Action>
  void post(Action action);
  void signal();
  void watch();  // Asks to be told when there is something to read, or the end.
  void on_watch(const boost::system::error_code& ec);
  void set_deadline(std::chrono::milliseconds from_now);
  void clear_deadline();
  void arm_watchdog();
  void close();
  [[nodiscard]] std::string_view unread() const noexcept;
  // Whether the next request has begun to arrive.
  [[nodiscard]] bool has_input() const noexcept;
  void shutdown_tls() noexcept;
  void look_at_tls();

  const std::shared_ptr<ServerContext> context_;
  asio::ip::tcp::socket socket_;
  const asio::any_io_executor strand_;
  std::unique_ptr<TlsConnection> tls_;           // Null: plain HTTP.
  std::shared_ptr<const AccessOptions> access_;  // In force for the request that is being answered.
  asio::steady_timer event_;                     // Never expires; cancelled by signal().
  asio::steady_timer watchdog_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point armed_for_ = Clock::time_point::max();
  std::string remote_address_;

  // Input; allocated while a request is being read, so that idle connections are small.
  std::unique_ptr<char[]> buffer_;
  std::size_t buffer_begin_ = 0;
  std::size_t buffer_end_ = 0;

  std::shared_ptr<Exchange> current_;
  bool signalled_ = false;
  bool watching_ = false;
  bool peer_gone_ = false;
  bool idle_ = false;
  bool draining_ = false;
  bool closed_ = false;

  // Guarded by SessionList's mutex.
  std::list<std::shared_ptr<Session>>::iterator list_position_;
  std::list<Session*>::iterator idle_position_;
  bool is_listed_idle_ = false;
};

}  // namespace narthex::http
