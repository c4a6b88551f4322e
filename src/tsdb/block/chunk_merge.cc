#include "tsdb/block/chunk_merge.h"

#include <algorithm>

#include "tsdb/block/chunk_samples.h"

namespace narthex::tsdb {
namespace {

bool touches(std::span<const model::TimeRange> deleted, const SourceChunk& chunk) {
  const auto it = std::ranges::lower_bound(deleted, chunk.min_time, {}, &model::TimeRange::max);
  return it != deleted.end() && it->min <= chunk.max_time;
}

bool is_same(const SourceChunk& a, const SourceChunk& b) {
  return a.min_time == b.min_time && a.max_time == b.max_time &&
         a.stored.encoding == b.stored.encoding && a.stored.payload == b.stored.payload;
}

}  // namespace

bool ChunkMerger::is_whole(const SourceChunk& chunk) const {
  return chunk.min_time >= keep_.min && chunk.max_time <= keep_.max &&
         !touches(chunk.deleted, chunk);
}

util::Result<std::span<const SourceChunk>> ChunkMerger::merge(std::span<const SourceChunk> chunks) {
  out_.clear();
  encoder_.clear();
  for (std::size_t begin = 0; begin < chunks.size();) {
    // A group is a chunk and all that overlap it, directly or through one another.
    model::TimestampMs group_max = chunks[begin].max_time;
    std::size_t end = begin + 1;
    bool all_same = true;
    for (; end < chunks.size() && chunks[end].min_time <= group_max; ++end) {
      group_max = std::max(group_max, chunks[end].max_time);
      all_same = all_same && is_same(chunks[begin], chunks[end]) && is_whole(chunks[end]);
    }
    if (all_same && is_whole(chunks[begin])) {
      SourceChunk whole = chunks[begin];
      whole.deleted = {};
      out_.push_back(whole);
      ++chunks_copied_;
    } else {
      NX_TRY(merge_overlapping(chunks.subspan(begin, end - begin)));
    }
    begin = end;
  }
  return std::span<const SourceChunk>(out_);
}

util::Result<void> ChunkMerger::merge_overlapping(std::span<const SourceChunk> group) {
  samples_.clear();
  by_rank_.assign(group.begin(), group.end());
  std::ranges::stable_sort(by_rank_, {}, &SourceChunk::rank);
  for (const SourceChunk& chunk : by_rank_) {
    if (!keep_.overlaps({chunk.min_time, chunk.max_time})) continue;
    const ColumnsMark mark = mark_of(samples_);
    NX_TRY(append_chunk_samples(chunk.stored, samples_));
    clip_samples(samples_, mark, keep_, chunk.deleted);
    merge_runs(samples_, mark);
  }
  const std::size_t before = out_.size();
  encoder_.encode(samples_, out_);
  chunks_encoded_ += out_.size() - before;
  return {};
}

}  // namespace narthex::tsdb
