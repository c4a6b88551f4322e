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

// Threads: synchronized.
class HttpMetrics {
 public:
  // The registry outlives it.
  explicit HttpMetrics(telemetry::Registry& registry) : registry_(registry) {}
  // Requests that no route took are not counted, as in Prometheus.
  void observe(std::string_view handler, const http::RequestSummary& request);

 private:
  struct Handler {
    telemetry::Histogram* seconds = nullptr;
    telemetry::Histogram* bytes = nullptr;
    std::map<int, telemetry::Counter*> by_status;
  };

  telemetry::Registry& registry_;
  util::Mutex mutex_;
  std::map<std::string, Handler, std::less<>> handlers_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::api
