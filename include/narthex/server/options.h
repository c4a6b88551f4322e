// Everything the command line decides, as typed values with Prometheus' defaults. Threads: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "narthex/api/api.h"
#include "narthex/http/server.h"
#include "narthex/promql/engine.h"

namespace narthex::server {

struct StorageOptions {
  std::string path = "data/";
  std::chrono::milliseconds head_chunk_range{7'200'000};  // --storage.tsdb.min-block-duration
  // Unset: 15 days unless the configuration file says otherwise. Zero: forever.
  std::optional<std::chrono::milliseconds> retention_time;
  std::uint64_t retention_bytes = 0;             // 0 = unlimited.
  std::chrono::milliseconds block_range_max{0};  // 0: a tenth of the retention, at most 31 days.
  std::chrono::milliseconds block_reload_interval{60'000};
  std::uint64_t chunk_segment_bytes = 512ULL << 20U;
  bool merge_overlapping_blocks = true;
  bool delayed_compaction = false;             // --enable-feature=delayed-compaction
  std::int64_t compaction_delay_percent = 10;  // Of head_chunk_range, at most, where it is delayed.
  std::string uploaded_blocks_file;            // --storage.tsdb.delay-compact-file.path
  std::uint64_t wal_segment_bytes = 128ULL << 20U;
  std::string wal_compression = "snappy";              // none, snappy, zstd
  std::chrono::milliseconds wal_sync_interval{1'000};  // 0 = with every commit.
  bool lock_file = true;
  std::uint32_t samples_per_chunk = 120;
  // Bytes that head, caches and queries may hold together; 0 = 60 % of what the machine or its
  // cgroup has.
  std::uint64_t memory_budget_bytes = 0;
};

struct WebOptions {
  std::vector<std::string> listen_addresses = {"0.0.0.0:9090"};
  std::string config_file;                  // Of TLS, users and response headers; empty: none.
  bool systemd_sockets = false;             // Those of the environment instead of the addresses.
  std::string external_url;                 // Empty: http://<host name>:<port>/
  std::optional<std::string> route_prefix;  // Unset: the path of the external URL.
  std::string page_title = "Narthex";
  std::string cors_origin = ".*";
  std::string ui_dir;  // Serve the UI from this directory instead of from the binary.
  bool enable_lifecycle = false;
  bool enable_admin_api = false;
  bool enable_remote_write_receiver = false;
  api::RemoteWriteMessages remote_write_messages{};
  std::size_t connections_max = 512;
  std::size_t notification_streams_max = 16;
  bool enable_search = false;             // --enable-feature=search-api
  std::size_t search_limit_max = 10'000;  // 0: no maximum.
  std::chrono::milliseconds read_timeout{300'000};
};

struct ScrapeOptions {
  bool adjust_timestamps = true;
  std::chrono::nanoseconds timestamp_tolerance{2'000'000};
  bool start_timestamps = false;                        // See scrape::ScrapeManagerOptions.
  std::chrono::milliseconds discovery_interval{5'000};  // Between two changes of the targets.
};

struct Options {
  std::string config_file = "prometheus.yml";
  // False: the flag was left out, so a missing default file means the embedded configuration.
  bool config_file_given = false;
  // Set: how often to look whether the configuration files have changed, and reload them then.
  std::optional<std::chrono::milliseconds> auto_reload_interval;
  StorageOptions storage;
  WebOptions web;
  ScrapeOptions scrape;
  promql::EngineOptions query;
  std::vector<std::string> features;  // --enable-feature, one name each.
  std::vector<api::FlagInfo> flags;   // Every one, sorted by name.
};

}  // namespace narthex::server
