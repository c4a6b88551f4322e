// Turns blocks into a block, and the oldest part of the head into one. What it reads stays where it
// is: whoever calls publishes the result and removes the parents. Threads: functions without state.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "narthex/util/env.h"
#include "narthex/util/result.h"

#include "tsdb/block/block.h"
#include "tsdb/block/block_writer.h"

namespace narthex::tsdb {

using BlockPtr = std::shared_ptr<const Block>;

struct BlockTarget {
  util::Env& env;
  std::string directory;  // The data directory, or a snapshot's.
  std::string ulid;       // Of the block to be.
};

[[nodiscard]] inline bool is_late(const BlockPtr& block) {
  return block->meta().has_hint(kFromOutOfOrder);
}
// In the order in which their samples count where several have one at the same time: as they are
// listed, those of late samples at the end, the oldest first (docs/decisions/0011).
[[nodiscard]] std::vector<BlockPtr> by_precedence(std::span<const BlockPtr> blocks);

// Nothing when all their samples were deleted. Precondition: at least one parent.
util::Result<std::optional<WrittenBlock>> compact_blocks(const BlockTarget& target,
                                                         std::span<const BlockPtr> parents,
                                                         const BlockWriteOptions& options);
// A block of level 1 with the samples of `source` in [range.min, range.max].
util::Result<std::optional<WrittenBlock>> compact_head(const BlockTarget& target,
                                                       SeriesSource& source, model::TimeRange range,
                                                       const BlockWriteOptions& options,
                                                       std::vector<std::string> hints = {});

// Whether the same would fail again: then the parents are marked, and left alone from there on.
[[nodiscard]] bool is_lasting_failure(const util::Error& error) noexcept;

}  // namespace narthex::tsdb
