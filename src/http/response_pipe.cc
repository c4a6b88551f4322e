#include "http/response_pipe.h"

#include <utility>

namespace narthex::http {

void ResponsePipe::push_head(std::string head) {
  {
    const util::MutexLock lock(mutex_);
    buffer_ = buffer_.empty() ? std::move(head) : buffer_ + head;
  }
  wake_();
}

util::Result<void> ResponsePipe::push(std::string_view bytes) {
  {
    const util::MutexLock lock(mutex_);
    room_.wait(mutex_, [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return closed_ || buffer_.size() < bytes_max_; });
    if (closed_) return util::fail(util::Code::kCanceled, "the client has gone away");
    buffer_.append(bytes);
  }
  wake_();
  return {};
}

void ResponsePipe::finish() {
  {
    const util::MutexLock lock(mutex_);
    finished_ = true;
  }
  wake_();
}

void ResponsePipe::abort() {
  {
    const util::MutexLock lock(mutex_);
    finished_ = true;
    aborted_ = true;
  }
  wake_();
}

ResponsePipe::Taken ResponsePipe::take() {
  Taken out;
  {
    const util::MutexLock lock(mutex_);
    out.bytes = std::exchange(buffer_, {});
    out.finished = finished_;
    out.aborted = aborted_;
  }
  room_.notify_one();
  return out;
}

void ResponsePipe::close() {
  {
    const util::MutexLock lock(mutex_);
    closed_ = true;
  }
  room_.notify_all();
}

}  // namespace narthex::http
