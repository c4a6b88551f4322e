// Settings of the scrape manager: one ScrapeJobOptions for each scrape_config, with everything
// inherited from `global` filled in. Plain values with equality, which is what decides at a reload
// whether a job has changed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "narthex/discovery/options.h"
#include "narthex/exposition/native_histogram.h"
#include "narthex/exposition/protocol.h"
#include "narthex/http/client_options.h"
#include "narthex/model/labels.h"
#include "narthex/model/names.h"
#include "narthex/relabel/relabel.h"

namespace narthex::scrape {

// Zero means no limit everywhere.
struct ScrapeLimits {
  std::uint64_t body_size_bytes =
      0;  // Of the decompressed body. Without it 64 MiB bound what a target may cost in memory.
  std::uint64_t samples = 0;  // After metric_relabel_configs.
  std::uint64_t targets = 0;
  std::uint64_t labels = 0;
  std::uint64_t label_name_bytes = 0;
  std::uint64_t label_value_bytes = 0;
  std::uint64_t dropped_targets = 0;  // keep_dropped_targets: how many the targets view shows.
  friend bool operator==(const ScrapeLimits&, const ScrapeLimits&) = default;
};

struct ScrapeJobOptions {
  std::string job_name;
  std::chrono::milliseconds interval{60'000};
  std::chrono::milliseconds timeout{10'000};  // At most the interval.
  std::string metrics_path = "/metrics";
  std::string scheme = "http";  // http or https.
  // In order of names, each name once.
  std::vector<std::pair<std::string, std::vector<std::string>>> params;

  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  bool enable_compression = true;
  bool extra_scrape_metrics = false;

  // What to ask for, best first; empty = the default order.
  std::vector<exposition::ScrapeProtocol> protocols;
  std::optional<exposition::ScrapeProtocol> fallback_protocol;
  model::NameScheme name_scheme = model::NameScheme::kUtf8;
  exposition::EscapingScheme escaping_scheme = exposition::EscapingScheme::kAllowUtf8;

  // Where a target's labels do not say otherwise.
  exposition::HistogramOptions histograms;
  std::uint64_t histogram_buckets_max = 0;  // native_histogram_bucket_limit; 0: no limit.
  double histogram_bucket_factor_min = 0;   // native_histogram_min_bucket_factor.

  std::string failure_log_file;  // Empty: none.

  ScrapeLimits limits;
  std::vector<relabel::RelabelRule> relabel_configs;
  std::vector<relabel::RelabelRule> metric_relabel_configs;
  discovery::Options discovery;
  http::ClientOptions http;

  friend bool operator==(const ScrapeJobOptions&, const ScrapeJobOptions&) = default;
};

// Settings that come from `global` or from flags and hold for every job.
struct ScrapeManagerOptions {
  // Spread scrapes of different servers: part of the hash that places a target's slot in its
  // interval (PR-S7).
  std::string host_name;
  model::Labels external_labels;
  // Snap sample timestamps to the slot when the scrape started this close to it (and within 1 % of
  // the interval).
  bool adjust_timestamps = true;
  std::chrono::nanoseconds timestamp_tolerance{2'000'000};
  // Mark where counters, summaries and histograms began to count by a zero sample, and ask for
  // protobuf first, which says so (the feature created-timestamp-zero-ingestion).
  bool start_timestamps = false;
  std::string user_agent = "Prometheus/3.14.0";
  // Storage is told type, help and unit of every series (feature metadata-wal-records).
  bool append_metadata = false;
  // Series get __type__ and __unit__ from their metadata (the feature type-and-unit-labels).
  bool type_and_unit_labels = false;
  friend bool operator==(const ScrapeManagerOptions&, const ScrapeManagerOptions&) = default;
};

}  // namespace narthex::scrape
