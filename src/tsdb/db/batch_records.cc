#include "tsdb/db/batch_records.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "tsdb/wal/histogram_record.h"

namespace narthex::tsdb {

namespace {

constexpr std::size_t kSamplesPerRecord = 4096;
constexpr std::size_t kSeriesPerRecord = 256;
constexpr std::size_t kExemplarsPerRecord = 1024;
constexpr std::size_t kMetadataPerRecord = 256;
constexpr std::size_t kHistogramBytesPerRecord = 64 << 10U;

// Calls visit(slice) for slices of at most `count_max` entries.
template <class Entry, class Visit>
void for_each_slice(std::span<const Entry> all, std::size_t count_max, Visit visit) {
  for (std::size_t i = 0; i < all.size(); i += count_max)
    visit(all.subspan(i, std::min(count_max, all.size() - i)));
}

}  // namespace

void BatchRecords::add_series(LogWriter& log, std::span<const SeriesId> ids) {
  for_each_slice(ids, kSeriesPerRecord, [&](std::span<const SeriesId> slice) {
    record_.clear();
    SeriesRecordEncoder encoder(record_);
    for (const SeriesId id : slice) {
      const auto pairs = index_.labels_of(id).pairs();
      encoder.series(id, pairs.size());
      for (const PairId pair : pairs) {
        const model::LabelView label = index_.label(pair);
        encoder.label(label.name, label.value);
      }
    }
    log.add(record_);
  });
}

void BatchRecords::add_metadata(LogWriter& log, std::span<const RefMetadata> entries) {
  for_each_slice(entries, kMetadataPerRecord, [&](std::span<const RefMetadata> slice) {
    record_.clear();
    encode_metadata_record(record_, slice);
    log.add(record_);
  });
}

void BatchRecords::add_samples(LogWriter& log, const storage::WriteBatch& batch,
                               const PreparedBatch& prepared) {
  const std::span refs(batch.refs);
  const std::span timestamps(batch.timestamps);
  const std::span values(batch.values);
  for (std::size_t i = 0; i < refs.size(); i += kSamplesPerRecord) {
    const std::size_t count = std::min(kSamplesPerRecord, refs.size() - i);
    const std::span stored(prepared.series.data() + i, count);
    record_.clear();
    encode_samples_record(record_, refs.subspan(i, count), timestamps.subspan(i, count),
                          values.subspan(i, count),
                          [stored](std::size_t k) { return stored[k] != nullptr; });
    if (!record_.empty()) log.add(record_);
  }
}

void BatchRecords::add_late_samples(LogWriter& log, const PreparedBatch& prepared) {
  const std::span refs(prepared.late_refs);
  const std::span timestamps(prepared.late_timestamps);
  const std::span values(prepared.late_values);
  for (std::size_t i = 0; i < refs.size(); i += kSamplesPerRecord) {
    const std::size_t count = std::min(kSamplesPerRecord, refs.size() - i);
    record_.clear();
    encode_samples_record(record_, refs.subspan(i, count), timestamps.subspan(i, count),
                          values.subspan(i, count), [](std::size_t) { return true; });
    log.add(record_);
  }
}

void BatchRecords::add_histograms(LogWriter& log, std::span<const PreparedHistogram> histograms) {
  struct Kind {
    bool integers = false;
    bool custom_buckets = false;
    bool operator==(const Kind&) const = default;
  };
  Kind kind;
  std::optional<HistogramsRecordEncoder<model::IntHistogram>> integers_out;
  std::optional<HistogramsRecordEncoder<model::FloatHistogram>> floats_out;
  record_.clear();
  for (const PreparedHistogram& one : histograms) {
    const bool integers = one.integer != nullptr;
    const std::int32_t schema = integers ? one.integer->schema : one.floating->schema;
    const Kind next{integers, schema == model::kCustomBucketsSchema};
    if (!record_.empty() && (next != kind || record_.size() >= kHistogramBytesPerRecord)) {
      log.add(record_);
      record_.clear();
    }
    if (record_.empty()) {
      kind = next;
      integers_out.emplace(record_, kind.custom_buckets);
      floats_out.emplace(record_, kind.custom_buckets);
    }
    if (integers) {
      integers_out->add(one.ref, one.timestamp, *one.integer);
    } else {
      floats_out->add(one.ref, one.timestamp, *one.floating);
    }
  }
  if (!record_.empty()) log.add(record_);
}

void BatchRecords::add_exemplars(LogWriter& log, std::span<const storage::Exemplar> exemplars,
                                 std::span<const std::size_t> indices) {
  for_each_slice(indices, kExemplarsPerRecord, [&](std::span<const std::size_t> slice) {
    std::vector<RefExemplar> entries;
    for (const std::size_t i : slice) {
      const storage::Exemplar& one = exemplars[i];
      entries.push_back({one.ref, one.timestamp, one.value, one.labels});
    }
    record_.clear();
    encode_exemplars_record(record_, entries);
    log.add(record_);
  });
}

void BatchRecords::add_chunk_markers(LogWriter& log, std::span<const RefChunkMarker> markers) {
  for_each_slice(markers, kSamplesPerRecord, [&](std::span<const RefChunkMarker> slice) {
    record_.clear();
    encode_chunk_markers_record(record_, slice);
    log.add(record_);
  });
}

void BatchRecords::add_tombstones(LogWriter& log, std::span<const RefTombstone> stones) {
  for_each_slice(stones, kSamplesPerRecord, [&](std::span<const RefTombstone> slice) {
    record_.clear();
    encode_tombstones_record(record_, slice);
    log.add(record_);
  });
}

}  // namespace narthex::tsdb
