// Puts what a batch brings into records of a log (storage-format.md §8, "Record types"), none of
// them so large that a reader must hold much at once, or that a damaged one costs much.
// Threads: external.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "narthex/storage/appender.h"

#include "tsdb/head/head.h"
#include "tsdb/index/label_index.h"
#include "tsdb/wal/log_writer.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

class BatchRecords {
 public:
  explicit BatchRecords(const LabelIndex& index) : index_(index) {}

  // Each adds to the batch that the log has begun; nothing when there is nothing.
  void add_series(LogWriter& log, std::span<const SeriesId> ids);
  void add_metadata(LogWriter& log, std::span<const RefMetadata> entries);
  // Those of the batch's floats that are stored in order.
  void add_samples(LogWriter& log, const storage::WriteBatch& batch, const PreparedBatch& prepared);
  // The batch's late floats.
  void add_late_samples(LogWriter& log, const PreparedBatch& prepared);
  // In the order in which they are applied, for a series may have several of different types: a
  // record ends where the type changes.
  void add_histograms(LogWriter& log, std::span<const PreparedHistogram> histograms);
  // Those of the batch's exemplars with the given indices.
  void add_exemplars(LogWriter& log, std::span<const storage::Exemplar> exemplars,
                     std::span<const std::size_t> indices);
  void add_chunk_markers(LogWriter& log, std::span<const RefChunkMarker> markers);
  void add_tombstones(LogWriter& log, std::span<const RefTombstone> stones);

 private:
  const LabelIndex& index_;
  std::string record_;  // Kept for its memory.
};

}  // namespace narthex::tsdb
