// /api/narthex/v1/queries: what the engine does, and how to end it.
#include <charconv>

#include "narthex/promql/query_activity.h"

#include "api/endpoints.h"
#include "api/json.h"

namespace narthex::api {
namespace {

// {"id":…, …: the object stays open, for what the lists differ in.
void open_description(std::string& out, const promql::QueryDescription& query) {
  // Ids are texts: a number of 64 bits is not safe in every reader of JSON.
  out += R"({"id":")";
  append_json_uint(out, query.id);
  out += R"(","query":)";
  append_json_string(out, query.text);
  out += query.is_cut ? R"(,"cut":true)" : R"(,"cut":false)";
  out += query.is_range ? R"(,"type":"range","start":)" : R"(,"type":"instant","start":)";
  append_json_timestamp(out, query.start);
  out += R"(,"end":)";
  append_json_timestamp(out, query.end);
  out += R"(,"step":)";
  append_json_double(out, static_cast<double>(query.step_ms) / 1e3);
  out += R"(,"client":)";
  append_json_string(out, query.client);
  out += R"(,"path":)";
  append_json_string(out, query.path);
  out += R"(,"startedAt":)";
  append_json_time(out, query.started_ns);
}

void append_running(std::string& out, const promql::RunningQuery& running) {
  open_description(out, running.query);
  out += R"(,"seconds":)";
  append_json_double(out, running.seconds);
  out += R"(,"state":")";
  out += running.is_canceled ? "canceled" : running.is_waiting ? "waiting" : "evaluating";
  out += R"(","peakSamples":)";
  append_json_uint(out, running.samples_peak);
  out += R"(,"memoryBytes":)";
  append_json_uint(out, running.memory_bytes);
  out.push_back('}');
}

void append_recent(std::string& out, const promql::FinishedQuery& finished) {
  open_description(out, finished.query);
  out += R"(,"seconds":)";
  append_json_double(out, finished.seconds);
  out += R"(,"peakSamples":)";
  append_json_uint(out, finished.samples_peak);
  out += R"(,"error":)";
  append_json_string(out, finished.error);
  out.push_back('}');
}

void append_cost(std::string& out, const promql::QueryCost& cost) {
  out += R"({"query":)";
  append_json_string(out, cost.text);
  out += R"(,"count":)";
  append_json_uint(out, cost.count);
  out += R"(,"errors":)";
  append_json_uint(out, cost.error_count);
  out += R"(,"totalSeconds":)";
  append_json_double(out, cost.seconds_total);
  out += R"(,"maxSeconds":)";
  append_json_double(out, cost.seconds_max);
  out += R"(,"peakSamples":)";
  append_json_uint(out, cost.samples_peak);
  out.push_back('}');
}

template <class Item>
void append_list(std::string& out, std::string_view name, const std::vector<Item>& items,
                 void (*append)(std::string&, const Item&)) {
  append_json_string(out, name);
  out += ":[";
  JsonCommas commas;
  for (const Item& item : items) {
    commas.next(out);
    append(out, item);
  }
  out += "],";
}

}  // namespace

ApiResult<void> queries(const Call& call) {
  const promql::QueryActivity& activity = call.api.backends.engine->activity();
  std::string data = "{";
  append_list(data, "running", activity.running(), append_running);
  append_list(data, "recent", activity.recent(), append_recent);
  append_list(data, "top", activity.costs(), append_cost);
  data += R"("slowSeconds":)";
  append_json_double(data, static_cast<double>(activity.slow().count()) / 1e3);
  data += call.api.options.enable_admin ? R"(,"canCancel":true})" : R"(,"canCancel":false})";
  send_data(call.out, data);
  return {};
}

ApiResult<void> cancel_query(const Call& call) {
  if (auto enabled = require_admin(call); !enabled) return enabled;
  const std::string_view text = call.request.path_param("id");
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size())
    return invalid_parameter("id", "not the id of a query");
  if (!call.api.backends.engine->activity().cancel(id))
    return std::unexpected(ApiError{ErrorType::kNotFound, "no such query runs"});
  call.out.send(204, "", "");
  return {};
}

}  // namespace narthex::api
