// Makes the log shorter: what is still needed of its oldest segments goes into a checkpoint, then
// they are deleted (storage-format.md §8, "Checkpoint"; docs/formats/wal.md).
// Threads: functions without state; the segments in question are not written to any more.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "narthex/model/timestamp.h"
#include "narthex/util/env.h"
#include "narthex/util/result.h"

#include "tsdb/wal/log_writer.h"

namespace narthex::tsdb {

struct CheckpointRules {
  std::uint64_t last_segment = 0;   // The last one that the checkpoint stands for.
  model::TimestampMs min_time = 0;  // Older samples are in a block.
  std::function<bool(std::uint64_t ref)> keep_series;
};

struct CheckpointStats {
  std::uint64_t series_kept = 0;
  std::uint64_t series_dropped = 0;
  std::uint64_t samples_kept = 0;
  std::uint64_t samples_dropped = 0;
  std::uint64_t damaged_regions = 0;  // What they held is not in the checkpoint.
};

// The segment that a checkpoint should end with when the log holds segments first…current, of which
// `current` is being written; 0 when it is too early for one.
[[nodiscard]] std::uint64_t checkpoint_end(std::uint64_t first, std::uint64_t current) noexcept;

// Writes checkpoint.<last_segment> in `directory` from the checkpoint before and the segments
// since. It is there whole, and durable, or not at all.
util::Result<CheckpointStats> write_checkpoint(util::Env& env, const std::string& directory,
                                               const CheckpointRules& rules,
                                               LogWriterOptions options);

// Deletes the segments up to this one, older checkpoints, and checkpoints that were not finished.
util::Result<void> remove_log_up_to(util::Env& env, const std::string& directory,
                                    std::uint64_t last_segment);

}  // namespace narthex::tsdb
