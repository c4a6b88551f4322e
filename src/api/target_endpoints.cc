// targets, targets/metadata, metadata.
#include <algorithm>
#include <map>
#include <set>

#include "narthex/http/url.h"
#include "narthex/model/duration.h"
#include "narthex/promql/parser.h"

#include "api/endpoints.h"
#include "api/json.h"
#include "api/params.h"

namespace narthex::api {
namespace {

std::string_view health_text(TargetHealth health) noexcept {
  switch (health) {
    case TargetHealth::kUp:
      return "up";
    case TargetHealth::kDown:
      return "down";
    case TargetHealth::kUnknown:
      break;
  }
  return "unknown";
}

bool is_loopback_name(std::string_view host) noexcept {
  return host == "127.0.0.1" || host == "localhost" || host == "::1";
}

// The address of the target as others reach it (HA-T1).
std::string global_url(const std::string& scrape_url, const Options& options) {
  auto url = http::Url::parse(scrape_url);
  const auto external = http::Url::parse(options.external_url);
  if (!url || !external || !is_loopback_name(url->host)) return scrape_url;
  if (url->port == options.listen_port && options.listen_port != 0) {
    url->scheme = external->scheme;
    url->port = external->port;
  }
  url->host = external->host;
  return url->to_string();
}

void append_active_target(std::string& out, const TargetStatus& target, const Options& options) {
  out += R"({"discoveredLabels":)";
  append_json_labels(out, target.discovered_labels);
  out += R"(,"labels":)";
  append_json_labels(out, target.labels);
  out += R"(,"scrapePool":)";
  append_json_string(out, target.pool);
  out += R"(,"scrapeUrl":)";
  append_json_string(out, target.scrape_url);
  out += R"(,"globalUrl":)";
  append_json_string(out, global_url(target.scrape_url, options));
  out += R"(,"lastError":)";
  append_json_string(out, target.last_error);
  out += R"(,"lastScrape":)";
  append_json_time(out, target.last_scrape_ns);
  out += R"(,"lastScrapeDuration":)";
  append_json_double(out, target.last_scrape_seconds);
  out += R"(,"health":")";
  out += health_text(target.health);
  out += R"(","scrapeInterval":)";
  append_json_string(out, model::format_duration(target.interval));
  out += R"(,"scrapeTimeout":)";
  append_json_string(out, model::format_duration(target.timeout));
  out += '}';
}

void append_dropped_target(std::string& out, const DroppedTarget& target) {
  out += R"({"discoveredLabels":)";
  append_json_labels(out, target.discovered_labels);
  out += R"(,"scrapePool":)";
  append_json_string(out, target.pool);
  out += '}';
}

void append_metadata_fields(std::string& out, const model::Metadata& metadata) {
  out += R"("type":")";
  out += model::metric_type_text(metadata.type);
  out += R"(","help":)";
  append_json_string(out, metadata.help);
  out += R"(,"unit":)";
  append_json_string(out, metadata.unit);
}

// A count in a query parameter that has its own message; absent: no limit.
ApiResult<std::optional<std::size_t>> count_param(const http::Form& params, std::string_view name) {
  const std::string_view text = params.get(name);
  if (text.empty()) return std::optional<std::size_t>();
  const auto number = parse_go_int(text);
  if (!number) return bad_data(std::string(name) + " must be a number");
  // Negative is as good as none (upstream compares and never reaches it).
  if (*number < 0) return std::optional<std::size_t>();
  return std::optional(static_cast<std::size_t>(*number));
}

struct ByContent {
  bool operator()(const model::Metadata& a, const model::Metadata& b) const {
    return std::tie(a.type, a.unit, a.help) < std::tie(b.type, b.unit, b.help);
  }
};
using FamilyMap = std::map<std::string, std::set<model::Metadata, ByContent>>;

void append_families(JsonStream& json, const FamilyMap& families,
                     std::optional<std::size_t> families_max) {
  std::string& out = json.buffer();
  JsonCommas commas;
  std::size_t written = 0;
  for (const auto& [family, entries] : families) {
    if (families_max && written++ >= *families_max) return;
    commas.next(out);
    append_json_string(out, family);
    out += ":[";
    JsonCommas entry_commas;
    for (const model::Metadata& entry : entries) {
      entry_commas.next(out);
      out += '{';
      append_metadata_fields(out, entry);
      out += '}';
    }
    out += ']';
    if (!json.relieve()) return;
  }
}

}  // namespace

