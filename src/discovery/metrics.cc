#include "discovery/metrics.h"

#include <array>

namespace narthex::discovery {
namespace {

constexpr std::array<double, 3> kQuantiles{0.5, 0.9, 0.99};

}  // namespace

Metrics::Metrics(telemetry::Registry& r)
    : registry(r),
      dns_lookups(
          r.counter("prometheus_sd_dns_lookups_total", "Names looked up by DNS discovery.")),
      dns_lookup_failures(r.counter("prometheus_sd_dns_lookup_failures_total",
                                    "Names that DNS discovery could not look up.")),
      file_read_errors(r.counter("prometheus_sd_file_read_errors_total",
                                 "Target files that could not be read or understood.")),
      file_watcher_errors(r.counter("prometheus_sd_file_watcher_errors_total",
                                    "Directories that could not be watched.")),
      file_scan_seconds(r.summary("prometheus_sd_file_scan_duration_seconds",
                                  "Time to read all files of a configuration, in seconds.",
                                  kQuantiles)),
      http_failures(r.counter("prometheus_sd_http_failures_total",
                              "Refreshes of HTTP discovery that failed.")),
      kubernetes_failures(r.counter("prometheus_sd_kubernetes_failures_total",
                                    "Lists and watches of Kubernetes that failed.")) {
  // From the start, so that the first failure is an increase.
  for (const char* mechanism : {"consul", "dns", "docker", "dockerswarm", "http"}) {
    refresh_seconds(mechanism);
    refresh_failures(mechanism);
  }
  for (const char* role : {"node", "pod", "service", "endpoints", "endpointslice", "ingress"}) {
    for (const char* event : {"add", "update", "delete"}) kubernetes_events(role, event);
  }
}

telemetry::Summary& Metrics::refresh_seconds(const std::string& mechanism) const {
  return registry.summary("prometheus_sd_refresh_duration_seconds",
                          "Time that a refresh of targets took, in seconds.", kQuantiles,
                          {{"mechanism", mechanism}});
}

telemetry::Counter& Metrics::refresh_failures(const std::string& mechanism) const {
  return registry.counter("prometheus_sd_refresh_failures_total",
                          "Refreshes of targets that failed.", {{"mechanism", mechanism}});
}

telemetry::Counter& Metrics::kubernetes_events(const std::string& role,
                                               const std::string& event) const {
  return registry.counter("prometheus_sd_kubernetes_events_total",
                          "Changes that a Kubernetes API server has told.",
                          {{"event", event}, {"role", role}});
}

ManagerMetrics::ManagerMetrics(telemetry::Registry& r, const std::string& name)
    : failed_configs(r.gauge("prometheus_sd_failed_configs",
                             "Discovery configurations that could not be started.",
                             {{"name", name}})),
      received_updates(r.counter("prometheus_sd_received_updates_total",
                                 "Updates that discoverers have sent.", {{"name", name}})),
      updates(r.counter("prometheus_sd_updates_total",
                        "Updates that were handed on to those who use the targets.",
                        {{"name", name}})),
      updates_delayed(r.counter("prometheus_sd_updates_delayed_total",
                                "Updates that had to wait because the one before was too recent.",
                                {{"name", name}})) {}

}  // namespace narthex::discovery
