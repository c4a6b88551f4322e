// What all parts of one running query share.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/promql/engine.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"
#include "narthex/util/worker_pool.h"

#include "promql/engine/annotations.h"
#include "promql/engine/budget.h"
#include "promql/engine/scratch.h"

namespace narthex::promql {

// Threads: synchronized.
class SampleCounts {
 public:
  void add_read(std::uint64_t count) noexcept { read_.fetch_add(count, std::memory_order_relaxed); }
  void add_queryable(std::uint64_t count) noexcept {
    queryable_.fetch_add(count, std::memory_order_relaxed);
  }
  // Relaxed above: these are read after the query's threads have been joined.
  [[nodiscard]] std::uint64_t read() const noexcept { return read_.load(); }
  [[nodiscard]] std::uint64_t queryable() const noexcept { return queryable_.load(); }

 private:
  std::atomic<std::uint64_t> read_{0};
  std::atomic<std::uint64_t> queryable_{0};
};

// The buffers of a query's threads: as many as work at a time, each used again by the next range of
// series, so that a query does not allocate anew what the range before had. Threads: synchronized.
class ScratchPool {
 public:
  [[nodiscard]] std::unique_ptr<Scratch> take() {
    const util::MutexLock lock(mutex_);
    if (free_.empty()) return std::make_unique<Scratch>();
    std::unique_ptr<Scratch> out = std::move(free_.back());
    free_.pop_back();
    return out;
  }
  void give_back(std::unique_ptr<Scratch> scratch) {
    const util::MutexLock lock(mutex_);
    free_.push_back(std::move(scratch));
  }

 private:
  util::Mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_ NX_GUARDED_BY(mutex_);
};

// Threads: synchronized.
struct QueryContext {
  const EngineOptions& options;
  std::string_view text;  // Of the query; outlives the context.
  StepGrid grid;          // The whole query's.
  bool is_range = false;
  model::TimestampMs end = 0;  // As asked for; the grid's last step may lie before it.
  std::int64_t lookback_ms = 0;
  std::int64_t subquery_step_ms = 0;  // Of subqueries that name none.
  storage::Deadline deadline;
  storage::Queryable& storage;
  util::WorkerPool& workers;
  Budget budget;
  AnnotationSink annotations;
  SampleCounts samples;
  mutable ScratchPool scratches;

  // kTimeout or kCanceled in the API's words.
  [[nodiscard]] util::Result<void> check() const;
};

// A failure of the evaluation itself.
[[nodiscard]] std::unexpected<util::Error> fail_execution(std::string message);

// Calls body(range, begin, end, scratch) for fixed ranges that cover [0, count), on several
// threads. How it is cut depends on the numbers alone, never on threads, so that whatever is
// combined in order of ranges is always the same. The error of the first range that has one is
// returned.
struct Cut {
  std::size_t count = 0;
  std::size_t ranges = 0;
  [[nodiscard]] std::size_t begin(std::size_t range) const noexcept {
    return count * range / ranges;
  }
};
[[nodiscard]] Cut cut_series(std::size_t count, std::size_t steps) noexcept;
using RangeBody = std::function<util::Result<void>(std::size_t range, std::size_t begin,
                                                   std::size_t end, Scratch&)>;
util::Result<void> for_ranges(const QueryContext& context, const Cut& cut, const RangeBody& body);

}  // namespace narthex::promql
