// Self-metrics of scraping, under Prometheus' names.
#pragma once

#include <chrono>
#include <string>

#include "narthex/telemetry/registry.h"

namespace narthex::scrape {

// Threads: synchronized.
struct Metrics {
  explicit Metrics(telemetry::Registry& registry);

  telemetry::Registry& registry;
  telemetry::Counter& pools;
  telemetry::Counter& pools_failed;
  telemetry::Counter& pool_reloads;
  telemetry::Counter& pool_reloads_failed;
  telemetry::Counter& target_limit_exceeded;
  telemetry::Counter& label_limit_exceeded;
  telemetry::Counter& sample_limit_exceeded;
  telemetry::Counter& body_size_limit_exceeded;
  telemetry::Counter& histogram_bucket_limit_exceeded;
  telemetry::Counter& duplicate_timestamp;
  telemetry::Counter& out_of_order;
  telemetry::Counter& out_of_bounds;
  telemetry::Counter& cache_flush_forced;

  // The time between the starts of two rounds, by configured interval.
  telemetry::Summary& interval_length(std::chrono::milliseconds interval) const;
  // Sums over the targets of a job.
  telemetry::Gauge& metadata_cache_entries(const std::string& job_name) const;
  telemetry::Gauge& metadata_cache_bytes(const std::string& job_name) const;
};

}  // namespace narthex::scrape
