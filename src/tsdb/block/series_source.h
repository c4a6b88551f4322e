// Where the content of a new block comes from: the head or other blocks, series by series in order
// of labels, chunks as they are stored. Threads: confined.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/result.h"

#include "tsdb/block/block.h"
#include "tsdb/block/chunk_reader.h"

namespace narthex::tsdb {

struct SourceChunk {
  model::TimestampMs min_time = 0;  // Of its first and last sample.
  model::TimestampMs max_time = 0;
  StoredChunk stored;
  // What has been deleted from the series it belongs to: sorted, not overlapping.
  std::span<const model::TimeRange> deleted;
  // Where several chunks have a sample at the same time, the one with the least rank counts.
  std::uint32_t rank = 0;
};

struct SourceSeries {
  model::Labels labels;
  std::vector<SourceChunk> chunks;  // Ascending in min_time. They may overlap.
};

class SeriesSource {
 public:
  virtual ~SeriesSource() = default;
  // Every label name and value of the series to come, sorted and unique; possibly more. Valid as
  // long as the source.
  virtual util::Result<std::vector<std::string_view>> symbols() = 0;
  // The next series; false at the end. Labels strictly ascend. Payloads and deletions that `out`
  // refers to are valid until the next call.
  virtual util::Result<bool> next(SourceSeries& out) = 0;
};

// All series of a block. Damaged chunks are errors.
[[nodiscard]] std::unique_ptr<SeriesSource> block_source(std::shared_ptr<const Block> block);
// Series with equal labels become one that has the chunks of all, ranked as the sources are listed.
[[nodiscard]] std::unique_ptr<SeriesSource> merge_sources(
    std::vector<std::unique_ptr<SeriesSource>> sources);

}  // namespace narthex::tsdb
