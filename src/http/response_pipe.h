// Carries one answer from the handler's thread to the connection's coroutine, with a bound on what lies between.
// Threads: synchronized; one producer, one consumer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

namespace narthex::http {

class ResponsePipe {
 public:
  // `wake` tells the consumer that something has changed; called from the producer's thread, without a lock held.
  ResponsePipe(std::size_t bytes_max, std::function<void()> wake) : bytes_max_(bytes_max), wake_(std::move(wake)) {}

  // ---- producer
  // The head of the answer, up to and with the empty line. `whole` means that no more than the bytes pushed before
  // finish() will come and the head says how many.
  void push_head(std::string head);
  // Waits while more than the bound lies in the pipe; kCanceled once the consumer has closed.
  util::Result<void> push(std::string_view bytes);
  void finish();  // The answer is complete.
  void abort();   // The answer cannot be completed: the connection must be cut.

  // ---- consumer
  struct Taken {
    std::string bytes;     // Swapped out; may be empty.
    bool finished = false;  // Nothing more will come.
    bool aborted = false;
  };
  [[nodiscard]] Taken take();
  // The client is gone: producers get kCanceled.
  void close();

 private:
  const std::size_t bytes_max_;
  const std::function<void()> wake_;
  util::Mutex mutex_;
  util::CondVar room_;
  std::string buffer_ NX_GUARDED_BY(mutex_);
  bool finished_ NX_GUARDED_BY(mutex_) = false;
  bool aborted_ NX_GUARDED_BY(mutex_) = false;
  bool closed_ NX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::http
