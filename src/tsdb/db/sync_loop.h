// Calls a function at an interval on a thread of its own, until stopped. Time comes from a Clock,
// so that tests can drive it. Threads: synchronized.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "narthex/util/clock.h"
#include "narthex/util/mutex.h"
#include "narthex/util/worker_pool.h"

namespace narthex::tsdb {

class SyncLoop {
 public:
  SyncLoop(util::Clock& clock, std::string thread_name, std::chrono::nanoseconds interval,
           std::function<void()> call)
      : clock_(clock),
        interval_(interval),
        call_(std::move(call)),
        thread_(std::move(thread_name), 1, 1) {
    static_cast<void>(thread_.try_submit([this] { run(); }));
  }
  ~SyncLoop() { stop(); }
  SyncLoop(const SyncLoop&) = delete;
  SyncLoop& operator=(const SyncLoop&) = delete;

  // Returns when the last call is over. Idempotent.
  void stop() {
    {
      const util::MutexLock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.stop();
  }

 private:
  void run() {
    while (wait()) call_();
  }
  // False when it is time to stop.
  bool wait() {
    const std::uint64_t ticket = clock_.wake_at(clock_.steady_ns() + interval_.count(), [this] {
      const util::MutexLock lock(mutex_);
      due_ = true;
      wake_.notify_all();
    });
    bool stopping = false;
    {
      const util::MutexLock lock(mutex_);
      const auto awake = [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return stopping_ || due_; };
      if (ticket == 0) {
        static_cast<void>(wake_.wait_for(mutex_, interval_, awake));
      } else {
        wake_.wait(mutex_, awake);
      }
      due_ = false;
      stopping = stopping_;
    }
    if (ticket != 0) static_cast<void>(clock_.forget(ticket));
    return !stopping;
  }

  util::Clock& clock_;
  const std::chrono::nanoseconds interval_;
  const std::function<void()> call_;
  util::Mutex mutex_;
  util::CondVar wake_;
  bool stopping_ NX_GUARDED_BY(mutex_) = false;
  bool due_ NX_GUARDED_BY(mutex_) = false;
  util::WorkerPool thread_;  // Last: it starts when everything else is there.
};

}  // namespace narthex::tsdb
