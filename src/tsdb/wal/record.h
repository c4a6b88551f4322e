// What the log's records say (storage-format.md §8, "Record types"). Framing and compression are
// segment_writer.h's and segment_reader.h's business.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/metadata.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/bytes.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

// First byte of a record. Types that are not named here are skipped by readers.
enum class RecordType : std::uint8_t {
  kSeries = 1,
  kSamples = 2,
  kTombstones = 3,
  kExemplars = 4,
  kMmapMarkers = 5,
  kMetadata = 6,
  kHistograms = 7,
  kFloatHistograms = 8,
  kCustomHistograms = 9,
  kCustomFloatHistograms = 10,
  kSamplesV2 = 11,
  kHistogramsV2 = 12,
  kFloatHistogramsV2 = 13,
};

// Samples as three parallel arrays; reused between records.
struct RefSamples {
  std::vector<std::uint64_t> refs;
  std::vector<model::TimestampMs> timestamps;
  std::vector<double> values;
  void clear() noexcept {
    refs.clear();
    timestamps.clear();
    values.clear();
  }
  [[nodiscard]] std::size_t size() const noexcept { return refs.size(); }
};

struct RefSeries {
  std::uint64_t ref = 0;
  model::Labels labels;
};

struct RefTombstone {
  std::uint64_t ref = 0;
  model::TimeRange range;
};

// Late samples of the series that were logged before this one are in this chunk of chunks_head.
struct RefChunkMarker {
  std::uint64_t ref = 0;
  std::uint64_t chunk = 0;  // Its reference; 0: none.
};

struct RefMetadata {
  std::uint64_t ref = 0;
  model::Metadata metadata;
};

// Writes one record of one or more series into `out`, which begins empty.
class SeriesRecordEncoder {
 public:
  explicit SeriesRecordEncoder(std::string& out) : out_(out) {
    out_.push_back(static_cast<char>(RecordType::kSeries));
  }
  // The labels follow: exactly `label_count` calls of label(), sorted by name.
  void series(std::uint64_t ref, std::size_t label_count);
  void label(std::string_view name, std::string_view value);

 private:
  std::string& out_;
};

// Writes a samples record of the entries for which keep(index) holds; nothing if there is none.
// Precondition: `out` is empty.
template <class Keep>
void encode_samples_record(std::string& out, std::span<const std::uint64_t> refs,
                           std::span<const model::TimestampMs> timestamps,
                           std::span<const double> values, Keep keep) {
  constexpr std::size_t kHeaderBytes = 1 + 8 + 8;
  constexpr std::size_t kEntryBytesMax = 2 * util::kVarintBytesMax + 8;
  std::size_t i = 0;
  while (i < refs.size() && !keep(i)) ++i;
  if (i == refs.size()) return;
  // resize() zero-fills; the capacity is kept between records, and zeroing costs a fraction of a
  // nanosecond a sample.
  out.resize(kHeaderBytes + (refs.size() - i) * kEntryBytesMax);
  auto* const begin = reinterpret_cast<std::uint8_t*>(out.data());
  std::uint8_t* p = begin;
  *p++ = static_cast<std::uint8_t>(RecordType::kSamples);
  const std::uint64_t base_ref = refs[i];
  const auto base_time = static_cast<std::uint64_t>(timestamps[i]);
  util::store_be(p, base_ref);
  util::store_be(p + 8, base_time);
  p += 16;
  for (; i < refs.size(); ++i) {
    if (!keep(i)) continue;
    p += util::store_varint(p, static_cast<std::int64_t>(refs[i] - base_ref));
    p += util::store_varint(
        p, static_cast<std::int64_t>(static_cast<std::uint64_t>(timestamps[i]) - base_time));
    util::store_be(p, std::bit_cast<std::uint64_t>(values[i]));
    p += 8;
  }
  out.resize(static_cast<std::size_t>(p - begin));
}

// Each writes one record of the entries, which are at least one, into `out`, which is empty.
void encode_tombstones_record(std::string& out, std::span<const RefTombstone> stones);
void encode_chunk_markers_record(std::string& out, std::span<const RefChunkMarker> markers);
void encode_metadata_record(std::string& out, std::span<const RefMetadata> entries);

// Each appends to `out`. kCorruption when the bytes do not parse; entries before the damage have
// been appended then.
util::Result<void> decode_series(std::string_view record, std::vector<RefSeries>& out);
util::Result<void> decode_samples(std::string_view record, RefSamples& out);
util::Result<void> decode_tombstones(std::string_view record, std::vector<RefTombstone>& out);
util::Result<void> decode_chunk_markers(std::string_view record, std::vector<RefChunkMarker>& out);
util::Result<void> decode_metadata(std::string_view record, std::vector<RefMetadata>& out);

}  // namespace narthex::tsdb
