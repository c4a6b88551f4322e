// query, query_range, query_exemplars, format_query, parse_query.
#include <algorithm>

#include <fmt/format.h>

#include "narthex/promql/parser.h"
#include "narthex/promql/printer.h"

#include "api/ast_json.h"
#include "api/endpoints.h"
#include "api/evaluation.h"
#include "api/json.h"
#include "api/params.h"
#include "api/result_json.h"

namespace narthex::api {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kPointsMax = 11'000;

// What both kinds of queries take besides their times.
struct QuerySettings {
  promql::QueryOptions options;
  std::size_t limit = 0;
  bool with_stats = false;
  std::vector<std::string> warnings;  // About the request itself.
};

ApiResult<void> read_timeout(const Call& call, QuerySettings& settings) {
  const auto text = call.params.find("timeout");
  if (!text || text->empty()) return {};
  const auto timeout = parse_duration(*text);
  if (!timeout) return invalid_parameter("timeout", timeout.error());
  settings.options.timeout =
      std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(*timeout));
  return {};
}

// "127.0.0.1:53412" and "[::1]:53412" without port and brackets.
std::string_view host_of(std::string_view address) {
  address = address.substr(0, address.rfind(':'));
  if (address.starts_with('[') && address.ends_with(']'))
    return address.substr(1, address.size() - 2);
  return address;
}

ApiResult<void> read_options(const Call& call, QuerySettings& settings) {
  settings.options.origin = {.client_ip = host_of(call.request.remote_address),
                             .method = call.request.method,
                             .path = call.request.path};
  if (const std::string_view text = call.params.get("lookback_delta"); !text.empty()) {
    const auto lookback = parse_duration(text);
    if (!lookback) return bad_data("error parsing lookback delta duration: " + lookback.error());
    settings.options.lookback = std::chrono::duration_cast<milliseconds>(*lookback);
  }
  const std::string_view stats = call.params.get("stats");
  settings.with_stats = !stats.empty();
  settings.options.per_step_stats = stats == "all";
  if (settings.with_stats && stats != "true" && stats != "all") {
    settings.warnings.push_back(
        fmt::format("value \"{}\" for parameter \"stats\" is deprecated and will be rejected in "
                    "the next major release, "
                    "use \"true\" or \"all\"",
                    stats));
  }
  return {};
}

// Parse and type errors are the parameter's, all others the query's.
std::unexpected<ApiError> query_error(const util::Error& error) {
  if (error.code() == util::Code::kInvalidArgument)
    return invalid_parameter("query", error.message());
  return to_api_error(error);
}

ApiResult<Evaluation> evaluated(util::Result<promql::QueryResult> result, QuerySettings settings) {
  if (!result) return query_error(result.error());
  if (settings.limit > 0 && result->series.size() > settings.limit) {
    result->series.truncate(settings.limit);
    settings.warnings.emplace_back("results truncated due to limit");
  }
  std::vector<std::string>& warnings = result->annotations.warnings;
  warnings.insert(warnings.end(), settings.warnings.begin(), settings.warnings.end());
  return Evaluation{std::move(*result), settings.with_stats};
}

void answer(const Call& call, const Evaluation& evaluation) {
  JsonStream json(call.out);
  json.buffer().push_back('{');
  if (!write_success(json, evaluation)) return;  // The client has gone.
  json.buffer().push_back('}');
  json.finish();
}

// start, end and step, checked in the order that HA-Q1 demands.
ApiResult<promql::QueryRange> read_range(const Call& call) {
  promql::QueryRange range;
  NX_API_ASSIGN(range.start, required_time(call.params, "start"));
  NX_API_ASSIGN(range.end, required_time(call.params, "end"));
  if (range.end < range.start)
    return invalid_parameter("end", "end timestamp must not be before start time");
  const auto step = parse_duration(call.params.get("step"));
  if (!step) return invalid_parameter("step", step.error());
  if (step->count() <= 0) {
    return invalid_parameter(
        "step",
        "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  // Saturates like Go's durations. The widest range still fits into 64 bits without a sign.
  constexpr std::uint64_t kSpanMsMax = INT64_MAX / 1'000'000;
  const std::uint64_t span_ms =
      static_cast<std::uint64_t>(range.end) - static_cast<std::uint64_t>(range.start);
  const std::int64_t span_ns =
      span_ms > kSpanMsMax ? INT64_MAX : static_cast<std::int64_t>(span_ms * 1'000'000);
  if (span_ns / step->count() > kPointsMax) {
    return bad_data(
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
        "resolution (?step=XX)");
  }
  range.step = std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(*step));
  return range;
}

ApiResult<promql::ExprPtr> parsed_query(const Call& call) {
  auto expr = promql::parse(call.params.get("query"), call.api.options.parser);
  if (!expr) return query_error(expr.error());
  return std::move(*expr);
}

// One series of the answer; a comma goes before all but the first.
void append_exemplars(std::string& out, const storage::SeriesExemplars& series) {
  if (out.back() == '}') out.push_back(',');
  out += R"({"seriesLabels":)";
  append_json_labels(out, series.series);
  out += R"(,"exemplars":[)";
  for (const storage::ExemplarPoint& one : series.exemplars) {
    if (out.back() == '}') out.push_back(',');
    out += R"({"labels":)";
    append_json_labels(out, one.labels);
    out += R"(,"value":)";
    append_json_value(out, one.value);
    out += R"(,"timestamp":)";
    append_json_timestamp(out, one.timestamp);
    out.push_back('}');
  }
  out += "]}";
}

}  // namespace

