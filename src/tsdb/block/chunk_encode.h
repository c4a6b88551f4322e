// From columns of samples to chunks. Threads: confined.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/storage/queryable.h"

#include "tsdb/block/series_source.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {

// Keeps the bytes of the chunks it makes.
class ChunkEncoder {
 public:
  explicit ChunkEncoder(std::size_t samples_per_chunk) : samples_per_chunk_(samples_per_chunk) {}

  // Forgets the chunks made so far.
  void clear() { payloads_.clear(); }
  // Appends chunks that hold `samples` to `out`, ascending and disjoint. They refer to the encoder,
  // until clear(). Histograms whose counts are all integers become integer histograms.
  // Precondition: no time has both a float and a histogram.
  void encode(const storage::SampleColumns& samples, std::vector<SourceChunk>& out);

 private:
  void encode_floats(std::span<const model::TimestampMs> times, std::span<const double> values,
                     std::vector<SourceChunk>& out);
  void encode_histograms(std::span<const model::TimestampMs> times,
                         std::span<const model::FloatHistogram> histograms,
                         std::vector<SourceChunk>& out);
  template <class Histogram>
  void encode_run(std::span<const model::TimestampMs> times, std::span<const Histogram> histograms,
                  std::vector<SourceChunk>& out);
  void add(model::TimestampMs min, model::TimestampMs max, ChunkEncoding encoding,
           std::string_view bytes, std::vector<SourceChunk>& out);

  const std::size_t samples_per_chunk_;
  std::deque<std::string> payloads_;
};

}  // namespace narthex::tsdb
