#include "narthex/async/runtime.h"

#include <pthread.h>

#include "narthex/util/check.h"

namespace narthex::async {

Runtime::Runtime(std::size_t threads)
    : context_(static_cast<int>(threads)), guard_(asio::make_work_guard(context_)) {
  NX_CHECK(threads > 0, "the I/O runtime needs a thread");
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "narthex-io");
      context_.run();
    });
  }
}

Runtime::~Runtime() {
  stop();
}

void Runtime::stop() {
  guard_.reset();
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace narthex::async
