// Lets one operation at a time through: those that change the block list or the directory. Unlike a
// lock it may be held across I/O; no query and no append ever takes it. Threads: synchronized.
#pragma once

#include "narthex/util/mutex.h"

namespace narthex::tsdb {

class Turnstile {
 public:
  class Turn {
   public:
    explicit Turn(Turnstile& turnstile) : turnstile_(turnstile) { turnstile_.enter(); }
    ~Turn() { turnstile_.leave(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Turnstile& turnstile_;
  };

 private:
  void enter() {
    const util::MutexLock lock(mutex_);
    free_.wait(mutex_, [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return !busy_; });
    busy_ = true;
  }
  void leave() {
    {
      const util::MutexLock lock(mutex_);
      busy_ = false;
    }
    free_.notify_one();
  }

  util::Mutex mutex_;
  util::CondVar free_;
  bool busy_ NX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::tsdb
