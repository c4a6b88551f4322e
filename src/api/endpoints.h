// The endpoints of /api/v1, each a function of its call. They answer success themselves and return
// what went wrong.
#pragma once

#include <atomic>
#include <chrono>

#include "narthex/api/api.h"
#include "narthex/http/message.h"
#include "narthex/http/response_writer.h"
#include "narthex/model/regex.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/worker_pool.h"

#include "api/api_error.h"
#include "api/metrics.h"
#include "api/notifications.h"
#include "api/remote_write.h"

namespace narthex::api {

enum class Readiness : std::uint8_t { kStarting, kReady, kStopping };

// What all handlers share.
struct Api::State {
  State(Options o, Callbacks c, util::Clock& k, telemetry::Registry& r, model::Regex cors)
      : options(std::move(o)),
        callbacks(std::move(c)),
        clock(k),
        registry(r),
        cors_origin(std::move(cors)),
        metrics(r),
        metric_handler(r),
        notifications(k, options.notification_streams_max) {
    notifications.add(kNotifyStarting);
  }

  const Options options;
  const Callbacks callbacks;
  util::Clock& clock;
  telemetry::Registry& registry;
  const model::Regex cors_origin;
  HttpMetrics metrics;
  MetricHandlerMetrics metric_handler;
  mutable Notifications notifications;
  // Written before `readiness` becomes kReady, read only after that was seen.
  Backends backends;
  std::unique_ptr<RemoteWriteReceiver> remote_write;
  std::atomic<Readiness> readiness{Readiness::kStarting};
  std::atomic<bool> quitting{false};
  // Beside the threads that requests have already. Few: a batch is no way to more than one's share.
  mutable util::WorkerPool batch_helpers{"batch", 8, 1024};
};

// One request on its way through an endpoint.
struct Call {
  const Api::State& api;
  const http::Request& request;
  const http::Form& params;
  http::ResponseWriter& out;

  // When reads of storage for this request give up.
  [[nodiscard]] storage::Deadline deadline() const;
};

using Endpoint = ApiResult<void> (*)(const Call& call);

// query_endpoints.cc
ApiResult<void> query(const Call& call);
ApiResult<void> query_range(const Call& call);
ApiResult<void> query_exemplars(const Call& call);
ApiResult<void> format_query(const Call& call);
ApiResult<void> parse_query(const Call& call);

// batch_endpoint.cc
ApiResult<void> query_batch(const Call& call);

// series_endpoints.cc
ApiResult<void> series(const Call& call);
ApiResult<void> label_names(const Call& call);
ApiResult<void> label_values(const Call& call);

// search_endpoints.cc
ApiResult<void> search_metric_names(const Call& call);
ApiResult<void> search_label_names(const Call& call);
ApiResult<void> search_label_values(const Call& call);

// target_endpoints.cc
ApiResult<void> targets(const Call& call);
ApiResult<void> targets_metadata(const Call& call);
ApiResult<void> metadata(const Call& call);

// pool_endpoints.cc
ApiResult<void> scrape_pools(const Call& call);
ApiResult<void> scrape_pool_config(const Call& call);
ApiResult<void> targets_relabel_steps(const Call& call);
ApiResult<void> relabel_debug(const Call& call);

// rule_endpoints.cc
ApiResult<void> rules(const Call& call);
ApiResult<void> alerts(const Call& call);
ApiResult<void> alertmanagers(const Call& call);

// status_endpoints.cc
ApiResult<void> status_config(const Call& call);
ApiResult<void> status_flags(const Call& call);
ApiResult<void> flags(const Call& call);
ApiResult<void> status_runtime_info(const Call& call);
ApiResult<void> status_build_info(const Call& call);
ApiResult<void> status_tsdb(const Call& call);
ApiResult<void> status_tsdb_blocks(const Call& call);
ApiResult<void> status_self_metrics(const Call& call);
ApiResult<void> status_wal_replay(const Call& call);
ApiResult<void> notifications(const Call& call);
ApiResult<void> notifications_live(const Call& call);

// admin_endpoints.cc
ApiResult<void> admin_delete_series(const Call& call);
ApiResult<void> admin_clean_tombstones(const Call& call);
ApiResult<void> admin_snapshot(const Call& call);

// activity_endpoints.cc
ApiResult<void> queries(const Call& call);
ApiResult<void> cancel_query(const Call& call);

// feature_endpoints.cc
ApiResult<void> features(const Call& call);

// An error unless the admin API is enabled.
ApiResult<void> require_admin(const Call& call);

// {"version":…}
void append_build_info(std::string& out, const BuildInfo& build);

// {"status":"success","data":…}: `data` is JSON already.
void send_data(http::ResponseWriter& out, std::string_view data);

}  // namespace narthex::api
