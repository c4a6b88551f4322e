#include "scrape/metrics.h"

#include <array>

#include "narthex/model/duration.h"

namespace narthex::scrape {

Metrics::Metrics(telemetry::Registry& r)
    : registry(r),
      pools(r.counter("prometheus_target_scrape_pools_total",
                      "Total number of scrape pool creation attempts.")),
      pools_failed(r.counter("prometheus_target_scrape_pools_failed_total",
                             "Total number of scrape pool creations that failed.")),
      pool_reloads(r.counter("prometheus_target_scrape_pool_reloads_total",
                             "Total number of scrape pool reloads.")),
      pool_reloads_failed(r.counter("prometheus_target_scrape_pool_reloads_failed_total",
                                    "Total number of failed scrape pool reloads.")),
      target_limit_exceeded(r.counter("prometheus_target_scrape_pool_exceeded_target_limit_total",
                                      "Total number of times scrape pools hit the target limit, "
                                      "during sync or config reload.")),
      label_limit_exceeded(r.counter("prometheus_target_scrape_pool_exceeded_label_limits_total",
                                     "Total number of times scrape pools hit the label limits, "
                                     "during sync or config reload.")),
      sample_limit_exceeded(
          r.counter("prometheus_target_scrapes_exceeded_sample_limit_total",
                    "Total number of scrapes that hit the sample limit and were rejected.")),
      body_size_limit_exceeded(r.counter("prometheus_target_scrapes_exceeded_body_size_limit_total",
                                         "Total number of scrapes that hit the body size limit")),
      duplicate_timestamp(r.counter(
          "prometheus_target_scrapes_sample_duplicate_timestamp_total",
          "Total number of samples rejected due to duplicate timestamps but different values.")),
      out_of_order(r.counter(
          "prometheus_target_scrapes_sample_out_of_order_total",
          "Total number of samples rejected due to not being out of the expected order.")),
      out_of_bounds(r.counter(
          "prometheus_target_scrapes_sample_out_of_bounds_total",
          "Total number of samples rejected due to timestamp falling outside of the time bounds.")),
      cache_flush_forced(r.counter("prometheus_target_scrapes_cache_flush_forced_total",
                                   "How many times a scrape cache was flushed due to getting big "
                                   "while scrapes are failing.")) {}

telemetry::Summary& Metrics::interval_length(std::chrono::milliseconds interval) const {
  static constexpr std::array<double, 5> kQuantiles{0.01, 0.05, 0.5, 0.90, 0.99};
  return registry.summary("prometheus_target_interval_length_seconds",
                          "Actual intervals between scrapes.", kQuantiles,
                          {{"interval", model::format_duration(interval)}});
}

telemetry::Gauge& Metrics::metadata_cache_entries(const std::string& job_name) const {
  return registry.gauge("prometheus_target_metadata_cache_entries",
                        "Total number of metric metadata entries in the cache",
                        {{"scrape_job", job_name}});
}

telemetry::Gauge& Metrics::metadata_cache_bytes(const std::string& job_name) const {
  return registry.gauge(
      "prometheus_target_metadata_cache_bytes",
      "The number of bytes that are currently used for storing metric metadata in the cache",
      {{"scrape_job", job_name}});
}

}  // namespace narthex::scrape
