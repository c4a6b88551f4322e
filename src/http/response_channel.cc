#include "http/response_channel.h"

#include <algorithm>
#include <utility>

namespace narthex::http {

util::Result<void> ResponseChannel::push(std::string block) {
  bool was_empty = false;
  bool has_room = false;
  {
    const util::MutexLock lock(mutex_);
    has_room = wait_for_room(block.size());
    if (closed_) return util::fail(util::Code::kCanceled, "the client has gone");
    if (has_room) {
      pending_bytes_ += block.size();
      was_empty = blocks_.empty();
      blocks_.push_back(std::move(block));
    } else {
      closed_ = true;
      blocks_.clear();
    }
  }
  if (!has_room) {
    crowding_.cut();
    return util::fail(util::Code::kCanceled, "the client takes too little while others wait");
  }
  if (was_empty) wake_();
  return {};
}

bool ResponseChannel::wait_for_room(std::size_t bytes) {
  // A block larger than the bound goes alone: it is in memory already.
  const auto has_room = [this](std::size_t wanted) NX_NO_THREAD_SAFETY_ANALYSIS {
    return closed_ || pending_bytes_ == 0 || pending_bytes_ + wanted <= kPendingBytesMax;
  };
  if (has_room(bytes)) return true;
  const auto is_relieved = [has_room, wanted = std::max(bytes, kRoomBytesMin)] {
    return has_room(wanted);
  };
  const std::uint64_t fair_bytes =
      Crowding::kBytesPerSecondMin * static_cast<std::uint64_t>(crowding_.patience.count()) / 1000;
  for (;;) {
    const std::uint64_t before = released_bytes_;
    if (room_.wait_for(mutex_, crowding_.patience, is_relieved)) return true;
    if (released_bytes_ - before < std::max<std::uint64_t>(fair_bytes, 1) &&
        crowding_.others_wait())
      return false;
  }
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
    released_bytes_ += bytes;
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