ApiResult<void> targets(const Call& call) {
  const TargetsView& view = *call.api.backends.targets;
  std::string state(call.params.get("state"));
  std::ranges::transform(state, state.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  std::optional<std::string_view> pool = call.params.find("scrapePool");
  if (pool && pool->empty()) pool.reset();
  const bool any = state.empty() || state == "any";
  JsonStream json(call.out);
  std::string& out = json.buffer();
  out += R"({"status":"success","data":{"activeTargets":[)";
  if (any || state == "active") {
    JsonCommas commas;
    for (const TargetStatus& target : view.active(pool)) {
      commas.next(out);
      append_active_target(out, target, call.api.options);
      if (!json.relieve()) return {};
    }
  }
  out += R"(],"droppedTargets":[)";
  const bool with_dropped = any || state == "dropped";
  if (with_dropped) {
    JsonCommas commas;
    for (const DroppedTarget& target : view.dropped(pool)) {
      commas.next(out);
      append_dropped_target(out, target);
      if (!json.relieve()) return {};
    }
  }
  out += R"(],"droppedTargetCounts":)";
  if (with_dropped) {
    out += '{';
    JsonCommas commas;
    for (const auto& [name, count] : view.dropped_counts()) {
      commas.next(out);
      append_json_string(out, name);
      out += ':';
      append_json_uint(out, count);
    }
    out += '}';
  } else {
    out += "null";
  }
  out += "}}";
  json.finish();
  return {};
}

ApiResult<void> targets_metadata(const Call& call) {
  NX_API_ASSIGN(const std::optional<std::size_t> limit, count_param(call.params, "limit"));
  model::Matchers matchers;
  if (const std::string_view selector = call.params.get("match_target"); !selector.empty()) {
    auto parsed = promql::parse_metric_selector(selector);
    if (!parsed) return invalid_parameter("match_target", parsed.error().message());
    matchers = std::move(*parsed);
  }
  std::optional<std::string_view> family = call.params.find("metric");
  if (family && family->empty()) family.reset();
  JsonStream json(call.out);
  std::string& out = json.buffer();
  out += R"({"status":"success","data":[)";
  JsonCommas commas;
  std::size_t written = 0;
  for (const TargetMetadata& entry : call.api.backends.targets->metadata(family)) {
    if (limit && written >= *limit) break;
    const bool wanted = std::ranges::all_of(matchers, [&entry](const model::Matcher& matcher) {
      return matcher.matches_labels(entry.target);
    });
    if (!wanted) continue;
    commas.next(out);
    out += R"({"target":)";
    append_json_labels(out, entry.target);
    if (!family) {
      out += R"(,"metric":)";
      append_json_string(out, entry.family);
    }
    out += ',';
    append_metadata_fields(out, entry.metadata);
    out += '}';
    ++written;
    if (!json.relieve()) return {};
  }
  out += "]}";
  json.finish();
  return {};
}

ApiResult<void> metadata(const Call& call) {
  NX_API_ASSIGN(const std::optional<std::size_t> families_max, count_param(call.params, "limit"));
  NX_API_ASSIGN(const std::optional<std::size_t> per_family,
                count_param(call.params, "limit_per_metric"));
  std::optional<std::string_view> family = call.params.find("metric");
  if (family && family->empty()) family.reset();
  FamilyMap families;
  for (const TargetMetadata& entry : call.api.backends.targets->metadata(family)) {
    auto& entries = families[entry.family];
    // No limit is also written 0.
    if (per_family.value_or(0) > 0 && entries.size() >= *per_family) continue;
    entries.insert(entry.metadata);
  }
  JsonStream json(call.out);
  json.buffer() += R"({"status":"success","data":{)";
  append_families(json, families, families_max);
  json.buffer() += "}}";
  json.finish();
  return {};
}

}  // namespace narthex::api
