// Lets one thread wait until another has let it through, so and so many times.
// (libstdc++ 12's semaphores can miss a wake-up: GCC bug 104928.) Threads: synchronized.
#pragma once

#include <chrono>

#include "narthex/util/mutex.h"

namespace narthex::test {

class Gate {
 public:
  void open(int times = 1) {
    const util::MutexLock lock(mutex_);
    passes_ += times;
    changed_.notify_all();
  }
  // False when nobody opened it within 20 s.
  [[nodiscard]] bool pass() {
    const util::MutexLock lock(mutex_);
    const auto is_open = [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return passes_ > 0; };
    if (!changed_.wait_for(mutex_, std::chrono::seconds(20), is_open)) return false;
    --passes_;
    return true;
  }

 private:
  util::Mutex mutex_;
  util::CondVar changed_;
  int passes_ NX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::test
