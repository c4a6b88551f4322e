// Metrics of HTTP requests, by route, under Prometheus's names.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "narthex/http/server.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/mutex.h"

namespace narthex::api {

// What the handler of /metrics says of itself. Threads: synchronized.
class MetricHandlerMetrics {
 public:
  explicit MetricHandlerMetrics(telemetry::Registry& registry);
  // Runs `serve`, which answers with 200.
  template <class Serve>
  void count(Serve serve) {
    in_flight_.add(1);
    serve();
    in_flight_.add(-1);
    succeeded_.increment();
  }

 private:
  telemetry::Gauge& in_flight_;
  telemetry::Counter& succeeded_;
};

// Threads: synchronized.
class HttpMetrics {
 public:
  // The registry outlives it.
  explicit HttpMetrics(telemetry::Registry& registry) : registry_(registry) {}
  // Requests that no route took are not counted, as in Prometheus.
  void observe(std::string_view handler, const http::RequestSummary& request);
  // Shows the route with no requests yet, so that a rate over the first one is not lost.
  void announce(std::string_view handler);

 private:
  struct Handler {
    telemetry::Histogram* seconds = nullptr;
    telemetry::Histogram* bytes = nullptr;
    std::map<int, telemetry::Counter*> by_status;
  };

  telemetry::Counter& counter_of(std::string_view handler, int status);

  telemetry::Registry& registry_;
  util::Mutex mutex_;
  std::map<std::string, Handler, std::less<>> handlers_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::api
