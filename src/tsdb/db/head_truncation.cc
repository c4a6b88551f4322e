#include "tsdb/db/head_truncation.h"

#include <algorithm>

#include "narthex/util/log.h"

namespace narthex::tsdb {

util::Result<void> HeadTruncation::run(model::TimestampMs time, std::chrono::nanoseconds patience) {
  auto done = truncate(time, patience);
  if (!done) counters_.failed.fetch_add(1, std::memory_order_relaxed);
  return done;
}

util::Result<void> HeadTruncation::truncate(model::TimestampMs time,
                                            std::chrono::nanoseconds patience) {
  if (!parts_.head.isolation().wait_for_readers_before(time, patience)) {
    return util::fail(util::Code::kTimeout,
                      "a query still reads what the head is to drop; trying again later");
  }
  // Chunks that go to files from here on go to this one or later ones.
  parts_.files.next_file();
  const std::uint32_t current = parts_.files.current_file();
  const std::uint32_t needed = std::min(truncate_head(time), current);
  auto removed = parts_.files.remove_before(needed);
  auto truncated = truncate_log(time);
  if (!truncated) counters_.log_truncations_failed.fetch_add(1, std::memory_order_relaxed);
  if (!removed) return removed;
  return truncated;
}

std::uint32_t HeadTruncation::truncate_head(model::TimestampMs time) {
  const ObservedTime timing(parts_.clock, parts_.instruments.head_gc_seconds);
  Head::Truncation truncation;
  truncation.before = time;
  bool more = true;
  while (more) {
    // Given back between steps, so that appends get in.
    const util::MutexLock lock(parts_.commit_mutex);
    more = parts_.head.truncate_step(truncation);
  }
  const std::uint64_t segment = parts_.log.current_segment();
  for (const SeriesId id : truncation.removed) last_segments_[id] = segment;
  timing.done();
  return truncation.oldest_file;
}

util::Result<void> HeadTruncation::begin_batch(model::TimestampMs newest) {
  return times_.begins_range(newest) ? parts_.log.next_segment() : util::Result<void>{};
}

void HeadTruncation::end_batch(model::TimestampMs newest) {
  times_.note(parts_.log.current_segment(), newest);
}

util::Result<std::uint64_t> HeadTruncation::end_segment(model::TimestampMs time) {
  NX_ASSIGN(const auto segments, list_wal_segments(parts_.env, parts_.log_directory));
  const util::MutexLock lock(parts_.commit_mutex);
  NX_TRY(parts_.log.next_segment());
  if (segments.empty()) return 0;
  const std::uint64_t first = segments.front().number;
  const std::uint64_t current = parts_.log.current_segment();
  const std::uint64_t needed = times_.first_with(time, current);
  return std::max(checkpoint_end(first, current), needed > first ? needed - 1 : 0);
}

util::Result<void> HeadTruncation::truncate_log(model::TimestampMs time) {
  const ObservedTime timing(parts_.clock, parts_.instruments.log_truncation_seconds);
  NX_ASSIGN(const std::uint64_t last, end_segment(time));
  // After a failed sync the writer may want to read the old segments again: not without this.
  NX_TRY(parts_.log.sync());
  if (last == 0) return {};

  const CheckpointRules rules{
      .last_segment = last, .min_time = time, .keep_series = [this, last](std::uint64_t ref) {
        if (parts_.head.has_series(ref)) return true;
        const auto it = last_segments_.find(ref);
        return it != last_segments_.end() && it->second > last;
      }};
  auto written = write_checkpoint(parts_.env, parts_.log_directory, rules, parts_.log_options);
  if (!written) {
    counters_.checkpoints_failed.fetch_add(1, std::memory_order_relaxed);
    return std::unexpected(std::move(written).error());
  }
  counters_.checkpoints.fetch_add(1, std::memory_order_relaxed);
  boost::unordered::erase_if(last_segments_,
                             [last](const auto& entry) { return entry.second <= last; });
  counters_.checkpoint_deletions.fetch_add(1, std::memory_order_relaxed);
  if (auto removed = remove_log_up_to(parts_.env, parts_.log_directory, last); !removed) {
    counters_.checkpoint_deletions_failed.fetch_add(1, std::memory_order_relaxed);
    return removed;
  }
  {
    const util::MutexLock lock(parts_.commit_mutex);
    times_.forget_up_to(last);
  }
  counters_.log_truncations.fetch_add(1, std::memory_order_relaxed);
  timing.done();
  util::log_info("The log was truncated", {{"component", "tsdb"},
                                           {"up_to_segment", last},
                                           {"series_kept", written->series_kept},
                                           {"series_dropped", written->series_dropped},
                                           {"samples_kept", written->samples_kept},
                                           {"samples_dropped", written->samples_dropped}});
  return {};
}

}  // namespace narthex::tsdb
