// Which blocks to compact, and which are too old or too many to keep. Rules: storage-format.md §10
// (ST-C1, ST-C2, ST-R1, ST-R2). Threads: functions without state.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tsdb/block/block_meta.h"

namespace narthex::tsdb {

// Ranges of blocks in milliseconds, ascending: min, 3·min, 9·min, … up to `max_ms`; at least one.
[[nodiscard]] std::vector<std::int64_t> compaction_ranges(std::int64_t min_ms, std::int64_t max_ms);

struct PlanOptions {
  std::vector<std::int64_t> ranges;  // As compaction_ranges() gives them.
  bool merge_overlapping = true;
};

// ULIDs of the blocks that should become one block, in order of time; empty: nothing to do. A
// single block is rewritten to be rid of what was deleted from it.
[[nodiscard]] std::vector<std::string> plan_compaction(std::vector<BlockMeta> blocks,
                                                       const PlanOptions& options);

// What a compaction of these makes; `ulid` names it. Precondition: at least one.
[[nodiscard]] BlockMeta compacted_meta(std::span<const BlockMeta> parents, std::string ulid);

struct SizedBlock {
  BlockMeta meta;
  std::uint64_t bytes = 0;
};
// Blocks beyond the retention time, counted back from the end of the newest block; 0 keeps all.
[[nodiscard]] std::vector<std::string> beyond_time(std::span<const SizedBlock> blocks,
                                                   std::int64_t retention_ms);
// The oldest blocks, as many as make `head_bytes` and the others fit; 0 keeps all.
[[nodiscard]] std::vector<std::string> beyond_size(std::span<const SizedBlock> blocks,
                                                   std::uint64_t head_bytes,
                                                   std::uint64_t bytes_max);

}  // namespace narthex::tsdb
