#include "promql/engine/budget.h"

#include <fmt/format.h>

namespace narthex::promql {
namespace {

util::Error too_many_samples() {
  return {util::Code::kLimitExceeded,
          "query processing would load too many samples into memory in query execution"};
}

util::Error no_room_beside_others(const SharedBudget& shared) {
  return {
      util::Code::kLimitExceeded,
      fmt::format("the queries that run now need more memory than their common limit of {} MiB: "
                  "try again when fewer run, or narrow the query",
                  shared.bytes_max() >> 20U)};
}

}  // namespace

util::Result<void> Budget::charge_bytes(std::uint64_t bytes) {
  std::uint64_t held = bytes_.load();
  do {
    if (bytes > bytes_max_ || held > bytes_max_ - bytes) {
      return util::fail(
          util::Code::kLimitExceeded,
          fmt::format(
              "query needs more memory than its limit of {} MiB: narrow its selectors, shorten its "
              "range or enlarge its step",
              bytes_max_ >> 20U));
    }
  } while (!bytes_.compare_exchange_weak(held, held + bytes));
  if (shared_->charge(bytes)) return {};
  bytes_.fetch_sub(bytes);
  return std::unexpected(no_room_beside_others(*shared_));
}

util::Result<std::shared_ptr<const void>> Budget::hand_over(std::uint64_t bytes) {
  shared_->release(bytes_.exchange(0));
  if (!shared_->charge(bytes)) return std::unexpected(no_room_beside_others(*shared_));
  return std::shared_ptr<const void>(
      nullptr, [shared = shared_, bytes](const void*) { shared->release(bytes); });
}

util::Result<void> Budget::charge_samples(std::uint64_t count) {
  const std::uint64_t held = samples_.fetch_add(count) + count;
  raise_peak(held);
  if (held > samples_max_) return std::unexpected(too_many_samples());
  return {};
}

util::Result<void> Budget::check_transient_samples(std::uint64_t count) {
  const std::uint64_t held = samples_.load() + count;
  raise_peak(held);
  if (held > samples_max_) return std::unexpected(too_many_samples());
  return {};
}

void Budget::raise_peak(std::uint64_t count) noexcept {
  std::uint64_t peak = samples_peak_.load();
  while (count > peak && !samples_peak_.compare_exchange_weak(peak, count)) {
  }
}

}  // namespace narthex::promql
