// The samples of one series that came after newer ones: kept beside its chunks until a block has
// them (storage-format.md ST-A3).
//
// The newest few are an ordered list; when it is full it becomes chunks, which go from memory to
// the files of head chunks, the oldest first. First come, first kept: where two samples have the
// same time, readers get the one that was inserted first. Threads: as HeadSeries; chunks are
// immutable, and a view may be read without any lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/model/timestamp.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/env.h"
#include "narthex/util/result.h"

#include "tsdb/head/file_chunk.h"

namespace narthex::tsdb {

using CommitSequence = std::uint64_t;
inline constexpr CommitSequence kAnyCommit = std::numeric_limits<CommitSequence>::max();

struct LateSample {
  model::TimestampMs timestamp = 0;
  CommitSequence commit = 0;  // That brought it.
  double value = 0;
  std::shared_ptr<const model::FloatHistogram> histogram;  // Instead of the value, unless null.
};

struct LateChunk {
  model::TimestampMs min = 0;  // Of its samples; both ends belong to it.
  model::TimestampMs max = 0;
  std::uint8_t encoding = 0;
  std::uint32_t sample_count = 0;
  CommitSequence newest_commit = 0;
  // In memory:
  std::string payload;
  std::vector<CommitSequence> commits;  // Of each sample.
  // Or in a file, which stays readable as long as the chunk; every reader sees all of it.
  std::shared_ptr<const util::MappedFile> file;
  FileChunkRef file_ref = 0;
  [[nodiscard]] bool is_in_file() const noexcept { return file != nullptr; }
};
using LateChunkPtr = std::shared_ptr<const LateChunk>;

// What a reader takes along: samples of commits up to its own.
struct LateView {
  std::vector<LateChunkPtr> chunks;  // In order of insertion.
  std::vector<LateSample> open;
  [[nodiscard]] bool empty() const noexcept { return chunks.empty() && open.empty(); }
};

class LateSamples {
 public:
  static constexpr std::size_t kOpenMax = 32;

  // kRepeated: the open list has a sample at this time, the new one is dropped. kSealed: it was
  // stored, and the open list has become chunks.
  enum class Insert : std::uint8_t { kRepeated, kStored, kSealed };
  Insert insert(LateSample sample);
  // Makes chunks of the open list, whatever it holds.
  void seal();
  // The chunks that are in memory, in order; those that commits up to `until` have brought whole,
  // up to the first that is not.
  [[nodiscard]] std::vector<LateChunkPtr> unfiled(CommitSequence until) const;
  // A chunk that unfiled() gave is in a file now. Nothing happens when it was dropped meanwhile.
  void chunk_filed(const LateChunkPtr& chunk, LateChunkPtr in_file);
  // What is in memory, chunks and open list.
  [[nodiscard]] LateView in_memory() const;
  // While a start reads: these chunks in files hold samples that were inserted. They take the place
  // of those, and stand before whatever else was inserted. Chunks that are known already do
  // nothing. kCorruption when one cannot be decoded: nothing has changed then.
  util::Result<void> take_filed(std::span<const LateChunkPtr> chunks);
  // Of the files that chunks are in, the one with the smallest number; the largest number if none.
  [[nodiscard]] std::uint32_t oldest_file() const noexcept;

  // Of commits up to `until` with samples in the range (chunks as a whole).
  [[nodiscard]] LateView view(model::TimeRange range, CommitSequence until) const;
  // Of those whether there are any; those that the sorted ranges `deleted` cover do not count.
  [[nodiscard]] bool any_in(model::TimeRange range, CommitSequence until,
                            std::span<const model::TimeRange> deleted = {}) const;
  // Drops what commits up to `until` have brought; chunks that hold newer samples too stay whole.
  void drop(CommitSequence until);

  [[nodiscard]] bool empty() const noexcept { return open_.empty() && chunks_.empty(); }
  [[nodiscard]] std::size_t sample_count() const noexcept;
  // Of all samples. Precondition: not empty().
  [[nodiscard]] model::TimeRange time_range() const noexcept;
  // Histograms of the open list count as nothing: they are few, and soon in a chunk.
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + open_.capacity() * sizeof(LateSample) + chunk_bytes_;
  }

 private:
  std::vector<LateSample> open_;  // Ascending in time.
  std::vector<LateChunkPtr> chunks_;
  std::size_t chunk_bytes_ = 0;
};

// Appends the view's samples in the range that commits up to `until` have brought to `out`, sorted
// into what is there, whose samples win. kCorruption when a chunk cannot be decoded.
util::Result<void> read_late(const LateView& view, model::TimeRange range, CommitSequence until,
                             storage::SampleColumns& out);

}  // namespace narthex::tsdb
