#include "api/routes.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "narthex/util/utf8.h"

#include "api/openapi.h"

namespace narthex::api {
namespace {

using enum ParameterKind;
using Parameters = std::vector<Parameter>;

// As much as a request line can carry; only forms could bring more.
constexpr std::size_t kValueBytesMax = 64U << 10U;

constexpr Parameter kStart{"start", kTime, "Start of the range, inclusive."};
constexpr Parameter kEnd{"end", kTime, "End of the range, inclusive."};
constexpr Parameter kLimit{"limit", kInteger, "How many to answer with at most; 0: all."};
constexpr Parameter kMatches{"match[]", kSelectors, "Series to look at; several are united."};
constexpr Parameter kQuery{"query", kExpression, "The expression.", Presence::kRequired};
constexpr Parameter kTimeout{"timeout", kDuration, "When to give up, below the server's own."};
constexpr Parameter kLookback{"lookback_delta", kDuration, "How old a sample may be to count."};
constexpr Parameter kStats{"stats", kText, "`true` or `all`: adds times and counts of samples."};
constexpr Parameter kPool{"scrapePool", kText, "Only this scrape pool."};
constexpr Parameter kMetric{"metric", kText, "Only this metric."};

Parameter required(Parameter parameter) {
  parameter.presence = Presence::kRequired;
  return parameter;
}

std::vector<EndpointRoute> query_routes(const std::vector<std::string>& form) {
  const Parameter step{"step", kDuration, "Distance of the points.", Presence::kRequired};
  const Parameter time{"time", kTime, "When to evaluate; now by default."};
  return {
      {"/query",
       query,
       form,
       {kQuery, time, kTimeout, kLimit, kLookback, kStats},
       Answer::kObject,
       "Evaluates an expression at one time."},
      {"/query_range",
       query_range,
       form,
       {kQuery, required(kStart), required(kEnd), step, kTimeout, kLimit, kLookback, kStats},
       Answer::kObject,
       "Evaluates an expression over a range of times."},
      {"/query_exemplars",
       query_exemplars,
       form,
       {kQuery, kStart, kEnd},
       Answer::kArray,
       "Exemplars of the series that an expression selects."},
      {"/format_query", format_query, form, {kQuery}, Answer::kString, "Formats an expression."},
      {"/parse_query", parse_query, form, {kQuery}, Answer::kObject, "Parses an expression."},
  };
}

std::vector<EndpointRoute> series_routes(const std::vector<std::string>& get,
                                         const std::vector<std::string>& form) {
  const Parameters range = {kMatches, kStart, kEnd, kLimit};
  return {
      {"/series",
       series,
       form,
       {required(kMatches), kStart, kEnd, kLimit},
       Answer::kArray,
       "Label sets of series."},
      {"/labels", label_names, form, range, Answer::kArray, "Names of labels."},
      {"/label/:name/values", label_values, get, range, Answer::kArray, "Values of a label."},
  };
}

std::vector<EndpointRoute> search_routes(const std::vector<std::string>& form) {
  const Parameters common = {
      kMatches,
      {"search[]", kTexts, "What the names are to be like; one of several is enough."},
      {"fuzz_threshold", kInteger, "How much like it at least, 0 to 100."},
      {"fuzz_alg", kText, "`subsequence` or `jarowinkler`."},
      {"case_sensitive", kBoolean, "Tells capitals from small letters; the default."},
      {"sort_by", kText, "`alpha` or `score`."},
      {"sort_dir", kText, "`asc` or `dsc`, by name."},
      {"include_score", kBoolean, "Adds how well each one fits."},
      kStart,
      kEnd,
      {"limit", kInteger, "How many at most; 100 by default."},
      {"batch_size", kInteger, "How many a line; 100 by default."}};
  const auto with = [&common](Parameter parameter) {
    Parameters all = common;
    all.push_back(parameter);
    return all;
  };
  return {
      {"/search/metric_names", search_metric_names, form,
       with({"include_metadata", kBoolean, "Adds type, help and unit."}), Answer::kLines,
       "Names of metrics that fit what somebody types."},
      {"/search/label_names", search_label_names, form, common, Answer::kLines,
       "Names of labels that fit what somebody types."},
      {"/search/label_values", search_label_values, form,
       with({"label", kText, "Whose values.", Presence::kRequired}), Answer::kLines,
       "Values of a label that fit what somebody types."},
  };
}

std::vector<EndpointRoute> target_routes(const std::vector<std::string>& get) {
  const Parameter labels{"labels", kObject, "The labels of a discovered target, as JSON.",
                         Presence::kRequired};
  const Parameter state{"state", kText, "`active`, `dropped` or `any`."};
  const Parameter target{"match_target", kSelector, "Only targets with these labels."};
  const Parameter per_metric{"limit_per_metric", kInteger, "How many entries a metric at most."};
  const Parameter kind{"type", kText, "`alert` or `record`."};
  return {
      {"/targets", targets, get, {state, kPool}, Answer::kObject, "Targets and how they fare."},
      {"/targets/metadata",
       targets_metadata,
       get,
       {target, kMetric, kLimit},
       Answer::kArray,
       "Metadata of metrics by target."},
      {"/targets/relabel_steps",
       targets_relabel_steps,
       get,
       {required(kPool), labels},
       Answer::kObject,
       "What each relabelling rule of a scrape pool makes of a target."},
      {"/metadata",
       metadata,
       get,
       {kMetric, kLimit, per_metric},
       Answer::kObject,
       "Metadata of metrics."},
      {"/scrape_pools", scrape_pools, get, {}, Answer::kObject, "Names of the scrape pools."},
      {"/scrape_pools/config",
       scrape_pool_config,
       get,
       {required(kPool)},
       Answer::kObject,
       "Configuration of a scrape pool, without its secrets."},
      {"/rules",
       rules,
       get,
       {kind,
        {"rule_name[]", kTexts, "Only rules of these names."},
        {"rule_group[]", kTexts, "Only these groups."},
        {"file[]", kTexts, "Only these files."},
        {"match[]", kSelectors, "Only rules with these labels."},
        {"exclude_alerts", kBoolean, "Leaves the alerts of the rules out."},
        {"group_limit", kInteger, "How many groups at most."},
        {"group_next_token", kText, "Where the answer before ended."}},
       Answer::kObject,
       "Rules by group."},
      {"/alerts", alerts, get, {}, Answer::kObject, "Active alerts."},
      {"/alertmanagers", alertmanagers, get, {}, Answer::kObject, "Alertmanagers in use."},
  };
}

std::vector<EndpointRoute> status_routes(const std::vector<std::string>& get) {
  const Parameter top{"limit", kInteger, "How many of each list, 1 to 10000; 10 by default."};
  const Parameter pattern{"metric_name_pattern", kText,
                          "A regular expression for whole names of metrics."};
  const Parameter version{"openapi_version", kText, "`3.1` or `3.2`."};
  return {
      {"/status/config", status_config, get, {}, Answer::kObject, "The configuration in force."},
      {"/status/flags", status_flags, get, {}, Answer::kObject, "Command-line flags."},
      {"/status/runtimeinfo", status_runtime_info, get, {}, Answer::kObject, "About the process."},
      {"/status/buildinfo", status_build_info, get, {}, Answer::kObject, "About the build."},
      {"/status/tsdb", status_tsdb, get, {top}, Answer::kObject, "Statistics of the head."},
      {"/status/tsdb/blocks", status_tsdb_blocks, get, {}, Answer::kObject, "Blocks on disk."},
      {"/status/walreplay",
       status_wal_replay,
       get,
       {},
       Answer::kObject,
       "Progress of the log's replay.",
       Needs::kNothing},
      {"/status/self_metrics",
       status_self_metrics,
       get,
       {pattern},
       Answer::kArray,
       "The server's own metrics."},
      {"/features", features, get, {}, Answer::kObject, "What this server can do."},
      {"/notifications",
       notifications,
       get,
       {},
       Answer::kArray,
       "What the server wants to be known.",
       Needs::kNothing},
      {"/notifications/live",
       notifications_live,
       get,
       {},
       Answer::kEvents,
       "The same, as it happens.",
       Needs::kNothing},
      {"/openapi.yaml", openapi, get, {version}, Answer::kYaml, "This document."},
  };
}

std::vector<EndpointRoute> admin_routes(const std::vector<std::string>& change) {
  const Parameter skip_head{"skip_head", kBoolean, "Leaves out what is in the head only."};
  return {
      {"/admin/tsdb/delete_series",
       admin_delete_series,
       change,
       {required(kMatches), kStart, kEnd},
       Answer::kNothing,
       "Deletes samples of series."},
      {"/admin/tsdb/clean_tombstones",
       admin_clean_tombstones,
       change,
       {},
       Answer::kNothing,
       "Removes deleted samples from disk."},
      {"/admin/tsdb/snapshot",
       admin_snapshot,
       change,
       {skip_head},
       Answer::kObject,
       "Makes a snapshot of the data."},
  };
}

std::vector<EndpointRoute> help_routes(const std::vector<std::string>& get) {
  return {{"/flags",
           flags,
           get,
           {},
           Answer::kArray,
           "Command-line flags with their defaults and what they are for.",
           Needs::kNothing,
           kOwnApiPrefix},
          {"/relabel:debug",
           relabel_debug,
           {"POST"},
           {{"rules", kText, "Relabelling rules, as YAML.", Presence::kRequired},
            {"labels", kObject, "The labels they begin with, as JSON.", Presence::kRequired}},
           Answer::kObject,
           "What each of some relabelling rules makes of labels.",
           Needs::kNothing,
           kOwnApiPrefix}};
}

std::vector<EndpointRoute> activity_routes(const std::vector<std::string>& get) {
  return {
      {"/queries",
       queries,
       get,
       {},
       Answer::kObject,
       "Queries that run, that were slow or failed, and that cost most.",
       Needs::kReady,
       kOwnApiPrefix},
      {"/query_batch",
       query_batch,
       {"POST"},
       {},
       Answer::kBatch,
       "Evaluates many expressions; each is answered as soon as it is ready.",
       Needs::kReady,
       kOwnApiPrefix,
       Body::kBatch},
      {"/queries/:id",
       cancel_query,
       {"DELETE"},
       {},
       Answer::kNothing,
       "Cancels a query that runs; needs the admin API.",
       Needs::kReady,
       kOwnApiPrefix},
  };
}

bool is_judged_by_parser(ParameterKind kind) noexcept {
  return kind == kExpression || kind == kSelector || kind == kSelectors;
}

}  // namespace

std::span<const EndpointRoute> endpoint_routes() {
  static const std::vector<EndpointRoute> routes = [] {
    const std::vector<std::string> get = {"GET"};
    const std::vector<std::string> form = {"GET", "POST"};
    std::vector<EndpointRoute> all = query_routes(form);
    const auto add = [&all](std::vector<EndpointRoute> part) {
      std::ranges::move(part, std::back_inserter(all));
    };
    add(series_routes(get, form));
    add(search_routes(form));
    add(target_routes(get));
    add(status_routes(get));
    add(admin_routes({"POST", "PUT"}));
    add(activity_routes(get));
    add(help_routes(get));
    return all;
  }();
  return routes;
}

ApiResult<void> check_parameters(std::span<const Parameter> parameters, const http::Form& form) {
  for (const auto& [name, value] : form.pairs()) {
    const auto found = std::ranges::find(parameters, name, &Parameter::name);
    if (found == parameters.end() || is_judged_by_parser(found->kind)) continue;
    if (value.size() > kValueBytesMax) {
      return invalid_parameter(name, fmt::format("{} bytes, but there must not be more than {}",
                                                 value.size(), kValueBytesMax));
    }
    if (!util::is_valid_utf8(value)) return invalid_parameter(name, "not valid UTF-8");
  }
  return {};
}

}  // namespace narthex::api
