// The HTTP API: /api/v1, health and lifecycle, /metrics, the remote-write receiver. Paths,
// parameters, shapes, codes and texts are Prometheus's (docs/compatibility.md). It knows storage,
// engine and targets through interfaces only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/api/views.h"
#include "narthex/http/router.h"
#include "narthex/http/server.h"
#include "narthex/promql/engine.h"
#include "narthex/promql/parser.h"
#include "narthex/storage/appender.h"
#include "narthex/storage/exemplars.h"
#include "narthex/storage/queryable.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"
#include "narthex/util/result.h"

namespace narthex::api {

// As /api/v1/status/buildinfo names them; go_version is where we name our compiler.
struct BuildInfo {
  std::string version;
  std::string revision;
  std::string branch;
  std::string build_user;
  std::string build_date;
  std::string go_version;
};

struct FlagInfo {
  std::string name;
  std::string value;
  std::string default_value;  // As text, like `value`.
  std::string help;
};

struct RuntimeInfo {
  util::WallNs start_ns = 0;
  std::string working_directory;
  std::string host_name;
  bool reload_succeeded = true;
  util::WallNs last_config_ns = 0;  // When the configuration in force was loaded.
  std::uint64_t corruption_count = 0;
  std::uint64_t thread_count = 0;        // Shown as goroutineCount.
  std::uint64_t processor_count = 0;     // Shown as GOMAXPROCS.
  std::uint64_t memory_limit_bytes = 0;  // Shown as GOMEMLIMIT.
  std::string retention;                 // "15d", "15d or 10GiB"
};

// Which requests the remote-write receiver takes: prometheus.WriteRequest (1.0) and
// io.prometheus.write.v2.Request (2.0).
struct RemoteWriteMessages {
  bool v1 = true;
  bool v2 = true;
};

struct Options {
  // In front of every path: "" or "/prefix", without a slash at the end.
  std::string route_prefix;
  // Origins that may read answers: a regular expression, anchored (--web.cors.origin).
  std::string cors_origin = ".*";
  bool enable_lifecycle = false;
  bool enable_admin = false;  // --web.enable-admin-api
  bool enable_remote_write_receiver = false;
  RemoteWriteMessages remote_write_messages{};
  // Of remote write 2.0: a zero sample where something began to count, and metadata as the labels
  // __type__ and __unit__.
  bool start_timestamps = false;
  bool type_and_unit_labels = false;
  std::size_t notification_streams_max = 16;  // --web.max-notifications-subscribers
  bool enable_search = false;                 // The feature search-api.
  std::size_t search_limit_max = 10'000;      // --web.search.max-limit; 0: no maximum.
  std::string external_url;  // "http://host:port/prefix", for a target's globalUrl.
  std::uint16_t listen_port = 0;
  // What the parser may accept where queries are only parsed (format_query, parse_query); the
  // engine has its own.
  promql::ParserOptions parser;
  BuildInfo build;
  std::vector<FlagInfo> flags;        // Every flag, by name.
  std::vector<std::string> features;  // What --enable-feature names.
};

// What the API asks its surroundings. Called from handler threads, at any time; an empty one is a
// feature that is not there.
struct Callbacks {
  std::function<RuntimeInfo()> runtime_info;
  std::function<std::string()> config_yaml;  // With secrets hidden.
  // nullopt: there is no such pool.
  std::function<std::optional<PoolConfig>(std::string_view pool)> pool_config;
  // Relabelling rules of a text as it stands in the configuration.
  std::function<util::Result<std::vector<relabel::RelabelRule>>(std::string_view yaml)>
      relabel_rules;
  std::function<model::Labels()> external_labels;  // What /federate adds; empty: none.
  std::function<ReplayStatus()> replay_status;     // Asked before the server is ready, too.
  std::function<util::Result<void>()>
      reload;                  // Returns when the new configuration is in force, or why it is not.
  std::function<void()> quit;  // Returns at once.
};

// What exists only once the data directory is open. All outlive the API's last request; none is
// null but where said.
struct Backends {
  storage::Queryable* queryable = nullptr;
  storage::Appender* appender = nullptr;
  promql::Engine* engine = nullptr;
  TargetsView* targets = nullptr;
  DatabaseView* database = nullptr;
  storage::ExemplarQueryable* exemplars = nullptr;  // Null: there are none.
};

// Threads: synchronized.
class Api {
 public:
  // kInvalidArgument: cors_origin is no regular expression. `clock` and `registry` outlive the API.
  static util::Result<std::unique_ptr<Api>> create(Options options, Callbacks callbacks,
                                                   util::Clock& clock,
                                                   telemetry::Registry& registry);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // Adds every route. The API outlives the router.
  void register_routes(http::Router& router);
  // Counts requests under prometheus_http_*; for http::Server::start. The API outlives it.
  [[nodiscard]] http::RequestObserver observer();
  // Shows every route of the router in prometheus_http_requests_total before its first request.
  void announce_handlers(const http::Router& router);
  // net_conntrack_listener_*. The server outlives the handles.
  [[nodiscard]] static std::vector<telemetry::Registry::Callback> listener_metrics(
      telemetry::Registry& registry, const http::Server& server);

  // Until then everything that needs storage answers 503. Called once.
  void set_ready(const Backends& backends);
  // Whether the last try to reload the configuration succeeded; users are told when not.
  void set_reload_succeeded(bool succeeded);
  // Whether the disk is full, so that storage takes no samples; users are told.
  void set_read_only(bool read_only);
  // From now on 503 again, with the header that says why.
  void set_stopping();

  struct State;  // Seen by the endpoints inside the module.

 private:
  explicit Api(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace narthex::api
