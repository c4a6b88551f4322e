// Makes the chunks of one series of a new block from the chunks it comes from: those that overlap
// nothing are taken byte for byte, without decoding; the others are decoded, merged and encoded
// again. Threads: confined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "narthex/model/timestamp.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/result.h"

#include "tsdb/block/chunk_encode.h"
#include "tsdb/block/series_source.h"

namespace narthex::tsdb {

class ChunkMerger {
 public:
  // Samples outside of `keep` are left out. Chunks that are encoded anew get at most
  // `samples_per_chunk`.
  ChunkMerger(model::TimeRange keep, std::size_t samples_per_chunk)
      : keep_(keep), encoder_(samples_per_chunk) {}

  // Chunks that ascend and do not overlap, without deletions. They refer to the input or to the
  // merger, and are valid until the next call. Where several chunks have a sample at the same time,
  // that of the least rank is taken.
  util::Result<std::span<const SourceChunk>> merge(std::span<const SourceChunk> chunks);
  // Since the merger was made.
  [[nodiscard]] std::uint64_t chunks_copied() const noexcept { return chunks_copied_; }
  [[nodiscard]] std::uint64_t chunks_encoded() const noexcept { return chunks_encoded_; }

 private:
  [[nodiscard]] bool is_whole(const SourceChunk& chunk) const;
  util::Result<void> merge_overlapping(std::span<const SourceChunk> group);

  const model::TimeRange keep_;
  std::vector<SourceChunk> out_;
  std::vector<SourceChunk> by_rank_;  // Of the group at hand.
  ChunkEncoder encoder_;              // Has what out_ refers to.
  storage::SampleColumns samples_;
  std::uint64_t chunks_copied_ = 0;
  std::uint64_t chunks_encoded_ = 0;
};

}  // namespace narthex::tsdb
