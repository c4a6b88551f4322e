// What the outside asks of the running server: stop, and reload with an answer. One thread serves
// it. Threads: synchronized; wait() from one thread.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <optional>

#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

namespace narthex::server {

class EventQueue {
 public:
  using Answer = std::promise<util::Result<void>>;
  struct Event {
    bool stop = false;
    std::optional<Answer> reload;  // To be fulfilled.
  };

  void request_stop() {
    {
      const util::MutexLock lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
  }
  // Becomes ready when the reload was done, or is refused because the server stops.
  [[nodiscard]] std::future<util::Result<void>> request_reload() {
    Answer answer;
    auto future = answer.get_future();
    {
      const util::MutexLock lock(mutex_);
      if (closed_) {
        answer.set_value(util::fail(util::Code::kUnavailable, "the server is stopping"));
      } else {
        reloads_.push_back(std::move(answer));
      }
    }
    changed_.notify_all();
    return future;
  }
  [[nodiscard]] bool stop_requested() const {
    const util::MutexLock lock(mutex_);
    return stop_;
  }
  // The next event; stopping goes before reloading. With a `timeout`, nullopt when nothing came in
  // that time.
  [[nodiscard]] std::optional<Event> wait(std::optional<std::chrono::milliseconds> timeout) {
    const util::MutexLock lock(mutex_);
    const auto has_event = [this]()
                               NX_NO_THREAD_SAFETY_ANALYSIS { return stop_ || !reloads_.empty(); };
    if (!timeout) {
      changed_.wait(mutex_, has_event);
    } else if (!changed_.wait_for(mutex_, *timeout, has_event)) {
      return std::nullopt;
    }
    Event event;
    event.stop = stop_;
    if (!event.stop) {
      event.reload = std::move(reloads_.front());
      reloads_.pop_front();
    }
    return event;
  }
  // Refuses what waits and what comes from now on.
  void close() {
    std::deque<Answer> refused;
    {
      const util::MutexLock lock(mutex_);
      closed_ = true;
      refused.swap(reloads_);
    }
    for (Answer& answer : refused) {
      answer.set_value(util::fail(util::Code::kUnavailable, "the server is stopping"));
    }
  }

 private:
  mutable util::Mutex mutex_;
  util::CondVar changed_;
  bool stop_ NX_GUARDED_BY(mutex_) = false;
  bool closed_ NX_GUARDED_BY(mutex_) = false;
  std::deque<Answer> reloads_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::server
