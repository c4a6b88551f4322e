// Carries an answer's bytes from the handler's worker thread to the connection's I/O thread,
// bounded on the way. Threads: synchronized; one pushing thread, one taking thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

namespace narthex::http {

// What the connection needs to know when an answer is complete.
struct ResponseEnding {
  int status = 0;
  std::uint64_t body_bytes = 0;  // As sent: compressed, without framing.
  bool keep_alive = false;       // False too for an answer that broke off.
};

// A worker thread that waits for a client is one that others may need. While they do, a client that
// takes less than kBytesPerSecondMin over `patience` is cut off.
struct Crowding {
  // A poor line of a mobile phone is faster; 64 clients at this rate and 1 MiB each are gone in a
  // minute.
  static constexpr std::size_t kBytesPerSecondMin = 16U << 10U;

  std::move_only_function<bool()> others_wait;  // Called with the channel's lock held.
  std::move_only_function<void()> cut;          // Ends the connection. From the pushing thread.
  std::chrono::milliseconds patience;
};

class ResponseChannel {
 public:
  // What waits to be sent before push() blocks. Large enough that common answers never hold a
  // worker thread while their client reads; small enough that all connections together stay
  // affordable.
  static constexpr std::size_t kPendingBytesMax = 1U << 20U;
  // Once it has blocked, push() waits for so much room at least: a client that takes little by
  // little is judged by how much that is, however small the pieces that it is sent.
  static constexpr std::size_t kRoomBytesMin = 64U << 10U;

  // `wake` is called, from the pushing thread, when the taking side should look.
  ResponseChannel(std::move_only_function<void()> wake, Crowding crowding)
      : wake_(std::move(wake)), crowding_(std::move(crowding)) {}

  // Pushing side. kCanceled once the channel is closed.
  util::Result<void> push(std::string block);
  // The last call of the pushing side.
  void finish(const ResponseEnding& ending);

  // Taking side.
  struct Batch {
    std::vector<std::string> blocks;
    bool ended = false;
    ResponseEnding ending;  // If ended.
  };
  [[nodiscard]] Batch take();
  // So many of the bytes taken are on their way.
  void release(std::size_t bytes);
  // The client takes nothing more: push() fails from now on. Also what is pending is dropped.
  void close();

 private:
  // Until `bytes` fit or the channel is closed. False if the client has to go instead.
  bool wait_for_room(std::size_t bytes) NX_REQUIRES(mutex_);

  std::move_only_function<void()> wake_;
  Crowding crowding_;
  util::Mutex mutex_;
  util::CondVar room_;
  std::vector<std::string> blocks_ NX_GUARDED_BY(mutex_);
  std::size_t pending_bytes_ NX_GUARDED_BY(mutex_) = 0;     // Pushed and not yet released.
  std::uint64_t released_bytes_ NX_GUARDED_BY(mutex_) = 0;  // All that the client has taken.
  bool closed_ NX_GUARDED_BY(mutex_) = false;
  bool ended_ NX_GUARDED_BY(mutex_) = false;
  ResponseEnding ending_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::http
