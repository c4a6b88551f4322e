#include "scrape/metrics.h"

#include <array>

#include "narthex/model/duration.h"

namespace narthex::scrape {

Metrics::Metrics(telemetry::Registry& r)
    : registry(r),
      pools(r.counter("prometheus_target_scrape_pools_total", "Pools made.")),
      pools_failed(r.counter("prometheus_target_scrape_pools_failed_total",
                             "Pools that could not be made.")),
      pool_reloads(r.counter("prometheus_target_scrape_pool_reloads_total", "Reloads of pools.")),
      pool_reloads_failed(r.counter("prometheus_target_scrape_pool_reloads_failed_total",
                                    "Reloads of pools that failed.")),
      target_limit_exceeded(r.counter("prometheus_target_scrape_pool_exceeded_target_limit_total",
                                      "Pools that had more targets than their limit.")),
      label_limit_exceeded(
          r.counter("prometheus_target_scrape_pool_exceeded_label_limits_total",
                    "Scrapes with more or longer labels than their pool's limits.")),
      sample_limit_exceeded(r.counter("prometheus_target_scrapes_exceeded_sample_limit_total",
                                      "Scrapes with too many samples.")),
      body_size_limit_exceeded(r.counter("prometheus_target_scrapes_exceeded_body_size_limit_total",
                                         "Scrapes with too large a body.")),
      histogram_bucket_limit_exceeded(
          r.counter("prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
                    "Scrapes with a native histogram of too many buckets.")),
      duplicate_timestamp(
          r.counter("prometheus_target_scrapes_sample_duplicate_timestamp_total",
                    "Samples refused because there was another value at their time.")),
      out_of_order(r.counter("prometheus_target_scrapes_sample_out_of_order_total",
                             "Samples refused because their series has a newer one.")),
      out_of_bounds(
          r.counter("prometheus_target_scrapes_sample_out_of_bounds_total",
                    "Samples refused because they are too old or too far in the future.")),
      cache_flush_forced(r.counter("prometheus_target_scrapes_cache_flush_forced_total",
                                   "Caches of series emptied because they had grown too large.")) {}

telemetry::Summary& Metrics::interval_length(std::chrono::milliseconds interval) const {
  static constexpr std::array<double, 5> kQuantiles{0.01, 0.05, 0.5, 0.90, 0.99};
  return registry.summary("prometheus_target_interval_length_seconds",
                          "Time between the starts of two rounds, in seconds.", kQuantiles,
                          {{"interval", model::format_duration(interval)}});
}

telemetry::Gauge& Metrics::metadata_cache_entries(const std::string& job_name) const {
  return registry.gauge("prometheus_target_metadata_cache_entries",
                        "Metric families that targets have described.", {{"scrape_job", job_name}});
}

telemetry::Gauge& Metrics::metadata_cache_bytes(const std::string& job_name) const {
  return registry.gauge("prometheus_target_metadata_cache_bytes",
                        "Memory of what targets say about their metrics, in bytes.",
                        {{"scrape_job", job_name}});
}

}  // namespace narthex::scrape
