// How a start takes over the snapshot of the head that a clean stop has left.
#include "tsdb/chunk/histogram_chunk.h"
#include "tsdb/db/replay.h"
#include "tsdb/wal/snapshot_record.h"

namespace narthex::tsdb {

util::Result<void> LogReplay::run_snapshot(const SnapshotPlace& place, const SnapshotNote& note) {
  if (note.series_end != 0) head_.reserve_id(note.series_end - 1);
  NX_TRY(visit_snapshot(env_, place.path,
                        [this](std::string_view record) { return apply_snapshot_record(record); }));
  snapshot_ = place;
  return {};
}

util::Result<void> LogReplay::apply_snapshot_record(std::string_view record) {
  switch (static_cast<SnapshotRecordType>(record[0])) {
    case SnapshotRecordType::kSeries:
      apply_snapshot_series(record);
      break;
    case SnapshotRecordType::kTombstones: {
      std::vector<RefTombstone> stones;
      NX_TRY(decode_snapshot_tombstones(record, stones));
      apply_tombstones(stones);
      break;
    }
    case SnapshotRecordType::kExemplars: {
      std::vector<RefExemplar> exemplars;
      NX_TRY(decode_snapshot_exemplars(record, exemplars));
      apply_exemplars(exemplars);
      break;
    }
  }
  return {};
}

void LogReplay::apply_snapshot_series(std::string_view record) {
  const auto series = decode_snapshot_series(record);
  NX_CHECK(series.has_value(), "a checked record does not parse");
  define(series->ref, series->labels);
  if (!series->has_chunk) return;
  const std::uint64_t id = id_of(series->ref);
  std::vector<model::TimestampMs> times;
  const auto encoding = static_cast<ChunkEncoding>(series->encoding);
  if (encoding == ChunkEncoding::kXor) {
    std::vector<double> values;
    const auto decoded = decode_xor_chunk(series->chunk, {times, values});
    NX_CHECK(decoded.has_value(), "a checked chunk does not decode");
    for (std::size_t i = 0; i < times.size(); ++i)
      count(head_.replay_sample(id, times[i], values[i]));
  } else if (encoding == ChunkEncoding::kHistogram) {
    std::vector<model::IntHistogram> histograms;
    const auto decoded = decode_histogram_chunk(
        series->chunk, HistogramColumns<model::IntHistogram>{times, histograms});
    NX_CHECK(decoded.has_value(), "a checked chunk does not decode");
    apply_snapshot_histograms(id, times, histograms);
  } else {
    std::vector<model::FloatHistogram> histograms;
    const auto decoded = decode_float_histogram_chunk(
        series->chunk, HistogramColumns<model::FloatHistogram>{times, histograms});
    NX_CHECK(decoded.has_value(), "a checked chunk does not decode");
    apply_snapshot_histograms(id, times, histograms);
  }
}

template <class Histogram>
void LogReplay::apply_snapshot_histograms(std::uint64_t id,
                                          const std::vector<model::TimestampMs>& times,
                                          const std::vector<Histogram>& histograms) {
  for (std::size_t i = 0; i < times.size(); ++i)
    count(head_.replay_histogram(id, times[i], histograms[i]));
}

}  // namespace narthex::tsdb
