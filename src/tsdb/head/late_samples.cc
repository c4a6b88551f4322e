#include "tsdb/head/late_samples.h"

#include <algorithm>
#include <span>

#include <boost/unordered/unordered_flat_set.hpp>
#include <fmt/format.h>

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

// Valid as long as the chunk.
util::Result<std::string_view> payload_of(const LateChunk& chunk) {
  if (!chunk.is_in_file()) return std::string_view(chunk.payload);
  const std::uint64_t offset = chunk.file_ref & 0xffff'ffffU;
  const auto found = parse_file_chunk(chunk.file->bytes(), offset);
  if (!found) {
    return util::fail(util::Code::kCorruption,
                      fmt::format("file {:06} of head chunks: byte {}: chunk checksum",
                                  chunk.file_ref >> 32U, offset));
  }
  return found->chunk.payload;
}

util::Result<void> read_chunk(const LateChunk& chunk, model::TimeRange range, CommitSequence until,
                              storage::SampleColumns& out) {
  const ColumnsMark mark = mark_of(out);
  NX_ASSIGN(const std::string_view payload, payload_of(chunk));
  NX_TRY(append_chunk_samples({.encoding = chunk.encoding, .payload = payload}, out));
  if (chunk.newest_commit > until && !chunk.commits.empty()) {
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

LateSamples::Insert LateSamples::insert(LateSample sample) {
  const auto at = std::ranges::lower_bound(open_, sample.timestamp, {}, &LateSample::timestamp);
  if (at != open_.end() && at->timestamp == sample.timestamp) return Insert::kRepeated;
  open_.insert(at, std::move(sample));
  if (open_.size() < kOpenMax) return Insert::kStored;
  seal();
  return Insert::kSealed;
}

void LateSamples::seal() {
  if (open_.empty()) return;
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

std::vector<LateChunkPtr> LateSamples::unfiled(CommitSequence until) const {
  std::vector<LateChunkPtr> out;
  for (const LateChunkPtr& chunk : chunks_) {
    if (chunk->is_in_file()) continue;
    if (chunk->newest_commit > until) break;
    out.push_back(chunk);
  }
  return out;
}

void LateSamples::chunk_filed(const LateChunkPtr& chunk, LateChunkPtr in_file) {
  const auto at = std::ranges::find(chunks_, chunk);
  if (at == chunks_.end()) return;
  chunk_bytes_ -= bytes_of(**at);
  *at = std::move(in_file);
  chunk_bytes_ += bytes_of(**at);
}

LateView LateSamples::in_memory() const {
  LateView out;
  for (const LateChunkPtr& chunk : chunks_) {
    if (!chunk->is_in_file()) out.chunks.push_back(chunk);
  }
  out.open = open_;
  return out;
}

util::Result<void> LateSamples::take_filed(std::span<const LateChunkPtr> chunks) {
  std::vector<LateChunkPtr> taken;
  storage::SampleColumns filed;
  boost::unordered_flat_set<FileChunkRef> known;
  for (const LateChunkPtr& chunk : chunks_) {
    if (chunk->is_in_file()) known.insert(chunk->file_ref);
  }
  for (const LateChunkPtr& chunk : chunks) {
    NX_TRY(read_chunk(*chunk, {}, kAnyCommit, filed));
    if (known.insert(chunk->file_ref).second) taken.push_back(chunk);
  }
  storage::SampleColumns inserted;
  const LateView before = in_memory();
  if (!before.chunks.empty()) NX_TRY(read_chunks(before.chunks, {}, kAnyCommit, inserted));
  std::ranges::sort(filed.float_timestamps);
  std::ranges::sort(filed.histogram_timestamps);

  std::erase_if(chunks_, [this](const LateChunkPtr& chunk) {
    if (chunk->is_in_file()) return false;
    chunk_bytes_ -= bytes_of(*chunk);
    return true;
  });
  open_.clear();
  for (LateChunkPtr& chunk : taken) {
    chunk_bytes_ += bytes_of(*chunk);
    chunks_.push_back(std::move(chunk));
  }
  const auto keep = [&](LateSample sample) {
    const auto& times = sample.histogram ? filed.histogram_timestamps : filed.float_timestamps;
    if (!std::ranges::binary_search(times, sample.timestamp)) insert(std::move(sample));
  };
  for (std::size_t i = 0; i < inserted.float_timestamps.size(); ++i) {
    keep({.timestamp = inserted.float_timestamps[i],
          .commit = 0,
          .value = inserted.float_values[i],
          .histogram = nullptr});
  }
  for (std::size_t i = 0; i < inserted.histogram_timestamps.size(); ++i) {
    keep({.timestamp = inserted.histogram_timestamps[i],
          .commit = 0,
          .value = 0,
          .histogram =
              std::make_shared<const model::FloatHistogram>(std::move(inserted.histograms[i]))});
  }
  for (const LateSample& sample : before.open) keep(sample);
  return {};
}

std::uint32_t LateSamples::oldest_file() const noexcept {
  std::uint32_t oldest = std::numeric_limits<std::uint32_t>::max();
  for (const LateChunkPtr& chunk : chunks_) {
    if (chunk->is_in_file())
      oldest = std::min(oldest, static_cast<std::uint32_t>(chunk->file_ref >> 32U));
  }
  return oldest;
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
           (chunk->newest_commit <= until || chunk->commits.empty() ||
            std::ranges::min(chunk->commits) <= until);
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
