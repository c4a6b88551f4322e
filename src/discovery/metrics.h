// Self-metrics of service discovery, under Prometheus' names.
#pragma once

#include <string>

#include "narthex/telemetry/registry.h"

namespace narthex::discovery {

// Threads: synchronized.
struct Metrics {
  explicit Metrics(telemetry::Registry& registry);

  telemetry::Registry& registry;
  telemetry::Counter& dns_lookups;
  telemetry::Counter& dns_lookup_failures;
  telemetry::Counter& file_read_errors;
  telemetry::Counter& file_watcher_errors;
  telemetry::Summary& file_scan_seconds;
  telemetry::Counter& http_failures;
  telemetry::Counter& kubernetes_failures;

  // By mechanism: "consul".
  telemetry::Summary& refresh_seconds(const std::string& mechanism) const;
  telemetry::Counter& refresh_failures(const std::string& mechanism) const;
  // `event` is "add", "update" or "delete".
  telemetry::Counter& kubernetes_events(const std::string& role, const std::string& event) const;
};

// Of one manager: `name` is "scrape" or "notify". Threads: synchronized.
struct ManagerMetrics {
  ManagerMetrics(telemetry::Registry& registry, const std::string& name);

  telemetry::Gauge& failed_configs;
  telemetry::Counter& received_updates;
  telemetry::Counter& updates;
  telemetry::Counter& updates_delayed;
};

}  // namespace narthex::discovery
