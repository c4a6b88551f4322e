#include "http/response_channel.h"

#include <utility>

namespace narthex::http {

util::Result<void> ResponseChannel::push(std::string block) {
  bool was_empty = false;
  {
    const util::MutexLock lock(mutex_);
    // A block larger than the bound goes alone: it is in memory already.
    room_.wait(mutex_, [this, &block]() NX_NO_THREAD_SAFETY_ANALYSIS {
      return closed_ || pending_bytes_ == 0 || pending_bytes_ + block.size() <= kPendingBytesMax;
    });
    if (closed_) return util::fail(util::Code::kCanceled, "the client has gone");
    pending_bytes_ += block.size();
    was_empty = blocks_.empty();
    blocks_.push_back(std::move(block));
  }
  if (was_empty) wake_();
  return {};
}

void ResponseChannel::finish(const ResponseEnding& ending) {
  {
    const util::MutexLock lock(mutex_);
    ended_ = true;
    ending_ = ending;
  }
  wake_();
}

ResponseChannel::Batch ResponseChannel::take() {
  const util::MutexLock lock(mutex_);
  return {std::exchange(blocks_, {}), ended_, ending_};
}

void ResponseChannel::release(std::size_t bytes) {
  {
    const util::MutexLock lock(mutex_);
    pending_bytes_ -= bytes;
  }
  room_.notify_one();
}

void ResponseChannel::close() {
  {
    const util::MutexLock lock(mutex_);
    closed_ = true;
    blocks_.clear();
  }
  room_.notify_one();
}

}  // namespace narthex::http
