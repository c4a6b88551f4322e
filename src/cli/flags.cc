#include "cli/flags.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "narthex/model/duration.h"
#include "narthex/model/regex.h"
#include "narthex/server/build_info.h"
#include "narthex/util/number.h"

#include "cli/flag_table.h"

namespace narthex::cli {
namespace {

using util::Code;

constexpr int kExitBadFlags = 2;

// Values as given or as by default, by flag name.
class Values {
 public:
  std::map<std::string, std::string, std::less<>> text;
  std::map<std::string, bool, std::less<>> given;

  [[nodiscard]] const std::string& get(std::string_view name) const {
    return text.find(name)->second;
  }
  [[nodiscard]] bool is_given(std::string_view name) const { return given.find(name)->second; }
  [[nodiscard]] bool boolean(std::string_view name) const { return get(name) == "true"; }
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const {
    std::vector<std::string> out;
    std::string_view rest = get(name);
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      if (comma != 0) out.emplace_back(rest.substr(0, comma));
      rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    return out;
  }

  // ---- typed; the error names the flag
  [[nodiscard]] util::Result<std::chrono::milliseconds> duration(std::string_view name) const {
    auto parsed = model::parse_duration(get(name));
    if (!parsed)
      return std::unexpected(
          std::move(parsed).error().with_context(fmt::format("flag --{}", name)));
    return *parsed;
  }
  [[nodiscard]] util::Result<std::uint64_t> bytes(std::string_view name) const {
    auto parsed = parse_bytes(get(name));
    if (!parsed)
      return std::unexpected(
          std::move(parsed).error().with_context(fmt::format("flag --{}", name)));
    return *parsed;
  }
  // In [min, max].
  [[nodiscard]] util::Result<std::int64_t> integer(std::string_view name, std::int64_t min,
                                                   std::int64_t max) const {
    const std::string& value = get(name);
    std::int64_t number = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (ec != std::errc{} || end != value.data() + value.size() || number < min || number > max) {
      return util::fail(Code::kInvalidArgument,
                        fmt::format("flag --{}: \"{}\" is not a whole number from {} to {}", name,
                                    value, min, max));
    }
    return number;
  }
};

util::Result<void> check_value(const FlagSpec& flag, const Values& values) {
  constexpr std::int64_t kAnyMax = std::numeric_limits<std::int64_t>::max();
  const std::string& text = values.get(flag.name);
  if (text == flag.default_value) return {};
  switch (flag.kind) {
    case FlagKind::kText:
    case FlagKind::kTextList:
    case FlagKind::kBool:
      break;
    case FlagKind::kInteger:
      NX_TRY(values.integer(flag.name, 0, kAnyMax));
      break;
    case FlagKind::kDuration:
      NX_TRY(values.duration(flag.name));
      break;
    case FlagKind::kBytes:
      NX_TRY(values.bytes(flag.name));
      break;
    case FlagKind::kNumber:
      if (!util::parse_double(text)) {
        return util::fail(Code::kInvalidArgument,
                          fmt::format("flag --{}: \"{}\" is not a number", flag.name, text));
      }
      break;
  }
  if (flag.support == FlagSupport::kNotYet) {
    return util::fail(
        Code::kUnsupported,
        fmt::format(
            "flag --{}: not supported by this version; leave it at its default{}", flag.name,
            flag.default_value.empty() ? "" : fmt::format(" (\"{}\")", flag.default_value)));
  }
  return {};
}

// Feature names that change something here. Others only warn, as in Prometheus.
void apply_features(const std::vector<std::string>& features, CommandLine& out) {
  promql::EngineOptions& query = out.server.query;
  const std::map<std::string_view, bool*> switches = {
      {"promql-experimental-functions", &query.experimental_functions},
      {"promql-extended-range-selectors", &query.extended_range_selectors},
      {"promql-binop-fill-modifiers", &query.binop_fill_modifiers},
      {"promql-delayed-name-removal", &query.delayed_name_removal},
      {"type-and-unit-labels", &query.type_and_unit_labels},
      {"use-start-timestamps", &query.use_start_timestamps},
      {"promql-per-step-stats", &query.per_step_stats},
      {"search-api", &out.server.web.enable_search},
      {"delayed-compaction", &out.server.storage.delayed_compaction},
      {"created-timestamp-zero-ingestion", &out.server.scrape.start_timestamps},
  };
  // What needs no switch, or has its effect elsewhere.
  constexpr std::array<std::string_view, 7> kAlwaysOn = {
      "promql-duration-expr", "native-histograms", "ooo-native-histograms", "promql-at-modifier",
      "auto-reload-config",   "exemplar-storage",  "metadata-wal-records"};
  for (const std::string& feature : features) {
    if (const auto it = switches.find(feature); it != switches.end()) {
      *it->second = true;
    } else if (std::ranges::find(kAlwaysOn, feature) == kAlwaysOn.end()) {
      out.warnings.push_back(
          fmt::format("--enable-feature={}: unknown here or not supported yet; ignored", feature));
    }
  }
  out.server.features = features;
}

util::Result<void> fill_storage(const Values& values, server::StorageOptions& storage) {
  storage.path = values.get("storage.tsdb.path");
  NX_ASSIGN(storage.head_chunk_range, values.duration("storage.tsdb.min-block-duration"));
  if (storage.head_chunk_range < std::chrono::minutes(1)) {
    return util::fail(Code::kInvalidArgument,
                      "flag --storage.tsdb.min-block-duration: at least 1m");
  }
  if (!values.get("storage.tsdb.max-block-duration").empty()) {
    NX_ASSIGN(storage.block_range_max, values.duration("storage.tsdb.max-block-duration"));
    if (storage.block_range_max < storage.head_chunk_range) {
      return util::fail(Code::kInvalidArgument,
                        "flag --storage.tsdb.max-block-duration: at least the shortest duration");
    }
  }
  NX_ASSIGN(storage.chunk_segment_bytes, values.bytes("storage.tsdb.max-block-chunk-segment-size"));
  if (storage.chunk_segment_bytes < 1ULL << 20U || storage.chunk_segment_bytes > 4095ULL << 20U) {
    return util::fail(
        Code::kInvalidArgument,
        "flag --storage.tsdb.max-block-chunk-segment-size must be set between 1MB and 4095MB");
  }
  NX_ASSIGN(storage.block_reload_interval, values.duration("storage.tsdb.block-reload-interval"));
  if (storage.block_reload_interval < std::chrono::seconds(1)) {
    return util::fail(Code::kInvalidArgument,
                      "flag --storage.tsdb.block-reload-interval: at least 1s");
  }
  storage.merge_overlapping_blocks = values.boolean("storage.tsdb.allow-overlapping-compaction");
  NX_ASSIGN(storage.compaction_delay_percent,
            values.integer("storage.tsdb.delayed-compaction.max-percent", 1, 100));
  storage.uploaded_blocks_file = values.get("storage.tsdb.delay-compact-file.path");
  if (!values.get("storage.tsdb.retention.time").empty()) {
    NX_ASSIGN(storage.retention_time, values.duration("storage.tsdb.retention.time"));
  }
  NX_ASSIGN(storage.retention_bytes, values.bytes("storage.tsdb.retention.size"));
  NX_ASSIGN(storage.wal_segment_bytes, values.bytes("storage.tsdb.wal-segment-size"));
  if (storage.wal_segment_bytes < 10ULL << 20U || storage.wal_segment_bytes > 256ULL << 20U) {
    return util::fail(Code::kInvalidArgument,
                      "flag --storage.tsdb.wal-segment-size must be set between 10MB and 256MB");
  }
  storage.wal_compression = values.get("storage.tsdb.wal-compression-type");
  if (storage.wal_compression != "snappy" && storage.wal_compression != "zstd") {
    return util::fail(
        Code::kInvalidArgument,
        fmt::format("flag --storage.tsdb.wal-compression-type: \"{}\" is neither snappy nor zstd",
                    storage.wal_compression));
  }
  if (!values.boolean("storage.tsdb.wal-compression")) storage.wal_compression = "none";
  NX_ASSIGN(storage.wal_sync_interval, values.duration("storage.wal.sync-interval"));
  storage.lock_file = !values.boolean("storage.tsdb.no-lockfile");
  constexpr std::int64_t kSamplesPerChunkMax = 32767;
  NX_ASSIGN(const std::int64_t samples,
            values.integer("storage.tsdb.samples-per-chunk", 1, kSamplesPerChunkMax));
  storage.samples_per_chunk = static_cast<std::uint32_t>(samples);
  NX_ASSIGN(storage.memory_budget_bytes, values.bytes("storage.memory-budget"));
  return {};
}

util::Result<api::RemoteWriteMessages> remote_write_messages(
    const std::vector<std::string>& names) {
  api::RemoteWriteMessages out{.v1 = false, .v2 = false};
  for (const std::string& name : names) {
    if (name == "prometheus.WriteRequest") {
      out.v1 = true;
    } else if (name == "io.prometheus.write.v2.Request") {
      out.v2 = true;
    } else {
      return util::fail(
          Code::kInvalidArgument,
          fmt::format("flag --web.remote-write-receiver.accepted-protobuf-messages: unknown remote "
                      "write protobuf message {}, supported: prometheus.WriteRequest, "
                      "io.prometheus.write.v2.Request",
                      name));
    }
  }
  if (!out.v1 && !out.v2) {
    return util::fail(Code::kInvalidArgument,
                      "flag --web.remote-write-receiver.accepted-protobuf-messages: names none");
  }
  return out;
}

util::Result<void> fill_web(const Values& values, server::WebOptions& web) {
  web.listen_addresses = values.list("web.listen-address");
  web.config_file = values.get("web.config.file");
  web.systemd_sockets = values.boolean("web.systemd-socket");
  web.external_url = values.get("web.external-url");
  if (web.external_url.starts_with('"') || web.external_url.ends_with('"')) {
    return util::fail(Code::kInvalidArgument,
                      "flag --web.external-url: must not begin or end with quotes");
  }
  if (values.is_given("web.route-prefix")) web.route_prefix = values.get("web.route-prefix");
  web.page_title = values.get("web.page-title");
  web.cors_origin = values.get("web.cors.origin");
  if (const auto regex = model::Regex::compile(web.cors_origin); !regex) {
    return util::fail(Code::kInvalidArgument,
                      fmt::format("flag --web.cors.origin: {}", regex.error().message()));
  }
  web.ui_dir = values.get("web.ui-dir");
  web.enable_lifecycle = values.boolean("web.enable-lifecycle");
  web.enable_admin_api = values.boolean("web.enable-admin-api");
  web.enable_remote_write_receiver = values.boolean("web.enable-remote-write-receiver");
  NX_ASSIGN(
      web.remote_write_messages,
      remote_write_messages(values.list("web.remote-write-receiver.accepted-protobuf-messages")));
  NX_ASSIGN(const std::int64_t connections, values.integer("web.max-connections", 1, 1'000'000));
  web.connections_max = static_cast<std::size_t>(connections);
  NX_ASSIGN(const std::int64_t streams,
            values.integer("web.max-notifications-subscribers", 0, 1'000'000));
  web.notification_streams_max = static_cast<std::size_t>(streams);
  NX_ASSIGN(const std::int64_t hits,
            values.integer("web.search.max-limit", 0, std::numeric_limits<std::int64_t>::max()));
  web.search_limit_max = static_cast<std::size_t>(hits);
  NX_ASSIGN(web.read_timeout, values.duration("web.read-timeout"));
  return {};
}

util::Result<void> fill_query(const Values& values, promql::EngineOptions& query) {
  NX_ASSIGN(query.lookback, values.duration("query.lookback-delta"));
  NX_ASSIGN(query.timeout, values.duration("query.timeout"));
  NX_ASSIGN(const std::int64_t concurrency, values.integer("query.max-concurrency", 1, 100'000));
  query.concurrent_queries_max = static_cast<std::size_t>(concurrency);
  NX_ASSIGN(const std::int64_t samples,
            values.integer("query.max-samples", 1, std::numeric_limits<std::int64_t>::max()));
  query.samples_max = static_cast<std::uint64_t>(samples);
  return {};
}

util::Result<void> fill_log(const Values& values, CommandLine& out) {
  auto level = util::parse_log_level(values.get("log.level"));
  if (!level) return std::unexpected(std::move(level).error().with_context("flag --log.level"));
  auto format = util::parse_log_format(values.get("log.format"));
  if (!format) return std::unexpected(std::move(format).error().with_context("flag --log.format"));
  out.log_level = *level;
  out.log_format = *format;
  return {};
}

util::Result<CommandLine> to_options(const Values& values) {
  CommandLine out;
  for (const FlagSpec& flag : flag_table()) NX_TRY(check_value(flag, values));
  NX_TRY(fill_log(values, out));
  out.server.config_file = values.get("config.file");
  out.server.config_file_given = values.is_given("config.file");
  NX_TRY(fill_storage(values, out.server.storage));
  NX_TRY(fill_web(values, out.server.web));
  NX_TRY(fill_query(values, out.server.query));
  NX_ASSIGN(const auto auto_reload_interval, values.duration("config.auto-reload-interval"));
  if (auto_reload_interval < std::chrono::seconds(1)) {
    return util::fail(Code::kInvalidArgument,
                      "flag --config.auto-reload-interval: must be at least 1s");
  }
  const std::vector<std::string> features = values.list("enable-feature");
  const bool has_feature = std::ranges::find(features, "auto-reload-config") != features.end();
  if (has_feature || values.boolean("config.auto-reload"))
    out.server.auto_reload_interval = auto_reload_interval;
  out.server.scrape.adjust_timestamps = values.boolean("scrape.adjust-timestamps");
  NX_ASSIGN(out.server.scrape.timestamp_tolerance, values.duration("scrape.timestamp-tolerance"));
  NX_ASSIGN(out.server.scrape.discovery_interval,
            values.duration("scrape.discovery-reload-interval"));
  apply_features(features, out);
  for (const auto& [name, value] : values.text) {
    const FlagSpec& flag = *std::ranges::find(flag_table(), name, &FlagSpec::name);
    out.server.flags.push_back(
        {name, value, std::string(flag.default_value), std::string(flag.help)});
  }
  return out;
}

// Tells the parser about one flag; `value` must outlive the parse.
void add_flag(CLI::App& app, const FlagSpec& flag, std::string& value,
              std::vector<std::string>& list, bool& boolean) {
  const std::string name(flag.name);
  std::string help(flag.help);
  if (flag.support == FlagSupport::kNotYet) help += " (Not supported yet.)";
  if (flag.kind == FlagKind::kBool) {
    boolean = flag.default_value == "true";
    app.add_flag(fmt::format("--{},!--no-{}", name, name), boolean, help)
        ->default_str(std::string(flag.default_value));
  } else if (flag.kind == FlagKind::kTextList) {
    app.add_option("--" + name, list, help)
        ->default_str(std::string(flag.default_value))
        ->allow_extra_args(false);
  } else {
    app.add_option("--" + name, value, help)->default_str(std::string(flag.default_value));
  }
}

std::string join(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ","));
}

}  // namespace

util::Result<std::uint64_t> parse_bytes(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() &&
         ((text[digits] >= '0' && text[digits] <= '9') || text[digits] == '.'))
    ++digits;
  const auto number = util::parse_double(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  constexpr std::string_view kPrefixes = "KMGTPE";
  unsigned shift = 0;
  if (!unit.empty() && unit != "B") {
    const std::size_t prefix = kPrefixes.find(unit[0]);
    const std::string_view rest = unit.substr(1);
    if (prefix == std::string_view::npos || (rest != "B" && rest != "iB")) unit = {};
    if (unit.empty())
      return util::fail(
          Code::kInvalidArgument,
          fmt::format("\"{}\" is not a size: want a number and a unit such as 512MB", text));
    shift = static_cast<unsigned>(prefix + 1) * 10;
  }
  constexpr double kEnd = 0x1p63;
  const double bytes = number ? *number * static_cast<double>(1ULL << shift) : -1;
  if (!number || bytes < 0 || bytes >= kEnd) {
    return util::fail(
        Code::kInvalidArgument,
        fmt::format("\"{}\" is not a size: want a number and a unit such as 512MB", text));
  }
  return static_cast<std::uint64_t>(bytes);
}

ParseOutcome parse_command_line(const std::vector<std::string>& arguments) {
  CLI::App app("Narthex: a monitoring server that replaces Prometheus in place.", "narthex");
  app.set_help_flag("-h,--help", "Print this help and exit.");
  bool print_version = false;
  app.add_flag("--version", print_version, "Print the version and exit.");

  const auto flags = flag_table();
  std::vector<std::string> values(flags.size());
  std::vector<std::vector<std::string>> lists(flags.size());
  const auto booleans = std::make_unique<bool[]>(flags.size());
  for (std::size_t i = 0; i < flags.size(); ++i)
    add_flag(app, flags[i], values[i], lists[i], booleans[i]);

  ParseOutcome outcome;
  try {
    // CLI11 takes them last first.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    outcome.kind = ParseOutcome::Kind::kPrint;
    outcome.text = app.help();
    return outcome;
  } catch (const CLI::ParseError& e) {
    outcome.kind = ParseOutcome::Kind::kFail;
    outcome.text =
        fmt::format("Error parsing command line arguments: {}\nTry narthex --help\n", e.what());
    outcome.exit_code = kExitBadFlags;
    return outcome;
  }
  if (print_version) {
    outcome.kind = ParseOutcome::Kind::kPrint;
    outcome.text = server::version_text();
    return outcome;
  }

  Values parsed;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    const std::string name(flags[i].name);
    const bool given = app.get_option("--" + name)->count() > 0;
    std::string text(flags[i].default_value);
    if (flags[i].kind == FlagKind::kBool) {
      text = booleans[i] ? "true" : "false";
    } else if (given) {
      text = flags[i].kind == FlagKind::kTextList ? join(lists[i]) : values[i];
    }
    parsed.text[name] = std::move(text);
    parsed.given[name] = given;
  }
  auto options = to_options(parsed);
  if (!options) {
    outcome.kind = ParseOutcome::Kind::kFail;
    outcome.text =
        fmt::format("Error parsing command line arguments: {}\n", options.error().message());
    outcome.exit_code = kExitBadFlags;
    return outcome;
  }
  outcome.command_line = *std::move(options);
  return outcome;
}

}  // namespace narthex::cli
