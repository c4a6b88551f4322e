// From columns of samples to chunks. Threads: confined.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "narthex/storage/queryable.h"
#include "narthex/util/result.h"

#include "tsdb/block/series_source.h"

namespace narthex::tsdb {

// Keeps the bytes of the chunks it makes.
class ChunkEncoder {
 public:
  explicit ChunkEncoder(std::size_t samples_per_chunk) : samples_per_chunk_(samples_per_chunk) {}

  // Forgets the chunks made so far.
  void clear() { payloads_.clear(); }
  // Appends chunks that hold `samples` to `out`. They refer to the encoder, until clear().
  // kUnsupported when there are histograms among the samples.
  util::Result<void> encode(const storage::SampleColumns& samples, std::vector<SourceChunk>& out);

 private:
  const std::size_t samples_per_chunk_;
  std::deque<std::string> payloads_;
};

}  // namespace narthex::tsdb
