// The samples of one series that came after newer ones: kept beside its chunks until a block has
// them (storage-format.md ST-A3).
//
// The newest few are an ordered list; when it is full it becomes chunks. First come, first kept:
// where two samples have the same time, readers get the one that was inserted first.
// Threads: as HeadSeries; chunks are immutable, and a view may be read without any lock.
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
#include "narthex/util/result.h"

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
  std::string payload;
  std::vector<CommitSequence> commits;  // Of each sample.
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

  // False when the open list has a sample at this time: the new one is dropped then.
  bool insert(LateSample sample);

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
  void seal();

  std::vector<LateSample> open_;  // Ascending in time.
  std::vector<LateChunkPtr> chunks_;
  std::size_t chunk_bytes_ = 0;
};

// Appends the view's samples in the range that commits up to `until` have brought to `out`, sorted
// into what is there, whose samples win. kCorruption when a chunk cannot be decoded.
util::Result<void> read_late(const LateView& view, model::TimeRange range, CommitSequence until,
                             storage::SampleColumns& out);

}  // namespace narthex::tsdb
