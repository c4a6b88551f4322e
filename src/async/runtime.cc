#include "narthex/async/runtime.h"

#include <pthread.h>

#include "narthex/util/check.h"

namespace narthex::async {

Runtime::Runtime(std::size_t threads, std::string name) {
  NX_CHECK(threads > 0, "the I/O runtime needs a thread");
  lanes_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    Lane& lane = *lanes_.emplace_back(std::make_unique<Lane>());
    lane.thread = std::jthread([&lane, name] {
      pthread_setname_np(pthread_self(), name.c_str());
      lane.context.run();
    });
  }
}

Runtime::~Runtime() {
  stop();
}

asio::io_context::executor_type Runtime::executor() noexcept {
  return lanes_[next_.fetch_add(1, std::memory_order_relaxed) % lanes_.size()]
      ->context.get_executor();
}

void Runtime::stop() {
  for (const auto& lane : lanes_) lane->guard.reset();
  for (const auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

}  // namespace narthex::async
