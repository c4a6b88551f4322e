// A fixed set of threads for work that takes the CPU or blocks: queries, replay, compaction. Never
// for network waits. Threads: synchronized.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "narthex/util/mutex.h"

namespace narthex::util {

class WorkerPool {
 public:
  using Job = std::move_only_function<void()>;

  // `queue_jobs_max` bounds what may wait; try_submit says no beyond it. `name` shows in the thread
  // list.
  WorkerPool(std::string name, std::size_t threads, std::size_t queue_jobs_max);
  // Runs what is queued, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when the queue is full or the pool is stopping; the job is then destroyed without
  // running.
  [[nodiscard]] bool try_submit(Job job);
  [[nodiscard]] std::size_t thread_count() const noexcept { return threads_.size(); }
  [[nodiscard]] std::size_t queued() const;

  // Calls body(i) for i in [0, count), on the pool's threads and on the caller's, and returns when
  // all are done. The caller always takes part, so it is safe from inside a job and with a full
  // queue. body must not throw.
  void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body);

  // Refuses new jobs, finishes the queue, joins. Idempotent.
  void stop();

 private:
  void run(const std::string& thread_name);

  const std::size_t queue_jobs_max_;
  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<Job> queue_ NX_GUARDED_BY(mutex_);
  bool stopping_ NX_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

}  // namespace narthex::util
