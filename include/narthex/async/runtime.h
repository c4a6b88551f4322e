// The I/O threads: one Asio context run by a few threads. Nothing that blocks or computes for long
// runs here; such work goes to a util::WorkerPool (see offload.h). Threads: synchronized.
#pragma once

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace narthex::async {

namespace asio = boost::asio;

class Runtime {
 public:
  // `threads` I/O threads start at once.
  explicit Runtime(std::size_t threads);
  // stop(), then joins.
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] asio::io_context::executor_type executor() noexcept {
    return context_.get_executor();
  }

  // Lets the threads run dry: returns when no work is left. Everything spawned must have been asked
  // to end before (TaskGroup::stop). Not from an I/O thread. Idempotent.
  void stop();

 private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::vector<std::jthread> threads_;
};

}  // namespace narthex::async
