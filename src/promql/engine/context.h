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
#include "narthex/util/result.h"
#include "narthex/util/worker_pool.h"

#include "promql/engine/annotations.h"
#include "promql/engine/budget.h"
#include "promql/engine/scratch.h"

namespace narthex::promql {

// Statistics of a query. Threads: synchronized.
class SampleCounts {
 public:
  // `steps`: the query's. `by_step`: count for each of them.
  SampleCounts(std::size_t steps, bool by_step) : steps_(steps), by_step_(by_step ? steps : 0) {}

  void add_read(std::uint64_t count) noexcept { bump(read_, count); }
  // Of some steps or other; of one; of each.
  void add_queryable(std::uint64_t count) noexcept { bump(queryable_, count); }
  void add_queryable_at(std::size_t step, std::uint64_t count) noexcept {
    bump(queryable_, count);
    bump(by_step_[step], count);
  }
  void add_queryable_each(std::uint64_t count) noexcept { bump(queryable_each_, count); }
  [[nodiscard]] bool by_step() const noexcept { return !by_step_.empty(); }

  // These are read after the query's threads have been joined.
  [[nodiscard]] std::uint64_t read() const noexcept { return read_.load(); }
  [[nodiscard]] std::uint64_t queryable() const noexcept {
    return queryable_.load() + queryable_each_.load() * steps_;
  }
  // Empty unless by_step().
  [[nodiscard]] std::vector<std::uint64_t> queryable_per_step() const {
    std::vector<std::uint64_t> out;
    out.reserve(by_step_.size());
    for (const auto& count : by_step_) out.push_back(count.load() + queryable_each_.load());
    return out;
  }

 private:
  static void bump(std::atomic<std::uint64_t>& counter, std::uint64_t count) noexcept {
    counter.fetch_add(count, std::memory_order_relaxed);
  }

  const std::size_t steps_;
  std::atomic<std::uint64_t> read_{0};
  std::atomic<std::uint64_t> queryable_{0};
  std::atomic<std::uint64_t> queryable_each_{0};
  std::vector<std::atomic<std::uint64_t>> by_step_;
};

// Which of the query's steps an operator looks at samples for.
enum class CountsFor : std::uint8_t {
  kItsStep,   // Its steps are the query's.
  kEachStep,  // It runs once, for all of them.
  kNoStep,    // It fills a subquery, whose windows count what they look at.
};

// Where an operator counts what it looks at. Threads: synchronized.
class SampleTally {
 public:
  SampleTally(SampleCounts& counts, CountsFor counts_for) noexcept
      : counts_(counts), for_(counts_for) {}
  // Then add_at() is asked for rather than add().
  [[nodiscard]] bool by_step() const noexcept {
    return for_ == CountsFor::kItsStep && counts_.by_step();
  }
  void add(std::uint64_t count) const noexcept {
    if (for_ == CountsFor::kItsStep) counts_.add_queryable(count);
    if (for_ == CountsFor::kEachStep) counts_.add_queryable_each(count);
  }
  // Precondition: by_step().
  void add_at(std::size_t step, std::uint64_t count) const noexcept {
    counts_.add_queryable_at(step, count);
  }

 private:
  SampleCounts& counts_;
  CountsFor for_;
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
  ScratchPool& scratches;

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
