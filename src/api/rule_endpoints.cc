// rules, alerts, alertmanagers. Without rule files and Alertmanagers there is nothing to list;
// parameters are judged all the same.
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

#include "narthex/model/names.h"

#include "api/endpoints.h"
#include "api/params.h"

namespace narthex::api {

ApiResult<void> rules(const Call& call) {
  const std::string_view type = call.params.get("type");
  if (!type.empty() && type != "alert" && type != "record") {
    return invalid_parameter("type", fmt::format("not supported value \"{}\"", type));
  }
  if (const auto sets = match_params(call.params); !sets) return std::unexpected(sets.error());
  if (const std::string_view text = call.params.get("exclude_alerts"); !text.empty()) {
    const auto excluded = parse_go_bool(text);
    if (!excluded)
      return invalid_parameter("exclude_alerts",
                               "error converting exclude_alerts: " + excluded.error());
  }
  const std::string_view limit_text = call.params.get("group_limit");
  const std::string_view token = call.params.get("group_next_token");
  if (!limit_text.empty()) {
    auto limit = parse_go_int(limit_text, "strconv.ParseInt");
    if (limit && std::abs(*limit) > std::numeric_limits<std::int32_t>::max()) {
      limit = std::unexpected(fmt::format("strconv.ParseInt: parsing {}: value out of range",
                                          model::quoted(limit_text)));
    }
    if (!limit)
      return invalid_parameter("group_limit",
                               "group_limit needs to be a valid number: " + limit.error());
    if (*limit <= 0)
      return invalid_parameter("group_limit", "group_limit needs to be greater than 0");
  }
  if (!token.empty()) {
    if (limit_text.empty()) {
      return invalid_parameter(
          "group_next_token",
          "group_limit needs to be present in order to paginate over the groups");
    }
    return invalid_parameter(
        "group_next_token",
        fmt::format("invalid group_next_token '{}'. were rule groups changed?", token));
  }
  send_data(call.out, R"({"groups":[]})");
  return {};
}

ApiResult<void> alerts(const Call& call) {
  send_data(call.out, R"({"alerts":[]})");
  return {};
}

ApiResult<void> alertmanagers(const Call& call) {
  send_data(call.out, R"({"activeAlertmanagers":[],"droppedAlertmanagers":[]})");
  return {};
}

}  // namespace narthex::api
