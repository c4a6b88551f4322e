// The sections of the configuration file, key by key (docs/compatibility.md). What is unset here is
// inherited from `global` when the file is loaded; a Config that load() returned has everything
// set. Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "narthex/discovery/options.h"
#include "narthex/exposition/protocol.h"
#include "narthex/http/client_options.h"
#include "narthex/model/duration.h"
#include "narthex/model/labels.h"
#include "narthex/model/names.h"
#include "narthex/relabel/relabel.h"

namespace narthex::config {

// A number of bytes that is written with a unit.
struct Size {
  std::uint64_t bytes = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

// Limits of what one target may send and of how many targets a job may have; 0 = not given.
struct LimitsSection {
  Size body_size;
  std::uint64_t samples = 0;
  std::uint64_t targets = 0;
  std::uint64_t labels = 0;
  std::uint64_t label_name_length = 0;
  std::uint64_t label_value_length = 0;
  std::uint64_t keep_dropped_targets = 0;
  friend bool operator==(const LimitsSection&, const LimitsSection&) = default;
};

// A section that is read, checked and printed by a table of its keys.
struct KeptSection {
  std::string key;       // As the file has it: "remote_write", "consul_sd_configs".
  std::string shown;     // As YAML, with defaults filled in and secrets replaced.
  std::string identity;  // As it was written, secrets and all: to see a change, never shown.
  friend bool operator==(const KeptSection&, const KeptSection&) = default;
};

struct GlobalSection {
  model::DurationMs scrape_interval{60'000};
  model::DurationMs scrape_timeout{0};  // Not given: 10 s or the interval, whichever is less.
  std::optional<std::vector<exposition::ScrapeProtocol>> scrape_protocols;
  model::DurationMs evaluation_interval{60'000};
  model::DurationMs rule_query_offset{0};
  model::Labels external_labels;  // $NAME and ${NAME} in values already expanded.
  std::string query_log_file;
  std::string scrape_failure_log_file;
  LimitsSection limits;
  std::optional<model::NameScheme> metric_name_validation_scheme;
  std::optional<exposition::EscapingScheme> metric_name_escaping_scheme;
  bool scrape_native_histograms = false;
  bool always_scrape_classic_histograms = false;
  bool convert_classic_histograms_to_nhcb = false;
  bool extra_scrape_metrics = false;
  friend bool operator==(const GlobalSection&, const GlobalSection&) = default;
};

// Of the Go runtime: accepted and shown, without effect.
struct RuntimeSection {
  std::uint64_t gogc = 75;
  friend bool operator==(const RuntimeSection&, const RuntimeSection&) = default;
};

using Params = std::vector<std::pair<std::string, std::vector<std::string>>>;

struct ScrapeSection {
  std::string job_name;
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  Params params;  // Sorted by name, names unique.
  model::DurationMs scrape_interval{0};
  model::DurationMs scrape_timeout{0};
  std::optional<std::vector<exposition::ScrapeProtocol>> scrape_protocols;
  std::optional<exposition::ScrapeProtocol> fallback_scrape_protocol;
  std::optional<bool> scrape_native_histograms;
  std::optional<bool> always_scrape_classic_histograms;
  std::optional<bool> convert_classic_histograms_to_nhcb;
  std::string scrape_failure_log_file;
  std::optional<bool> extra_scrape_metrics;
  std::string metrics_path = "/metrics";
  std::string scheme = "http";
  bool enable_compression = true;
  LimitsSection limits;
  std::uint64_t native_histogram_bucket_limit = 0;
  double native_histogram_min_bucket_factor = 0;
  std::optional<model::NameScheme> metric_name_validation_scheme;
  std::optional<exposition::EscapingScheme> metric_name_escaping_scheme;
  http::ClientOptions http;
  std::vector<relabel::RelabelRule> relabel_configs;
  std::vector<relabel::RelabelRule> metric_relabel_configs;
  std::vector<discovery::StaticConfig> static_configs;
  std::vector<discovery::ProviderOptions> providers;  // Of all other kinds of discovery.
  std::vector<KeptSection> kept;                      // Those, as they are shown.
  friend bool operator==(const ScrapeSection&, const ScrapeSection&) = default;
};

struct RetentionSection {
  std::optional<model::DurationMs> time;
  std::optional<Size> size;
  std::optional<double> percentage;
  friend bool operator==(const RetentionSection&, const RetentionSection&) = default;
};

struct ChunkEncodingSection {
  std::string floats;  // "", "xor" or "xor2".
  friend bool operator==(const ChunkEncodingSection&, const ChunkEncodingSection&) = default;
};

struct TsdbSection {
  model::DurationMs out_of_order_time_window{0};
  double stale_series_compaction_threshold = 0;
  ChunkEncodingSection chunk_encoding;
  std::optional<RetentionSection>
      retention;  // When given it replaces the retention flags as a whole.
  friend bool operator==(const TsdbSection&, const TsdbSection&) = default;
};

struct ExemplarsSection {
  std::int64_t max_exemplars = 100'000;
  friend bool operator==(const ExemplarsSection&, const ExemplarsSection&) = default;
};

struct StorageSection {
  std::optional<TsdbSection> tsdb;
  std::optional<ExemplarsSection> exemplars;
  friend bool operator==(const StorageSection&, const StorageSection&) = default;
};

}  // namespace narthex::config
