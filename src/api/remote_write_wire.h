// The messages of remote write 1.0 as they lie on the wire (protocols: prometheus.WriteRequest),
// read in place. Threads: free functions.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/storage/appender.h"
#include "narthex/util/hash.h"
#include "narthex/util/result.h"

namespace narthex::api {

// One TimeSeries message. The view lives as long as the body and the arena that it was read with.
struct WireSeries {
  std::string_view
      labels;          // Its label fields alone, tags and lengths included: what names the series.
  util::Hash128 hash;  // Of `labels`.
  storage::SeriesRef ref = storage::kNoSeries;
  std::uint32_t sample_count = 0;  // Its float samples, which lie behind those of the one before.
};

// A histogram, exemplar or metadata message, which few series have, left unread.
struct WireExtra {
  enum class Kind : std::uint8_t { kHistogram, kExemplar, kMetadata };
  Kind kind = Kind::kHistogram;
  std::uint32_t series_index = 0;
  std::string_view message;
  model::TimestampMs start = 0;  // Of a histogram: when it began to count; 0: not said.
};

// A WriteRequest taken apart: the float samples of all series as columns, in order. Reused between
// requests: clear() keeps capacity. Threads: confined.
struct WireRequest {
  std::vector<WireSeries> series;
  std::vector<model::TimestampMs> timestamps;
  std::vector<double> values;
  std::vector<model::TimestampMs>
      starts;                     // When each began to count, 0: not said; empty: nobody asked.
  std::vector<WireExtra> extras;  // By series, ascending.
  model::TimestampMs timestamp_max = model::kTimestampMin;  // Of the float samples.
  std::deque<std::string> arena;  // Labels of messages that have them in several places.

  void clear();
  [[nodiscard]] std::size_t capacity_bytes() const noexcept;
};

// One Sample message, which 1.0 and 2.0 have in common, at the end of the columns.
util::Result<void> add_wire_sample(std::string_view message, WireRequest& out);

// Reads `body` in one pass, behind what `out` holds. kInvalidArgument: not a WriteRequest.
util::Result<void> read_request(std::string_view body, WireRequest& out);

// The labels, sorted, without empty values. kInvalidArgument: duplicate or invalid names, invalid
// values, no metric name.
util::Result<model::Labels> read_labels(std::string_view label_fields);

// How much a batch was given.
struct WireCounts {
  std::uint64_t samples = 0;
  std::uint64_t histograms = 0;
  std::uint64_t exemplars = 0;
};

// Reads it into the batch, under `ref`. An exemplar that nobody would take is left out, and so is
// metadata that is not UTF-8. kInvalidArgument: not the right message.
util::Result<void> read_extra(const WireExtra& extra, storage::SeriesRef ref,
                              storage::WriteBatch& batch);

}  // namespace narthex::api
