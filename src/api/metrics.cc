#include "api/metrics.h"

#include <array>

namespace narthex::api {
namespace {

constexpr std::array<double, 9> kSecondsBounds = {.1, .2, .4, 1, 3, 8, 20, 60, 120};
constexpr std::array<double, 8> kBytesBounds = {1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

}  // namespace

MetricHandlerMetrics::MetricHandlerMetrics(telemetry::Registry& registry)
    : in_flight_(registry.gauge("promhttp_metric_handler_requests_in_flight",
                                "Current number of scrapes being served.")),
      succeeded_(registry.counter("promhttp_metric_handler_requests_total",
                                  "Total number of scrapes by HTTP status code.",
                                  {{"code", "200"}})) {
  // This handler does not fail; the members are there for those who ask for them.
  for (const std::string_view code : {"500", "503"}) {
    registry.counter("promhttp_metric_handler_requests_total",
                     "Total number of scrapes by HTTP status code.", {{"code", std::string(code)}});
  }
}

telemetry::Counter& HttpMetrics::counter_of(std::string_view handler, int status) {
  return registry_.counter("prometheus_http_requests_total", "Requests answered.",
                           {{"code", std::to_string(status)}, {"handler", std::string(handler)}});
}

void HttpMetrics::announce(std::string_view handler) {
  static_cast<void>(counter_of(handler, 200));
}

void HttpMetrics::observe(std::string_view handler, const http::RequestSummary& request) {
  if (handler.empty()) return;
  const util::MutexLock lock(mutex_);
  auto found = handlers_.find(handler);
  if (found == handlers_.end()) {
    const telemetry::LabelPairs labels = {{"handler", std::string(handler)}};
    Handler fresh;
    fresh.seconds = &registry_.histogram("prometheus_http_request_duration_seconds",
                                         "How long requests took, in seconds.", kSecondsBounds,
                                         labels, telemetry::Buckets::kBoundsAndExponential);
    fresh.bytes = &registry_.histogram("prometheus_http_response_size_bytes",
                                       "Sizes of answers, in bytes.", kBytesBounds, labels);
    found = handlers_.emplace(std::string(handler), std::move(fresh)).first;
  }
  telemetry::Counter*& counter = found->second.by_status[request.status];
  if (counter == nullptr) {
    counter = &counter_of(handler, request.status);
  }
  counter->increment();
  found->second.seconds->observe(request.seconds);
  found->second.bytes->observe(static_cast<double>(request.body_bytes));
}

}  // namespace narthex::api
