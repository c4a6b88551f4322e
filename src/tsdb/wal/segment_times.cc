#include "tsdb/wal/segment_times.h"

#include <algorithm>

namespace narthex::tsdb {

namespace {

// The first time behind the range that `time` is in. Ranges are multiples of their length since
// the epoch.
model::TimestampMs range_end(model::TimestampMs time, std::int64_t length) noexcept {
  const std::int64_t into = ((time % length) + length) % length;
  return time > model::kTimestampMax - length ? model::kTimestampMax : time - into + length;
}

}  // namespace

SegmentTimes::SegmentTimes(std::uint64_t first_own, model::TimestampMs newest,
                           std::int64_t block_range_ms)
    : block_range_ms_(block_range_ms) {
  if (first_own != 0) newest_.push_back({.segment = first_own - 1, .time = newest});
  if (newest != model::kTimestampMin) next_range_ = range_end(newest, block_range_ms_);
}

void SegmentTimes::note(std::uint64_t segment, model::TimestampMs newest) {
  if (begins_range(newest)) next_range_ = range_end(newest, block_range_ms_);
  if (newest_.empty() || newest_.back().segment != segment) {
    newest_.push_back({.segment = segment, .time = newest});
  } else {
    newest_.back().time = std::max(newest_.back().time, newest);
  }
}

std::uint64_t SegmentTimes::first_with(model::TimestampMs time,
                                       std::uint64_t current) const noexcept {
  std::uint64_t first = 0;
  for (const Newest& one : newest_) {
    if (one.time >= time) return std::min(first, current);
    first = one.segment + 1;
  }
  return current;
}

void SegmentTimes::forget_up_to(std::uint64_t segment) {
  std::erase_if(newest_, [segment](const Newest& one) { return one.segment <= segment; });
}

}  // namespace narthex::tsdb
