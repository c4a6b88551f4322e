// A fixed set of threads for work that takes the CPU or blocks: queries, replay, compaction. Never
// for network waits. A job goes to the thread that became idle last, whose caches and free memory
// are warm; the others stay asleep. Threads: synchronized.
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
  // Threads that wait for a job.
  [[nodiscard]] std::size_t idle() const;

  // Calls body(i) for i in [0, count), on the pool's threads and on the caller's, and returns when
  // all are done. The caller always takes part, so it is safe from inside a job and with a full
  // queue. body must not throw.
  void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body);

  // Refuses new jobs, finishes the queue, joins. Idempotent.
  void stop();

 private:
  // A thread that waits. It is taken off idle_ by whoever wakes it.
  struct Waiting {
    CondVar wake;
    bool called = false;
  };
  void run(const std::string& thread_name);
  // False when the pool has stopped and nothing is left to do.
  bool next_job(Job& job);
  // Until there may be a job.
  void wait_for_call() NX_REQUIRES(mutex_);
  void call_one() NX_REQUIRES(mutex_);

  const std::size_t queue_jobs_max_;
  mutable Mutex mutex_;
  std::vector<Waiting*> idle_ NX_GUARDED_BY(mutex_);  // The last one became idle last.
  std::deque<Job> queue_ NX_GUARDED_BY(mutex_);
  bool stopping_ NX_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

}  // namespace narthex::util
