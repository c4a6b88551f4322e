// The I/O threads: each runs an Asio context of its own, so a coroutine and all that it waits for
// stay on one thread, and nothing is handed from thread to thread on the way. Threads:
// synchronized.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace narthex::async {

namespace asio = boost::asio;

class Runtime {
 public:
  // `threads` I/O threads start at once; the system shows them as `name` (at most 15 bytes).
  explicit Runtime(std::size_t threads, std::string name = "narthex-io");
  // stop(), then joins.
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // That of the next thread, in turn. It runs one thing at a time, as a strand does.
  [[nodiscard]] asio::io_context::executor_type executor() noexcept;

  // Lets the threads run dry: returns when no work is left. Everything spawned must have been asked
  // to end before (TaskGroup::stop). Not from an I/O thread. Idempotent.
  void stop();

 private:
  struct Lane {
    asio::io_context context{1};  // One thread runs it.
    asio::executor_work_guard<asio::io_context::executor_type> guard =
        asio::make_work_guard(context);
    std::jthread thread;
  };
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace narthex::async
