// Writes a block: into a directory with a temporary name, synced, renamed, the data directory
// synced. Whatever happens in between, the block is there whole or not at all.
// Format: docs/formats/block.md. Threads: functions without state.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "narthex/util/env.h"
#include "narthex/util/result.h"

#include "tsdb/block/block_meta.h"
#include "tsdb/block/chunk_writer.h"
#include "tsdb/block/series_source.h"

namespace narthex::tsdb {

// Of a chunk that was written.
struct ChunkFigures {
  std::uint32_t samples = 0;
  std::size_t payload_bytes = 0;
  std::int64_t range_ms = 0;  // From its first to its last sample.
};

struct BlockWriteOptions {
  std::uint64_t chunk_segment_bytes = kChunkSegmentBytes;
  std::size_t samples_per_chunk = 120;  // Of chunks that must be encoded anew.
  // Asked between series; true ends the work with kCanceled and leaves nothing behind.
  std::function<bool()> stop;
  std::function<void(const ChunkFigures& chunk)> chunk_written{};  // Null: nobody asks.
};

struct WrittenBlock {
  BlockMeta meta;  // With its statistics.
  std::uint64_t chunk_bytes = 0;
  std::uint64_t chunks_copied = 0;
  std::uint64_t chunks_encoded = 0;
};

// Writes the samples of `source` that lie in [meta.min_time, meta.max_time) as block meta.ulid of
// `data_directory`. Nothing at all when there are no such samples.
util::Result<std::optional<WrittenBlock>> write_block(util::Env& env,
                                                      const std::string& data_directory,
                                                      BlockMeta meta, SeriesSource& source,
                                                      const BlockWriteOptions& options);

}  // namespace narthex::tsdb
