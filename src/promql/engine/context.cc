#include "promql/engine/context.h"

#include <algorithm>

namespace narthex::promql {

std::unexpected<util::Error> fail_execution(std::string message) {
  return util::fail(util::Code::kExecution, std::move(message));
}

util::Result<void> QueryContext::check() const {
  auto state = deadline.check();
  if (state) return state;
  const bool canceled = state.error().code() == util::Code::kCanceled;
  return util::fail(state.error().code(), canceled ? "query was canceled in expression evaluation"
                                                   : "query timed out in expression evaluation");
}

Cut cut_series(std::size_t count, std::size_t steps) noexcept {
  // A range should be worth a thread's waking up (some ten thousand points) and there should be
  // several for each of the threads that a machine may have.
  constexpr std::size_t kPointsMin = 20'000;
  constexpr std::size_t kRangesMax = 64;
  const std::size_t per_range = std::max<std::size_t>(4, kPointsMin / (steps + 20));
  return {count, std::clamp<std::size_t>((count + per_range - 1) / per_range, 1, kRangesMax)};
}

util::Result<void> for_ranges(const QueryContext& context, const Cut& cut, const RangeBody& body) {
  if (cut.count == 0) return {};
  std::vector<util::Result<void>> results(cut.ranges);
  std::atomic<bool> failed{false};
  context.workers.parallel_for(cut.ranges, [&](std::size_t range) {
    if (failed.load()) return;
    const ScratchPool::Loan scratch = context.scratches.take();
    results[range] = body(range, cut.begin(range), cut.begin(range + 1), *scratch);
    if (!results[range]) failed.store(true);
  });
  for (util::Result<void>& result : results) {
    if (!result) return std::move(result);
  }
  return {};
}

}  // namespace narthex::promql
