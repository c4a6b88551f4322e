#include "narthex/server/daemon.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>

#include "narthex/api/api.h"
#include "narthex/async/runtime.h"
#include "narthex/config/config.h"
#include "narthex/config/web_config.h"
#include "narthex/http/server.h"
#include "narthex/model/duration.h"
#include "narthex/promql/engine.h"
#include "narthex/scrape/manager.h"
#include "narthex/server/build_info.h"
#include "narthex/telemetry/registry.h"
#include "narthex/tsdb/db.h"
#include "narthex/ui/assets.h"
#include "narthex/ui/handler.h"
#include "narthex/util/check.h"
#include "narthex/util/clock.h"
#include "narthex/util/env.h"
#include "narthex/util/log.h"
#include "narthex/util/memory_budget.h"
#include "narthex/util/worker_pool.h"

#include "server/adapters.h"
#include "server/config_source.h"
#include "server/config_state.h"
#include "server/event_queue.h"
#include "server/external_url.h"
#include "server/inherited_sockets.h"
#include "server/memory.h"
#include "server/process_metrics.h"

namespace narthex::server {
namespace {

using util::Code;

constexpr std::size_t kIoThreads = 2;
constexpr std::size_t kScrapeThreadsMax = 8;  // One takes in millions of samples a second.
// Handlers may wait (for their turn, for a slow client), so there are many more of them than cores;
// the operating system shares the cores among them, which is what keeps a light query quick beside
// heavy ones. Threads that were never needed cost an address range.
constexpr std::size_t kHandlerThreads = 64;
constexpr std::size_t kHandlerQueueMax = 4096;
constexpr std::size_t kWorkQueueMax = 1U << 16U;
constexpr std::uint64_t kDiskReserveBytes = std::uint64_t{64} << 20U;
constexpr std::chrono::milliseconds kRetentionDefault = std::chrono::hours(24) * 15;
constexpr std::int64_t kExemplarsMax = 10'000'000;  // Bounds what a typing error costs.

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

std::size_t core_count() {
  return std::max(1U, std::thread::hardware_concurrency());
}

// The flag counts unless the configuration file says something; neither: 15 days. Zero: for ever.
std::chrono::milliseconds retention_time(const Options& options, const config::Config& config) {
  if (config.storage.tsdb && config.storage.tsdb->retention) {
    return config.storage.tsdb->retention->time.value_or(std::chrono::milliseconds(0));
  }
  return options.storage.retention_time.value_or(kRetentionDefault);
}

// Likewise; zero: no limit. A share of the file system goes before a size.
std::uint64_t retention_bytes(const Options& options, const config::Config& config) {
  if (!config.storage.tsdb || !config.storage.tsdb->retention)
    return options.storage.retention_bytes;
  const config::RetentionSection& retention = *config.storage.tsdb->retention;
  const std::uint64_t size = retention.size ? retention.size->bytes : 0;
  const double percentage = retention.percentage.value_or(0);
  if (percentage <= 0) return size;
  // Before the first start there is no directory yet.
  std::error_code error;
  auto path = std::filesystem::absolute(options.storage.path, error);
  while (!std::filesystem::exists(path, error) && path.has_relative_path())
    path = path.parent_path();
  const auto space = std::filesystem::space(path, error);
  if (error || space.capacity == 0) {
    util::log_warn(
        "The size of the file system is not known: retention by percentage is off",
        {{"component", "tsdb"}, {"path", options.storage.path}, {"err", error.message()}});
    return size;
  }
  return static_cast<std::uint64_t>(static_cast<double>(space.capacity) * percentage / 100);
}

// Exemplars are kept when the feature is on.
std::size_t exemplars_max(const Options& options, const config::Config& config) {
  if (std::ranges::find(options.features, "exemplar-storage") == options.features.end()) return 0;
  const std::int64_t wanted = config.storage.exemplars ? config.storage.exemplars->max_exemplars
                                                       : config::ExemplarsSection{}.max_exemplars;
  return wanted <= 0 ? 0 : static_cast<std::size_t>(std::min(wanted, kExemplarsMax));
}

std::chrono::milliseconds out_of_order_window(const config::Config& config) {
  return config.storage.tsdb ? config.storage.tsdb->out_of_order_time_window
                             : std::chrono::milliseconds(0);
}

// Precondition: one of the names that the flag takes.
tsdb::WalCompression wal_compression(std::string_view name) {
  if (name == "none") return tsdb::WalCompression::kNone;
  return name == "zstd" ? tsdb::WalCompression::kZstd : tsdb::WalCompression::kSnappy;
}

void register_build_info(telemetry::Registry& registry) {
  const BuildInfo& info = build_info();
  telemetry::LabelPairs labels = {
      {"branch", std::string(info.branch)},     {"goarch", std::string(info.architecture)},
      {"goos", std::string(info.system)},       {"goversion", std::string(info.compiler)},
      {"revision", std::string(info.revision)}, {"tags", ""},
      {"version", std::string(info.version)}};
  registry
      .gauge("prometheus_build_info", "Always 1; the labels say which build this is.",
             std::move(labels))
      .set(1);
}

}  // namespace

// In the order of construction; stop() goes the other way round.
struct Daemon::Parts {
  explicit Parts(Options o) : options(std::move(o)) {}