storage::Deadline Call::deadline() const {
  storage::Deadline deadline;
  deadline.stop = request.stop;
  deadline.clock = &api.clock;
  deadline.at_ns = api.clock.steady_ns() +
                   std::chrono::nanoseconds(api.backends.engine->options().timeout).count();
  return deadline;
}

ApiResult<Evaluation> evaluate_instant(const Call& call, const std::stop_token& stop) {
  QuerySettings settings;
  settings.options.stop = stop;
  NX_API_ASSIGN(settings.limit, limit_param(call.params));
  NX_API_ASSIGN(const model::TimestampMs time,
                optional_time(call.params, "time", call.api.clock.wall_ms()));
  if (auto read = read_timeout(call, settings); !read) return std::unexpected(read.error());
  if (auto read = read_options(call, settings); !read) return std::unexpected(read.error());
  const Backends& backends = call.api.backends;
  auto result = backends.engine->instant(*backends.queryable, call.params.get("query"), time,
                                         settings.options);
  return evaluated(std::move(result), std::move(settings));
}

ApiResult<Evaluation> evaluate_range(const Call& call, const std::stop_token& stop) {
  QuerySettings settings;
  settings.options.stop = stop;
  NX_API_ASSIGN(settings.limit, limit_param(call.params));
  NX_API_ASSIGN(const promql::QueryRange range, read_range(call));
  if (auto read = read_timeout(call, settings); !read) return std::unexpected(read.error());
  if (auto read = read_options(call, settings); !read) return std::unexpected(read.error());
  const Backends& backends = call.api.backends;
  auto result = backends.engine->range(*backends.queryable, call.params.get("query"), range,
                                       settings.options);
  return evaluated(std::move(result), std::move(settings));
}

bool write_success(JsonStream& json, const Evaluation& evaluation) {
  const promql::QueryResult& result = evaluation.result;
  std::string& out = json.buffer();
  out += R"("status":"success","data":{"resultType":")";
  out += promql::value_type_text(result.type);
  out += R"(","result":)";
  if (!write_result(json, result)) return false;
  if (evaluation.with_stats) {
    out.push_back(',');
    append_stats(out, result);
  }
  out.push_back('}');
  append_annotations(out, result.annotations);
  return true;
}

ApiResult<void> query(const Call& call) {
  NX_API_ASSIGN(const Evaluation evaluation, evaluate_instant(call, call.request.stop));
  answer(call, evaluation);
  return {};
}

ApiResult<void> query_range(const Call& call) {
  NX_API_ASSIGN(const Evaluation evaluation, evaluate_range(call, call.request.stop));
  answer(call, evaluation);
  return {};
}

ApiResult<std::string> exemplars_json(const Call& call) {
  NX_API_ASSIGN(const model::TimeRange range, time_range(call.params));
  if (range.max < range.min) return bad_data("end timestamp must not be before start timestamp");
  const auto expr = promql::parse(call.params.get("query"), call.api.options.parser);
  if (!expr) return to_api_error(expr.error());
  const std::vector<model::Matchers> selectors = promql::selectors_of(**expr);
  if (selectors.empty()) return std::string();
  std::string data = "[";
  if (const auto* exemplars = call.api.backends.exemplars) {
    for (const storage::SeriesExemplars& series : exemplars->exemplars(range, selectors))
      append_exemplars(data, series);
  }
  data.push_back(']');
  return data;
}

ApiResult<void> query_exemplars(const Call& call) {
  NX_API_ASSIGN(const std::string data, exemplars_json(call));
  if (data.empty()) {
    call.out.send(204, "", "");
  } else {
    send_data(call.out, data);
  }
  return {};
}

ApiResult<void> format_query(const Call& call) {
  NX_API_ASSIGN(const promql::ExprPtr expr, parsed_query(call));
  std::string data;
  append_json_string(data, promql::pretty(*expr));
  send_data(call.out, data);
  return {};
}

ApiResult<void> parse_query(const Call& call) {
  NX_API_ASSIGN(const promql::ExprPtr expr, parsed_query(call));
  std::string data;
  append_ast(data, *expr);
  send_data(call.out, data);
  return {};
}

}  // namespace narthex::api
