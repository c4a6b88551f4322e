// Locks that clang's thread safety analysis understands (preset tsa). std::mutex cannot carry the
// attributes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#if defined(__clang__)
#define NX_TSA(x) __attribute__((x))
#else
#define NX_TSA(x)
#endif
#define NX_CAPABILITY(x) NX_TSA(capability(x))
#define NX_SCOPED_CAPABILITY NX_TSA(scoped_lockable)
#define NX_GUARDED_BY(x) NX_TSA(guarded_by(x))
#define NX_REQUIRES(...) NX_TSA(requires_capability(__VA_ARGS__))
#define NX_REQUIRES_SHARED(...) NX_TSA(requires_shared_capability(__VA_ARGS__))
#define NX_ACQUIRE(...) NX_TSA(acquire_capability(__VA_ARGS__))
#define NX_ACQUIRE_SHARED(...) NX_TSA(acquire_shared_capability(__VA_ARGS__))
#define NX_RELEASE(...) NX_TSA(release_capability(__VA_ARGS__))
#define NX_RELEASE_SHARED(...) NX_TSA(release_shared_capability(__VA_ARGS__))
#define NX_RELEASE_GENERIC(...) NX_TSA(release_generic_capability(__VA_ARGS__))
#define NX_TRY_ACQUIRE(...) NX_TSA(try_acquire_capability(__VA_ARGS__))
#define NX_EXCLUDES(...) NX_TSA(locks_excluded(__VA_ARGS__))
#define NX_NO_THREAD_SAFETY_ANALYSIS NX_TSA(no_thread_safety_analysis)

namespace narthex::util {

class NX_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock() NX_ACQUIRE() { mutex_.lock(); }
  void unlock() NX_RELEASE() { mutex_.unlock(); }
  [[nodiscard]] bool try_lock() NX_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class NX_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) NX_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() NX_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits on a Mutex that the caller holds.
class CondVar {
 public:
  void notify_one() noexcept { cv_.notify_one(); }
  void notify_all() noexcept { cv_.notify_all(); }
  template <class Predicate>
  void wait(Mutex& mutex, Predicate done) NX_REQUIRES(mutex) NX_NO_THREAD_SAFETY_ANALYSIS {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    cv_.wait(lock, std::move(done));
    lock.release();
  }
  // False when the time ran out first.
  template <class Duration, class Predicate>
  bool wait_for(Mutex& mutex, Duration timeout, Predicate done)
      NX_REQUIRES(mutex) NX_NO_THREAD_SAFETY_ANALYSIS {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    const bool met = cv_.wait_for(lock, timeout, std::move(done));
    lock.release();
    return met;
  }

 private:
  std::condition_variable cv_;
};

class NX_CAPABILITY("shared_mutex") SharedMutex {
 public:
  SharedMutex() = default;
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;
  void lock() NX_ACQUIRE() { mutex_.lock(); }
  void unlock() NX_RELEASE() { mutex_.unlock(); }
  void lock_shared() NX_ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() NX_RELEASE_SHARED() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};
class NX_SCOPED_CAPABILITY WriteLock {
 public:
  explicit WriteLock(SharedMutex& mutex) NX_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~WriteLock() NX_RELEASE() { mutex_.unlock(); }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

 private:
  SharedMutex& mutex_;
};
class NX_SCOPED_CAPABILITY ReadLock {
 public:
  explicit ReadLock(SharedMutex& mutex) NX_ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~ReadLock() NX_RELEASE_GENERIC() { mutex_.unlock_shared(); }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace narthex::util
