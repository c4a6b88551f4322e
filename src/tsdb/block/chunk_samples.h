// From stored chunks to columns of samples. Threads: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "narthex/model/timestamp.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/result.h"

#include "tsdb/block/chunk_reader.h"
#include "tsdb/chunk/sample_cache.h"

namespace narthex::tsdb {

// How many samples the chunk says it has, without looking at them; 0 for a chunk too short to say.
[[nodiscard]] std::uint32_t chunk_sample_count(StoredChunk chunk) noexcept;
// Of a histogram's encoding.
[[nodiscard]] bool holds_histograms(std::uint8_t encoding) noexcept;

// Appends all samples of the chunk; its first histogram's hint is unknown, or gauge. kCorruption
// when the bytes are not a chunk, kUnsupported for an encoding that this build does not know; then
// nothing is appended.
util::Result<void> append_chunk_samples(StoredChunk chunk, storage::SampleColumns& out);

// The same by way of a cache of floats. `load` gives the chunk when the cache does not have it.
template <class Load>
util::Result<void> append_cached_samples(SampleCache* cache, const ChunkKey& key, Load&& load,
                                         storage::SampleColumns& out) {
  const FloatColumns floats{out.float_timestamps, out.float_values};
  if (cache != nullptr && cache->read(key, floats)) return {};
  NX_ASSIGN(const StoredChunk chunk, load());
  const std::size_t before = out.float_timestamps.size();
  NX_TRY(append_chunk_samples(chunk, out));
  if (cache != nullptr && static_cast<ChunkEncoding>(chunk.encoding) == ChunkEncoding::kXor) {
    cache->offer(key, std::span(out.float_timestamps).subspan(before),
                 std::span(out.float_values).subspan(before));
  }
  return {};
}

// How long the two lists are; what comes behind a mark has been appended since.
struct ColumnsMark {
  std::size_t floats = 0;
  std::size_t histograms = 0;
};
[[nodiscard]] ColumnsMark mark_of(const storage::SampleColumns& columns) noexcept;
// Drops from the samples behind `mark` what lies outside of `keep` or in one of the sorted ranges
// `deleted`.
void clip_samples(storage::SampleColumns& columns, ColumnsMark mark, model::TimeRange keep,
                  std::span<const model::TimeRange> deleted);

// Moves all of `from` behind what `out` has. Precondition: neither knows starts of counters.
void append_columns(storage::SampleColumns&& from, storage::SampleColumns& out);

// Sorts what lies behind `mark` in each list into what is before it; both runs are sorted. Of
// samples at the same time the first run's stays. What a histogram's hint says about the one before
// it holds inside its own run only, and is forgotten where runs meet.
void merge_runs(storage::SampleColumns& columns, ColumnsMark mark);

}  // namespace narthex::tsdb
