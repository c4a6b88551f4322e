#include "tsdb/block/chunk_encode.h"

#include <algorithm>

#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {

util::Result<void> ChunkEncoder::encode(const storage::SampleColumns& samples,
                                        std::vector<SourceChunk>& out) {
  if (!samples.histogram_timestamps.empty()) {
    return util::fail(util::Code::kUnsupported, "histograms cannot be encoded anew");
  }
  const std::vector<model::TimestampMs>& times = samples.float_timestamps;
  XorChunkBuilder builder;
  for (std::size_t begin = 0; begin < times.size();) {
    const std::size_t end = std::min(begin + samples_per_chunk_, times.size());
    builder.clear();
    for (std::size_t i = begin; i < end; ++i) builder.append(times[i], samples.float_values[i]);
    payloads_.emplace_back(builder.bytes());
    out.push_back({.min_time = times[begin],
                   .max_time = times[end - 1],
                   .stored = {.encoding = static_cast<std::uint8_t>(ChunkEncoding::kXor),
                              .payload = payloads_.back()},
                   .deleted = {}});
    begin = end;
  }
  return {};
}

}  // namespace narthex::tsdb
