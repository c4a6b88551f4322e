// A native histogram chunk that samples are still added to, together with its newest sample.
//
// Takes samples whose buckets differ: the chunk is written anew over the buckets of both.
#pragma once

#include <cstdint>
#include <string_view>

#include "narthex/model/timestamp.h"

#include "tsdb/chunk/histogram_chunk.h"
#include "tsdb/chunk/histogram_layout.h"

namespace narthex::tsdb {

// Threads: confined.
template <class Histogram>
class OpenHistogramChunk {
 public:
  // `hint` is the chunk's: what its first sample is to the chunk before.
  OpenHistogramChunk(model::TimestampMs timestamp, const Histogram& first,
                     model::CounterResetHint hint);
  // Whether `next` can follow. kOther for a chunk that has as many samples as a chunk may have.
  [[nodiscard]] HistogramStep step(const Histogram& next) const;
  // Precondition: step(next) gave `step`, which fits.
  void append(model::TimestampMs timestamp, const Histogram& next, const HistogramStep& step);

  // With the sample count in front, as it is stored; valid until the next append().
  [[nodiscard]] std::string_view bytes() const noexcept { return builder_.bytes(); }
  [[nodiscard]] std::size_t sample_count() const noexcept { return builder_.sample_count(); }
  [[nodiscard]] model::TimestampMs first_time() const noexcept { return first_time_; }
  [[nodiscard]] model::TimestampMs last_time() const noexcept { return last_time_; }
  // The newest sample, over the chunk's buckets.
  [[nodiscard]] const Histogram& last() const noexcept { return last_; }
  // About what the chunk takes.
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  void write_anew(const HistogramStep& step);

  HistogramChunkBuilder<Histogram> builder_;
  model::TimestampMs first_time_;
  model::TimestampMs last_time_;
  Histogram last_;
  bool gauge_;
};

// The hint of a new chunk whose first sample is this to the one before it, `fit` to kFits when
// there is none in the way but size.
[[nodiscard]] model::CounterResetHint chunk_hint(HistogramFit fit, model::CounterResetHint own);

}  // namespace narthex::tsdb