  // ---- built by create()
  Options options;
  util::Clock& clock = util::system_clock();
  util::Env& env = util::posix_env();
  const util::WallNs started_ns = clock.wall_ns();
  telemetry::Registry registry{clock};
  std::vector<telemetry::Registry::Callback> process_metrics;
  util::MemoryBudget memory{memory_budget(options.storage.memory_budget_bytes),
                            private_resident_bytes};
  std::vector<telemetry::Registry::Callback> memory_metrics;
  telemetry::Gauge& ready = registry.gauge(
      "prometheus_ready", "Whether requests are answered: 1, or 0 at start and at the end.");
  async::Runtime io{kIoThreads};
  async::Runtime scrape_io{std::min(core_count(), kScrapeThreadsMax), "narthex-scrape"};
  async::Runtime discovery_io{1, "narthex-sd"};
  util::WorkerPool handlers{"narthex-http", kHandlerThreads, kHandlerQueueMax};
  util::WorkerPool query_workers{"narthex-query", core_count(), kWorkQueueMax};
  EventQueue events;
  std::unique_ptr<config::WebConfigFile> web_config;  // Null: no file.
  std::unique_ptr<http::Server> web;
  ExternalUrl external_url;
  std::optional<std::uint64_t> config_fingerprint;  // Of the files that are in force.
  std::unique_ptr<ConfigSource> source;
  std::unique_ptr<ConfigState> config;
  ui::AssetTable ui_assets;  // Those of a directory, while one works on the UI.
  std::unique_ptr<ui::Handler> ui;
  std::unique_ptr<api::Api> api;
  std::vector<telemetry::Registry::Callback> listener_metrics;

  // ---- built by run()
  tsdb::ReplayProgress replay;
  std::unique_ptr<tsdb::Db> db;
  std::unique_ptr<promql::ActiveQueries> active_queries;
  std::unique_ptr<promql::Engine> engine;
  std::unique_ptr<scrape::ScrapeManager> scrapes;
  std::unique_ptr<ScrapeTargets> targets;
  std::unique_ptr<HeadView> head;
  std::vector<util::MemoryBudget::Owner> memory_owners;

  util::Result<void> bind();
  util::Result<http::AccessLoader> web_access();
  util::Result<void> build_web();
  enum class Readiness : std::uint8_t { kStarting, kReady };
  [[nodiscard]] ui::PageValues page_values(Readiness readiness) const;
  [[nodiscard]] api::Options api_options() const;
  [[nodiscard]] api::Callbacks api_callbacks();
  [[nodiscard]] api::RuntimeInfo runtime_info() const;

