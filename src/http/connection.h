// One client connection: reads requests, has them handled, writes the answers, one after another.
// Threads: a coroutine on its own strand; the handler runs on a worker and speaks through a ResponsePipe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "narthex/async/task.h"
#include "narthex/http/router.h"
#include "narthex/http/server.h"
#include "narthex/util/mutex.h"
#include "narthex/util/worker_pool.h"

namespace narthex::http {

// The open connections, so that a stopping server can reach them. Threads: synchronized.
class ConnectionList {
 public:
  using Ticket = std::uint64_t;
  // `close` is called on `executor`, at most once after each of the calls below and never after remove().
  // Its argument says whether a request in flight may still finish.
  enum class Mode : std::uint8_t { kIfIdle, kNow };
  Ticket add(boost::asio::any_io_executor executor, std::function<void(Mode)> close);
  void remove(Ticket ticket);
  [[nodiscard]] std::size_t size() const;
  // Asks every connection to close.
  void close_all(Mode mode);
  // Called whenever a connection has gone.
  void on_remove(std::function<void()> call);
  // Waits until none is left; false when the time ran out first.
  bool wait_until_empty(std::chrono::milliseconds timeout);

 private:
  struct Entry {
    boost::asio::any_io_executor executor;
    std::function<void(Mode)> close;
  };
  mutable util::Mutex mutex_;
  util::CondVar gone_;
  std::map<Ticket, Entry> entries_ NX_GUARDED_BY(mutex_);
  Ticket next_ NX_GUARDED_BY(mutex_) = 1;
  std::function<void()> on_remove_ NX_GUARDED_BY(mutex_);
};

// What all connections of a server share. Set before the first connection, constant afterwards but for what is
// synchronized in itself.
struct ServerShared {
  ServerOptions options;
  util::WorkerPool* handlers = nullptr;
  Router router;
  RequestObserver observer;
  std::atomic<bool> draining{false};  // No further request is read.
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> closed{0};
  ConnectionList connections;
};

// Serves until the client leaves, a limit cuts it, or the server drains. Precondition: runs on the stream's own executor, which
// is a strand. Never an error: a bad client is not our failure.
async::Task<void> serve_connection(std::shared_ptr<ServerShared> shared, boost::beast::tcp_stream stream);

}  // namespace narthex::http
