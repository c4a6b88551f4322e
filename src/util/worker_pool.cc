#include "narthex/util/worker_pool.h"

#include <atomic>
#include <memory>

#include <pthread.h>

#include "narthex/util/check.h"

namespace narthex::util {

WorkerPool::WorkerPool(std::string name, std::size_t threads, std::size_t queue_jobs_max)
    : queue_jobs_max_(queue_jobs_max) {
  NX_CHECK(threads > 0, "worker pool {} needs a thread", name);
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] { run(name); });
  }
}

WorkerPool::~WorkerPool() {
  stop();
}

bool WorkerPool::try_submit(Job job) {
  const MutexLock lock(mutex_);
  if (stopping_ || queue_.size() >= queue_jobs_max_) return false;
  queue_.push_back(std::move(job));
  call_one();
  return true;
}

std::size_t WorkerPool::queued() const {
  const MutexLock lock(mutex_);
  return queue_.size();
}

std::size_t WorkerPool::idle() const {
  const MutexLock lock(mutex_);
  return idle_.size();
}

void WorkerPool::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    while (!idle_.empty()) call_one();
  }
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::call_one() {
  if (idle_.empty()) return;  // All are at work, and look at the queue when they are done.
  Waiting* const waiting = idle_.back();
  idle_.pop_back();
  waiting->called = true;
  waiting->wake.notify_one();
}

void WorkerPool::wait_for_call() {
  Waiting self;
  idle_.push_back(&self);
  self.wake.wait(mutex_, [&self] { return self.called; });
}

bool WorkerPool::next_job(Job& job) {
  const MutexLock lock(mutex_);
  while (queue_.empty()) {
    if (stopping_) return false;
    wait_for_call();
  }
  job = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

void WorkerPool::run(const std::string& thread_name) {
  // The kernel keeps 15 characters of a thread's name.
  pthread_setname_np(pthread_self(), thread_name.substr(0, 15).c_str());
  for (Job job; next_job(job); job = nullptr) job();
}

namespace {

// Shared by the caller and its helpers; helpers that start late find `next` past the end and leave.
struct ParallelState {
  ParallelState(std::size_t n, const std::function<void(std::size_t)>& b) : count(n), body(b) {}
  const std::size_t count;
  const std::function<void(std::size_t)>&
      body;  // Only called while an index is claimed, so while the caller waits.
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> done{0};
  Mutex mutex;
  CondVar all_done;

  void work() {
    std::size_t finished = 0;
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
      body(i);
      ++finished;
    }
    if (finished != 0 && done.fetch_add(finished) + finished == count) {
      const MutexLock lock(mutex);
      all_done.notify_all();
    }
  }
};

}  // namespace

void WorkerPool::parallel_for(std::size_t count, const std::function<void(std::size_t)>& body) {
  if (count == 0) return;
  if (count == 1) {
    body(0);
    return;
  }
  auto state = std::make_shared<ParallelState>(count, body);
  const std::size_t helpers = std::min(thread_count(), count - 1);
  for (std::size_t i = 0; i < helpers; ++i) {
    if (!try_submit([state] { state->work(); })) break;
  }
  state->work();
  const MutexLock lock(state->mutex);
  state->all_done.wait(state->mutex, [&state] { return state->done.load() == state->count; });
}

}  // namespace narthex::util
