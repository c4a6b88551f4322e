// Coroutines: the return type, and the group that every one of them is spawned through.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

namespace narthex::async {

namespace asio = boost::asio;

// What a coroutine returns. It waits; it does not compute. Inside a TaskGroup a cancelled wait ends
// with an error code and never by an exception; a coroutine that loops looks at
// this_coro::cancellation_state or at that code.
template <class T>
using Task = asio::awaitable<util::Result<T>>;

// Counts, cancels and joins coroutines. Plain `detached` is not used anywhere: a coroutine that
// nobody can stop is a leak. Threads: synchronized.
class TaskGroup {
 public:
  // `name` appears in the log when a coroutine of the group ends with an error.
  TaskGroup(asio::any_io_executor executor, std::string name);
  // Precondition: stop() was called.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Runs `task` on a strand of its own over the group's executor. False once stop() was called; the
  // coroutine is then dropped unstarted. A kCanceled result is silent, any other error is logged.
  bool spawn(Task<void> task);

  // The same on an executor that the caller also gave to what the coroutine uses (sockets, timers).
  // Precondition: it runs one thing at a time, as a strand does.
  bool spawn_on(asio::any_io_executor serial, Task<void> task);

  // Asks every coroutine to end at its next wait (Asio cancellation, terminal). Does not wait. New
  // spawns are refused.
  void cancel();
  // cancel(), then waits until all have ended. Not from an I/O thread. Idempotent.
  void stop();
  [[nodiscard]] std::size_t running() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace narthex::async
