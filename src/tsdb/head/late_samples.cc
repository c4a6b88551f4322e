#include "tsdb/head/late_samples.h"

#include <algorithm>
#include <span>

#include "tsdb/block/chunk_encode.h"
#include "tsdb/block/chunk_samples.h"
#include "tsdb/block/tombstones.h"

namespace narthex::tsdb {

namespace {

std::size_t bytes_of(const LateChunk& chunk) noexcept {
  return sizeof(LateChunkPtr) + sizeof(LateChunk) + chunk.payload.size() +
         chunk.commits.size() * sizeof(CommitSequence);
}

// Keeps of what lies behind `from` the samples of commits up to `until`.
template <class Value>
void keep_commits(std::vector<model::TimestampMs>& times, std::vector<Value>& values,
                  std::size_t from, std::span<const CommitSequence> commits, CommitSequence until) {
  std::size_t kept = from;
  for (std::size_t i = 0; i < commits.size() && from + i < times.size(); ++i) {
    if (commits[i] > until) continue;
    if (kept != from + i) {
      times[kept] = times[from + i];
      values[kept] = std::move(values[from + i]);
    }
    ++kept;
  }
  times.resize(kept);
  values.resize(kept);
}

util::Result<void> read_chunk(const LateChunk& chunk, model::TimeRange range, CommitSequence until,
                              storage::SampleColumns& out) {
  const ColumnsMark mark = mark_of(out);
  NX_TRY(append_chunk_samples({.encoding = chunk.encoding, .payload = chunk.payload}, out));
  if (chunk.newest_commit > until) {
    if (holds_histograms(chunk.encoding)) {
      keep_commits(out.histogram_timestamps, out.histograms, mark.histograms, chunk.commits, until);
    } else {
      keep_commits(out.float_timestamps, out.float_values, mark.floats, chunk.commits, until);
    }
  }
  clip_samples(out, mark, range, {});
  return {};
}

// Into `out`, which is empty. By halves, so that many chunks in any order cost no square.
util::Result<void> read_chunks(std::span<const LateChunkPtr> chunks, model::TimeRange range,
                               CommitSequence until, storage::SampleColumns& out) {
  if (chunks.size() == 1) return read_chunk(*chunks.front(), range, until, out);
  const std::size_t half = chunks.size() / 2;
  NX_TRY(read_chunks(chunks.first(half), range, until, out));
  storage::SampleColumns later;
  NX_TRY(read_chunks(chunks.subspan(half), range, until, later));
  const ColumnsMark mark = mark_of(out);
  append_columns(std::move(later), out);
  merge_runs(out, mark);
  return {};
}

void add_sample(const LateSample& sample, storage::SampleColumns& out) {
  if (sample.histogram) {
    out.histogram_timestamps.push_back(sample.timestamp);
    out.histograms.push_back(*sample.histogram);
  } else {
    out.float_timestamps.push_back(sample.timestamp);
    out.float_values.push_back(sample.value);
  }
}

}  // namespace

bool LateSamples::insert(LateSample sample) {
  const auto at = std::ranges::lower_bound(open_, sample.timestamp, {}, &LateSample::timestamp);
  if (at != open_.end() && at->timestamp == sample.timestamp) return false;
  open_.insert(at, std::move(sample));
  if (open_.size() == kOpenMax) seal();
  return true;
}

void LateSamples::seal() {
  storage::SampleColumns columns;
  for (const LateSample& sample : open_) add_sample(sample, columns);
  ChunkEncoder encoder(kOpenMax);
  std::vector<SourceChunk> encoded;
  encoder.encode(columns, encoded);
  std::size_t at = 0;
  for (const SourceChunk& one : encoded) {
    auto chunk = std::make_shared<LateChunk>();
    chunk->min = one.min_time;
    chunk->max = one.max_time;
    chunk->encoding = one.stored.encoding;
    chunk->payload = one.stored.payload;
    chunk->sample_count = chunk_sample_count(one.stored);
    // The chunks hold the samples in their order.
    for (std::size_t i = 0; i < chunk->sample_count; ++i, ++at) {
      chunk->commits.push_back(open_.at(at).commit);
      chunk->newest_commit = std::max(chunk->newest_commit, open_.at(at).commit);
    }
    chunk_bytes_ += bytes_of(*chunk);
    chunks_.push_back(std::move(chunk));
  }
  open_.clear();
}

LateView LateSamples::view(model::TimeRange range, CommitSequence until) const {
  LateView out;
  for (const LateChunkPtr& chunk : chunks_) {
    if (range.overlaps({chunk->min, chunk->max})) out.chunks.push_back(chunk);
  }
  for (const LateSample& sample : open_) {
    if (sample.commit <= until && range.contains(sample.timestamp)) out.open.push_back(sample);
  }
  return out;
}

bool LateSamples::any_in(model::TimeRange range, CommitSequence until,
                         std::span<const model::TimeRange> deleted) const {
  const bool in_open = std::ranges::any_of(open_, [&](const LateSample& sample) {
    return sample.commit <= until && range.contains(sample.timestamp) &&
           !is_deleted(deleted, sample.timestamp);
  });
  if (in_open) return true;
  // By chunks: whoever reads gets the samples that are really in the range, possibly none.
  return std::ranges::any_of(chunks_, [&](const LateChunkPtr& chunk) {
    const model::TimeRange of_chunk{chunk->min, chunk->max};
    return range.overlaps(of_chunk) && !is_deleted(deleted, of_chunk) &&
           (chunk->newest_commit <= until || std::ranges::min(chunk->commits) <= until);
  });
}

void LateSamples::drop(CommitSequence until) {
  std::erase_if(open_, [until](const LateSample& sample) { return sample.commit <= until; });
  std::erase_if(chunks_, [this, until](const LateChunkPtr& chunk) {
    if (chunk->newest_commit > until) return false;
    chunk_bytes_ -= bytes_of(*chunk);
    return true;
  });
}

std::size_t LateSamples::sample_count() const noexcept {
  std::size_t count = open_.size();
  for (const LateChunkPtr& chunk : chunks_) count += chunk->sample_count;
  return count;
}

model::TimeRange LateSamples::time_range() const noexcept {
  model::TimeRange range{model::kTimestampMax, model::kTimestampMin};
  if (!open_.empty()) range = {open_.front().timestamp, open_.back().timestamp};
  for (const LateChunkPtr& chunk : chunks_) {
    range.min = std::min(range.min, chunk->min);
    range.max = std::max(range.max, chunk->max);
  }
  return range;
}

util::Result<void> read_late(const LateView& view, model::TimeRange range, CommitSequence until,
                             storage::SampleColumns& out) {
  storage::SampleColumns late;
  if (!view.chunks.empty()) NX_TRY(read_chunks(view.chunks, range, until, late));
  const ColumnsMark open_mark = mark_of(late);
  for (const LateSample& sample : view.open) {
    if (range.contains(sample.timestamp)) add_sample(sample, late);
  }
  merge_runs(late, open_mark);
  const ColumnsMark mark = mark_of(out);
  append_columns(std::move(late), out);
  merge_runs(out, mark);
  return {};
}

}  // namespace narthex::tsdb
