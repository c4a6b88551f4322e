// How new the samples of each segment of the log are at most. A segment whose samples are all in
// blocks is dropped without anything of it being written again; so that there are such segments,
// one begins whenever the samples reach the range of the next block.
// Threads: confined.
#pragma once

#include <cstdint>
#include <vector>

#include "narthex/model/timestamp.h"

namespace narthex::tsdb {

class SegmentTimes {
 public:
  // What earlier runs have left is in segments before `first_own`, and `newest` is the newest
  // sample of it (kTimestampMin: none). `block_range_ms` is the range of the blocks that are cut
  // from the head.
  SegmentTimes(std::uint64_t first_own, model::TimestampMs newest, std::int64_t block_range_ms);

  // Whether a batch with this newest sample is the first one in its block's range; a batch without
  // samples (kTimestampMin) never is.
  [[nodiscard]] bool begins_range(model::TimestampMs newest) const noexcept {
    return newest != model::kTimestampMin && newest >= next_range_;
  }
  // Samples up to `newest` are in `segment`, or none (kTimestampMin). Segments come in ascending
  // order.
  void note(std::uint64_t segment, model::TimestampMs newest);

  // The first segment that may have a sample that is not older than `time`; `current` if only that
  // one and later ones may.
  [[nodiscard]] std::uint64_t first_with(model::TimestampMs time,
                                         std::uint64_t current) const noexcept;
  void forget_up_to(std::uint64_t segment);

 private:
  struct Newest {
    std::uint64_t segment = 0;  // This one and those before, down to the one noted before.
    model::TimestampMs time = model::kTimestampMin;
  };
  const std::int64_t block_range_ms_;
  model::TimestampMs next_range_ = model::kTimestampMin;  // The first time of it.
  std::vector<Newest> newest_;
};

}  // namespace narthex::tsdb
