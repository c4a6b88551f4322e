// What a snapshot of the head consists of: records of their own, framed as the log's.
// Format: docs/formats/snapshot.md. Threads: functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/model/labels.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/result.h"

#include "tsdb/wal/histogram_record.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

enum class SnapshotRecordType : std::uint8_t { kSeries = 1, kTombstones = 2, kExemplars = 3 };

// A series and its open chunk.
struct SnapshotSeries {
  std::uint64_t ref = 0;
  model::Labels labels;
  bool has_chunk = false;
  model::TimestampMs min = 0;
  model::TimestampMs max = 0;
  std::uint8_t encoding = 0;
  std::string_view chunk;  // With the sample count in front.
};

// Each writes one record into `out`, which is empty.
void encode_snapshot_series(std::string& out, std::uint64_t ref, const model::Labels& labels);
// The last value says the same as the chunk; Prometheus does not decode chunks to get it.
struct SnapshotLastValue {
  double value = 0;
  const model::IntHistogram* integer = nullptr;     // Instead of the value, as the chunk's encoding
  const model::FloatHistogram* floating = nullptr;  // has it.
};
void encode_snapshot_series(std::string& out, const SnapshotSeries& series,
                            const SnapshotLastValue& last);
void encode_snapshot_tombstones(std::string& out, const std::vector<RefTombstone>& stones);
void encode_snapshot_exemplars(std::string& out, std::span<const RefExemplar> entries);

// kCorruption when the bytes do not parse. The chunk is a view into the record, and not looked at.
util::Result<SnapshotSeries> decode_snapshot_series(std::string_view record);
// Each appends to `out`.
util::Result<void> decode_snapshot_tombstones(std::string_view record,
                                              std::vector<RefTombstone>& out);
util::Result<void> decode_snapshot_exemplars(std::string_view record,
                                             std::vector<RefExemplar>& out);

}  // namespace narthex::tsdb
