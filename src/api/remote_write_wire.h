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

// One TimeSeries message. The views live as long as the body and the arena that it was read with.
struct WireSeries {
  std::string_view
      labels;  // Its label fields alone, tags and lengths included: what names the series.
  std::string_view content;  // Samples, histograms and exemplars; label fields may be among them.
  util::Hash128 hash;        // Of `labels`.
  storage::SeriesRef ref = storage::kNoSeries;
};

// All series of a WriteRequest, in order. `arena` takes copies where a message has its labels in
// several places. kInvalidArgument: not a WriteRequest.
util::Result<void> read_series(std::string_view body, std::vector<WireSeries>& out,
                               std::deque<std::string>& arena);

// The labels, sorted, without empty values. kInvalidArgument: duplicate or invalid names, invalid
// values, no metric name.
util::Result<model::Labels> read_labels(std::string_view label_fields);

// How much a batch was given.
struct WireCounts {
  std::uint64_t samples = 0;
  std::uint64_t histograms = 0;
  std::uint64_t exemplars = 0;
};

// Adds what a series holds to the batch, under its `ref`. Precondition: that is set.
// kInvalidArgument: not the right messages.
util::Result<void> read_content(const WireSeries& series, storage::WriteBatch& batch);
// Only counts it.
util::Result<WireCounts> count_content(const WireSeries& series);

}  // namespace narthex::api