  util::Result<void> open_storage();
  util::Result<void> build_engine();
  util::Result<void> apply_query_log(const config::Config& fresh);
  util::Result<void> apply_scrape_config(const config::Config& fresh);
  util::Result<void> start_scraping();
  void become_ready();
  util::Result<void> reload();
  void reload_if_changed();
  util::Result<void> stop();
};

util::Result<std::unique_ptr<Daemon>> Daemon::create(Options options) {
  auto parts = std::make_unique<Parts>(std::move(options));
  register_build_info(parts->registry);
  parts->process_metrics = register_process_metrics(parts->registry);
  parts->memory_metrics = register_memory_metrics(parts->registry, parts->memory);
  NX_TRY(parts->bind());
  NX_TRY(parts->build_web());
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() = default;

const std::vector<std::uint16_t>& Daemon::ports() const noexcept {
  return parts_->web->ports();
}
void Daemon::request_stop() {
  parts_->events.request_stop();
}
void Daemon::request_reload() {
  static_cast<void>(parts_->events.request_reload());
}

// Configuration before the port, so that a mistake in it is reported even while another server
// runs; the port before the data, so that a second server never touches the directory.
util::Result<void> Daemon::Parts::bind() {
  // The built-in configuration scrapes this server, whose port may be picked by the kernel: only a
  // check at this point.
  const ConfigSource check(env, options.config_file, options.config_file_given, "localhost:9090");
  auto checked = check.load();
  // A file that is not there or cannot be read is a bad configuration too: one exit code for all of
  // them.
  if (!checked)
    return util::fail(Code::kInvalidArgument,
                      "loading the configuration: " + checked.error().message());

  http::ServerOptions web_options;
  if (options.web.systemd_sockets) {
    NX_ASSIGN(web_options.inherited_sockets, inherited_sockets());
    util::log_info("Listening on systemd activated listeners instead of port listeners.",
                   {{"sockets", web_options.inherited_sockets.size()}});
  } else {
    web_options.listen_addresses = options.web.listen_addresses;
  }
  NX_ASSIGN(web_options.access, web_access());
  web_options.connections_max = options.web.connections_max;
  web_options.idle_timeout = options.web.read_timeout;
  NX_ASSIGN(web, http::Server::listen(std::move(web_options), io, handlers));
  const std::uint16_t port = web->ports().front();
  NX_ASSIGN(external_url, resolve_external_url(options.web.external_url, options.web.route_prefix,
                                               host_name(), port));

  source = std::make_unique<ConfigSource>(env, options.config_file, options.config_file_given,
                                          fmt::format("localhost:{}", port));
  NX_ASSIGN(config::Config initial, source->load());
  for (const std::string& warning : initial.warnings) util::log_warn(warning);
  config = std::make_unique<ConfigState>(std::move(initial), clock, registry);
  util::log_info("Listening",
                 {{"addresses", fmt::format("{}", fmt::join(options.web.listen_addresses, ","))},
                  {"port", port},
                  {"config", source->describe()}});
  return {};
}

// Read before the port is taken: a mistake in it is reported whoever else runs.
util::Result<http::AccessLoader> Daemon::Parts::web_access() {
  if (options.web.config_file.empty()) return http::AccessLoader();
  web_config = std::make_unique<config::WebConfigFile>(env, options.web.config_file);
  auto loaded = web_config->current();
  util::Result<void> checked;
  if (loaded && (*loaded)->tls) checked = http::check_server_tls(*(*loaded)->tls);
  if (!loaded) checked = std::unexpected(std::move(loaded).error());
  // Not a bad configuration for the exit code's sake: Prometheus ends with 1 here.
  if (!checked)
    return util::fail(Code::kUnavailable,
                      "Unable to validate web configuration file: " + checked.error().message());
  util::log_info((*loaded)->tls ? "TLS is enabled." : "TLS is disabled.",
                 {{"web_config_file", options.web.config_file}});
  return http::AccessLoader([file = web_config.get()] { return file->current(); });
}

util::Result<void> Daemon::Parts::build_web() {
  NX_ASSIGN(api, api::Api::create(api_options(), api_callbacks(), clock, registry));
  listener_metrics = api::Api::listener_metrics(registry, *web);
  http::Router router;
  api->register_routes(router);
  ui::Options ui_options;
  ui_options.route_prefix = external_url.route_prefix;
  ui_options.page = page_values(Readiness::kStarting);
  const ui::AssetTable* assets = &ui::AssetTable::embedded();
  if (!options.web.ui_dir.empty()) {
    NX_ASSIGN(ui_assets, ui::AssetTable::load(env, options.web.ui_dir));
    assets = &ui_assets;
  }
  ui = std::make_unique<ui::Handler>(std::move(ui_options), *assets);
  ui->register_routes(router);
  api->announce_handlers(router);
  web->start(std::move(router), api->observer());
  return {};
}

ui::PageValues Daemon::Parts::page_values(Readiness readiness) const {
  ui::PageValues out;
  out.base_href = external_url.route_prefix + "/";
  out.title = options.web.page_title;
  out.version = std::string(build_info().version);
  out.lookback_delta = model::format_duration(options.query.lookback);
  out.ready = readiness == Readiness::kReady;
  return out;
}

api::Options Daemon::Parts::api_options() const {
  const BuildInfo& info = build_info();
  api::Options out;
  out.route_prefix = external_url.route_prefix;
  out.cors_origin = options.web.cors_origin;
  out.enable_lifecycle = options.web.enable_lifecycle;
  out.enable_admin = options.web.enable_admin_api;
  out.enable_remote_write_receiver = options.web.enable_remote_write_receiver;
  out.remote_write_messages = options.web.remote_write_messages;
  out.start_timestamps = options.scrape.start_timestamps;
  out.type_and_unit_labels = options.query.type_and_unit_labels;
  out.notification_streams_max = options.web.notification_streams_max;
  out.enable_search = options.web.enable_search;
  out.search_limit_max = options.web.search_limit_max;
  out.external_url = external_url.url;
  out.listen_port = web->ports().front();
  out.parser.experimental_functions = options.query.experimental_functions;
  out.parser.extended_range_selectors = options.query.extended_range_selectors;
  out.parser.binop_fill_modifiers = options.query.binop_fill_modifiers;
  out.features = options.features;
  out.build.version = std::string(info.version);
  out.build.revision = std::string(info.revision);
  out.build.branch = std::string(info.branch);
  out.build.go_version = std::string(info.compiler);
  out.flags = options.flags;
  return out;
}

api::Callbacks Daemon::Parts::api_callbacks() {
  api::Callbacks out;
  out.runtime_info = [this] { return runtime_info(); };
  out.config_yaml = [this] { return config::to_yaml(*config->current()); };
  out.relabel_rules = [](std::string_view yaml) {
    return config::parse_relabel_rules(yaml, model::NameScheme::kUtf8);
  };
  out.pool_config = [this](std::string_view pool) { return pool_config(*config->current(), pool); };
  out.external_labels = [this] { return config->current()->global.external_labels; };
  out.replay_status = [this] { return replay_status(replay); };
  out.reload = [this] { return events.request_reload().get(); };
  out.quit = [this] { events.request_stop(); };
  return out;
}

api::RuntimeInfo Daemon::Parts::runtime_info() const {
  api::RuntimeInfo out;
  const ConfigState::LastReload last = config->last_reload();
  out.start_ns = started_ns;
  std::error_code ignored;
  out.working_directory = std::filesystem::current_path(ignored).string();
  out.host_name = host_name();
  out.reload_succeeded = last.succeeded;
  out.last_config_ns = last.at_ns;
  out.thread_count = thread_count();
  out.processor_count = core_count();
  out.memory_limit_bytes = memory.bytes_max();
  const auto retention = retention_time(options, *config->current());
  out.retention = retention.count() == 0 ? "forever" : model::format_duration(retention);
  return out;
}

util::Result<void> Daemon::Parts::open_storage() {
  tsdb::DbOptions db_options;
  db_options.path = options.storage.path;
  db_options.env = &env;
  db_options.clock = &clock;
  db_options.registry = &registry;
  db_options.lock_file = options.storage.lock_file;
  db_options.block_range_min = options.storage.head_chunk_range;
  db_options.block_range_max = options.storage.block_range_max;
  db_options.block_reload_interval = options.storage.block_reload_interval;
  db_options.chunk_segment_bytes = options.storage.chunk_segment_bytes;
  db_options.merge_overlapping_blocks = options.storage.merge_overlapping_blocks;
  if (options.storage.delayed_compaction) {
    db_options.compaction_delay_max =
        options.storage.head_chunk_range * options.storage.compaction_delay_percent / 100;
  }
  db_options.uploaded_blocks_file = options.storage.uploaded_blocks_file;
  db_options.retention = retention_time(options, *config->current());
  db_options.retention_bytes = retention_bytes(options, *config->current());
  db_options.out_of_order_window = out_of_order_window(*config->current());
  db_options.exemplars_max = exemplars_max(options, *config->current());
  db_options.memory = &memory;
  db_options.disk_reserve_bytes = kDiskReserveBytes;
  db_options.disk_state_changed = [this](bool read_only) { api->set_read_only(read_only); };
  db_options.sample_cache_bytes = sample_cache_bytes(memory.bytes_max());
  db_options.samples_per_chunk = options.storage.samples_per_chunk;
  db_options.wal_compression = wal_compression(options.storage.wal_compression);
  db_options.wal_segment_bytes = options.storage.wal_segment_bytes;
  db_options.wal_sync_interval = options.storage.wal_sync_interval;
  NX_ASSIGN(db, tsdb::Db::open(std::move(db_options), &replay));

  return build_engine();
}

util::Result<void> Daemon::Parts::build_engine() {
  promql::EngineOptions query = options.query;
  query.subquery_step_default = config->current()->global.evaluation_interval;
  // Storage and queries share the budget; what queries take is gone when they end.
  query.memory_bytes_total_max = memory.bytes_max() / 2;
  query.memory_bytes_max = std::min(query.memory_bytes_max, query.memory_bytes_total_max);
  engine = std::make_unique<promql::Engine>(query, query_workers, clock, registry);

  auto opened = promql::ActiveQueries::open(env, options.storage.path + "/queries.active",
                                            query.concurrent_queries_max);
  if (!opened && opened.error().code() == Code::kNoSpace) {
    // On a full disk queries go on without being noted.
    util::log_warn("Running queries are not noted", {{"err", opened.error()}});
    return apply_query_log(*config->current());
  }
  NX_ASSIGN(active_queries, std::move(opened));
  if (const std::string& left_over = active_queries->left_over(); !left_over.empty()) {
    util::log_warn("These queries were running when the server last went down:",
                   {{"queries", left_over}});
  }
  engine->set_active_queries(*active_queries);
  return apply_query_log(*config->current());
}

// Opens the file anew even if it has the same name: it may have been moved away to be rotated.
util::Result<void> Daemon::Parts::apply_query_log(const config::Config& fresh) {
  if (fresh.global.query_log_file.empty()) {
    engine->set_query_log(nullptr);
    return {};
  }
  NX_ASSIGN(auto log, promql::QueryLog::open(env, fresh.global.query_log_file));
  engine->set_query_log(std::move(log));
  return {};
}

util::Result<void> Daemon::Parts::apply_scrape_config(const config::Config& fresh) {
  scrape::ScrapeManagerOptions scrape_options;
  scrape_options.host_name = host_name();
  scrape_options.external_labels = fresh.global.external_labels;
  scrape_options.adjust_timestamps = options.scrape.adjust_timestamps;
  scrape_options.timestamp_tolerance = options.scrape.timestamp_tolerance;
  scrape_options.start_timestamps = options.scrape.start_timestamps;
  scrape_options.append_metadata =
      std::ranges::find(options.features, "metadata-wal-records") != options.features.end();
  scrape_options.type_and_unit_labels = options.query.type_and_unit_labels;
  scrape_options.user_agent = fmt::format("Narthex/{}", build_info().version);
  return scrapes->reload(std::move(scrape_options), config::scrape_jobs(fresh));
}

util::Result<void> Daemon::Parts::start_scraping() {
  scrape::ScrapeManager::Environment environment;
  environment.runtime = &scrape_io;
  environment.clock = &clock;
  environment.appender = db.get();
  environment.registry = &registry;
  environment.discovery_runtime = &discovery_io;
  environment.discovery_interval = options.scrape.discovery_interval;
  environment.env = &env;
  environment.user_agent = fmt::format("Narthex/{}", build_info().version);
  scrapes = std::make_unique<scrape::ScrapeManager>(std::move(environment));
  memory_owners.push_back(
      memory.add_owner("scrape_caches", [this] { return scrapes->cache_bytes(); }));
  return apply_scrape_config(*config->current());
}

void Daemon::Parts::become_ready() {
  targets = std::make_unique<ScrapeTargets>(*scrapes);
  head = std::make_unique<HeadView>(*db);
  api::Backends backends;
  backends.queryable = db.get();
  backends.appender = db.get();
  backends.engine = engine.get();
  backends.targets = targets.get();
  backends.database = head.get();
  backends.exemplars = db.get();
  api->set_ready(backends);
  ready.set(1);
  ui->set_page(page_values(Readiness::kReady));
  util::log_info("Server is ready to receive web requests.", {{"url", external_url.url}});
}

// The old configuration stays in force, whole, unless the new one can be.
util::Result<void> Daemon::Parts::reload() {
  util::log_info("Loading configuration", {{"config", source->describe()}});
  auto fresh = source->load();
  util::Result<void> applied;
  if (!fresh) {
    applied = std::unexpected(std::move(fresh).error());
  } else {
    for (const std::string& warning : fresh->warnings) util::log_warn(warning);
    applied = apply_query_log(*fresh);
    if (applied) applied = apply_scrape_config(*fresh);
  }
  if (!applied) {
    config->failed();
    api->set_reload_succeeded(false);
    util::log_error("The configuration was not reloaded; the old one stays",
                    {{"err", applied.error()}});
    return applied;
  }
  engine->set_subquery_step(fresh->global.evaluation_interval);
  db->set_out_of_order_window(out_of_order_window(*fresh));
  db->set_retention(retention_time(options, *fresh), retention_bytes(options, *fresh));
  db->set_exemplars_max(exemplars_max(options, *fresh));
  config->loaded(*std::move(fresh));
  api->set_reload_succeeded(true);
  util::log_info("Completed loading of configuration", {{"config", source->describe()}});
  return {};
}

// A reload that fails is tried again at the next look.
void Daemon::Parts::reload_if_changed() {
  const auto now = source->fingerprint(*config->current());
  if (!now || now == config_fingerprint) return;
  util::log_info("Configuration file change detected, reloading the configuration.");
  if (!reload()) return;
  // Other patterns may name other files by now.
  config_fingerprint = source->fingerprint(*config->current());
}

// Nothing may be used after what it uses is gone: first nothing new comes in, then what runs ends,
// then the data is closed.
util::Result<void> Daemon::Parts::stop() {
  api->set_stopping();
  ready.set(0);
  events.close();
  if (scrapes) {
    util::log_info("Stopping the scrape manager...");
    scrapes->stop();
  }
  util::log_info("Stopping the web server...");
  web->stop();
  handlers.stop();
  util::Result<void> closed;
  if (db) {
    util::log_info("Closing the data directory...");
    closed = db->close();
  }
  query_workers.stop();
  discovery_io.stop();
  scrape_io.stop();
  io.stop();
  return closed;
}

util::Result<void> Daemon::run() {
  Parts& p = *parts_;
  util::Result<void> started = p.open_storage();
  if (started) started = p.start_scraping();
  if (!started) {
    static_cast<void>(p.stop());  // The error that counts is the first one.
    return started;
  }
  p.become_ready();
  p.config_fingerprint = p.source->fingerprint(*p.config->current());
  for (;;) {
    std::optional<EventQueue::Event> event = p.events.wait(p.options.auto_reload_interval);
    if (!event) {
      p.reload_if_changed();
      continue;
    }
    if (event->stop) break;
    event->reload->set_value(p.reload());
  }
  return p.stop();
}

}  // namespace narthex::server
