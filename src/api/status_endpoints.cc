// status/*: what the server knows of itself.
#include "api/endpoints.h"
#include "api/json.h"
#include "api/params.h"
#include "api/self_metrics.h"

namespace narthex::api {
namespace {

constexpr std::size_t kStatisticsDefault = 10;
constexpr std::int64_t kStatisticsMax = 10'000;

// Writes the fields of one object, commas between them.
class Fields {
 public:
  explicit Fields(std::string& out) : out_(out) {}
  void text(std::string_view name, std::string_view value) { append_json_string(key(name), value); }
  void number(std::string_view name, std::uint64_t value) { append_json_uint(key(name), value); }
  void number_unless_zero(std::string_view name, std::uint64_t value) {
    if (value != 0) number(name, value);
  }
  void time(std::string_view name, util::WallNs value) { append_json_time(key(name), value); }
  std::string& key(std::string_view name) {
    commas_.next(out_);
    append_json_string(out_, name);
    out_.push_back(':');
    return out_;
  }

 private:
  std::string& out_;
  JsonCommas commas_;
};

void append_counts(std::string& out, const std::vector<NamedCount>& counts) {
  out.push_back('[');
  JsonCommas commas;
  for (const NamedCount& count : counts) {
    commas.next(out);
    out.push_back('{');
    Fields fields(out);
    fields.text("name", count.name);
    fields.number("value", count.value);
    out.push_back('}');
  }
  out.push_back(']');
}

void append_head_stats(std::string& out, const HeadStatus& head) {
  out.push_back('{');
  Fields fields(out);
  fields.number("numSeries", head.series);
  fields.number("numLabelPairs", head.label_pairs);
  fields.number("chunkCount", head.chunks);
  append_json_int(fields.key("minTime"), head.time_min);
  append_json_int(fields.key("maxTime"), head.time_max);
  out.push_back('}');
}

void append_strings(std::string& out, const std::vector<std::string>& texts) {
  out.push_back('[');
  JsonCommas commas;
  for (const std::string& text : texts) {
    commas.next(out);
    append_json_string(out, text);
  }
  out.push_back(']');
}

void append_block_stats(std::string& out, const BlockStatus& block) {
  out.push_back('{');
  Fields fields(out);
  fields.number_unless_zero("numSamples", block.samples);
  fields.number_unless_zero("numFloatSamples", block.float_samples);
  fields.number_unless_zero("numHistogramSamples", block.histogram_samples);
  fields.number_unless_zero("numSeries", block.series);
  fields.number_unless_zero("numChunks", block.chunks);
  fields.number_unless_zero("numTombstones", block.tombstones);
  fields.number_unless_zero("numBytes", block.bytes);
  out.push_back('}');
}

void append_parents(std::string& out, const std::vector<BlockStatus::Parent>& parents) {
  out.push_back('[');
  JsonCommas commas;
  for (const BlockStatus::Parent& parent : parents) {
    commas.next(out);
    out.push_back('{');
    Fields fields(out);
    fields.text("ulid", parent.ulid);
    append_json_int(fields.key("minTime"), parent.time_min);
    append_json_int(fields.key("maxTime"), parent.time_max);
    out.push_back('}');
  }
  out.push_back(']');
}

void append_compaction(std::string& out, const BlockStatus& block) {
  out.push_back('{');
  Fields fields(out);
  append_json_int(fields.key("level"), block.level);
  if (!block.sources.empty()) append_strings(fields.key("sources"), block.sources);
  if (block.deletable) fields.key("deletable") += "true";
  if (!block.parents.empty()) append_parents(fields.key("parents"), block.parents);
  if (block.failed) fields.key("failed") += "true";
  if (!block.hints.empty()) append_strings(fields.key("hints"), block.hints);
  out.push_back('}');
}

// The keys of meta.json, and numBytes, which is ours.
void append_block(std::string& out, const BlockStatus& block) {
  out.push_back('{');
  Fields fields(out);
  fields.text("ulid", block.ulid);
  append_json_int(fields.key("minTime"), block.time_min);
  append_json_int(fields.key("maxTime"), block.time_max);
  append_block_stats(fields.key("stats"), block);
  append_compaction(fields.key("compaction"), block);
  append_json_int(fields.key("version"), block.version);
  out.push_back('}');
}

}  // namespace

void send_data(http::ResponseWriter& out, std::string_view data) {
  std::string body = R"({"status":"success","data":)";
  body += data;
  body += '}';
  out.send(200, "application/json", std::move(body));
}

ApiResult<void> status_config(const Call& call) {
  std::string data = R"({"yaml":)";
  append_json_string(data, call.api.callbacks.config_yaml());
  data += '}';
  send_data(call.out, data);
  return {};
}

ApiResult<void> status_flags(const Call& call) {
  std::string data = "{";
  Fields fields(data);
  for (const FlagInfo& flag : call.api.options.flags) fields.text(flag.name, flag.value);
  data += '}';
  send_data(call.out, data);
  return {};
}

ApiResult<void> flags(const Call& call) {
  std::string data = "[";
  JsonCommas commas;
  for (const FlagInfo& flag : call.api.options.flags) {
    commas.next(data);
    data += '{';
    Fields fields(data);
    fields.text("name", flag.name);
    fields.text("value", flag.value);
    fields.text("default", flag.default_value);
    fields.text("help", flag.help);
    data += '}';
  }
  data += ']';
  send_data(call.out, data);
  return {};
}

ApiResult<void> status_runtime_info(const Call& call) {
  const RuntimeInfo info = call.api.callbacks.runtime_info();
  std::string data = "{";
  Fields fields(data);
  fields.time("startTime", info.start_ns);
  fields.text("CWD", info.working_directory);
  fields.text("hostname", info.host_name);
  fields.time("serverTime", call.api.clock.wall_ns());
  fields.key("reloadConfigSuccess") += info.reload_succeeded ? "true" : "false";
  fields.time("lastConfigTime", info.last_config_ns);
  fields.number("corruptionCount", info.corruption_count);
  fields.number("goroutineCount", info.thread_count);
  fields.number("GOMAXPROCS", info.processor_count);
  fields.number("GOMEMLIMIT", info.memory_limit_bytes);
  fields.text("GOGC", "");
  fields.text("GODEBUG", "");
  fields.text("storageRetention", info.retention);
  data += '}';
  send_data(call.out, data);
  return {};
}

void append_build_info(std::string& out, const BuildInfo& build) {
  out += '{';
  Fields fields(out);
  fields.text("version", build.version);
  fields.text("revision", build.revision);
  fields.text("branch", build.branch);
  fields.text("buildUser", build.build_user);
  fields.text("buildDate", build.build_date);
  fields.text("goVersion", build.go_version);
  out += '}';
}

ApiResult<void> status_build_info(const Call& call) {
  std::string data;
  append_build_info(data, call.api.options.build);
  send_data(call.out, data);
  return {};
}

ApiResult<void> status_tsdb(const Call& call) {
  std::size_t limit = kStatisticsDefault;
  if (const std::string_view text = call.params.get("limit"); !text.empty()) {
    const auto number = parse_go_int(text);
    if (!number || *number < 1) return bad_data("limit must be a positive number");
    if (*number > kStatisticsMax) return bad_data("limit must not exceed 10000");
    limit = static_cast<std::size_t>(*number);
  }
  const HeadStatus head = call.api.backends.database->head_status(limit);
  std::string data = R"({"headStats":)";
  append_head_stats(data, head);
  data += R"(,"seriesCountByMetricName":)";
  append_counts(data, head.series_by_metric);
  data += R"(,"labelValueCountByLabelName":)";
  append_counts(data, head.values_by_label);
  data += R"(,"memoryInBytesByLabelName":)";
  append_counts(data, head.bytes_by_label);
  data += R"(,"seriesCountByLabelValuePair":)";
  append_counts(data, head.series_by_pair);
  data += '}';
  send_data(call.out, data);
  return {};
}

ApiResult<void> status_tsdb_blocks(const Call& call) {
  JsonStream json(call.out);
  std::string& out = json.buffer();
  out += R"({"status":"success","data":{"blocks":[)";
  JsonCommas commas;
  for (const BlockStatus& block : call.api.backends.database->blocks()) {
    commas.next(out);
    append_block(out, block);
    if (!json.relieve()) return {};
  }
  out += "]}}";
  json.finish();
  return {};
}

ApiResult<void> status_self_metrics(const Call& call) {
  std::optional<model::Regex> wanted;
  if (const std::string_view pattern = call.params.get("metric_name_pattern"); !pattern.empty()) {
    auto regex = model::Regex::compile(pattern);
    if (!regex) return invalid_parameter("metric_name_pattern", regex.error().message());
    wanted = *std::move(regex);
  }
  JsonStream json(call.out);
  std::string& out = json.buffer();
  out += R"({"status":"success","data":[)";
  JsonCommas commas;
  for (const telemetry::FamilySnapshot& family : call.api.registry.snapshot()) {
    if (wanted && !wanted->matches(family.name)) continue;
    commas.next(out);
    append_json_family(out, family);
    if (!json.relieve()) return {};
  }
  out += "]}";
  json.finish();
  return {};
}

ApiResult<void> status_wal_replay(const Call& call) {
  const ReplayStatus status = call.api.callbacks.replay_status();
  std::string data = R"({"min":)";
  append_json_int(data, status.min);
  data += R"(,"max":)";
  append_json_int(data, status.max);
  data += R"(,"current":)";
  append_json_int(data, status.current);
  data += '}';
  send_data(call.out, data);
  return {};
}

ApiResult<void> notifications(const Call& call) {
  std::string data;
  call.api.notifications.append_list(data);
  send_data(call.out, data);
  return {};
}

ApiResult<void> notifications_live(const Call& call) {
  call.api.notifications.stream(call.request.stop, call.out);
  return {};
}

}  // namespace narthex::api
