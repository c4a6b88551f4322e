// Runs blocking or computing work on a WorkerPool and resumes the coroutine on its own executor.
#pragma once

#include <functional>

#include "narthex/async/task.h"
#include "narthex/util/worker_pool.h"

namespace narthex::async {

// kLimitExceeded when the pool's queue is full. Not cancellable once started: `work` itself watches
// its deadline. The work object is destroyed on the pool's thread.
Task<void> offload(util::WorkerPool* pool, std::move_only_function<void()> work);

}  // namespace narthex::async
