// admin/tsdb/delete_series, clean_tombstones, snapshot: only with --web.enable-admin-api.
#include <fmt/format.h>

#include "api/endpoints.h"
#include "api/json.h"
#include "api/params.h"

namespace narthex::api {
namespace {

ApiResult<void> no_content(const Call& call, const util::Result<void>& done) {
  if (!done) return to_api_error(done.error());
  call.out.send(204, "", "");
  return {};
}

}  // namespace

ApiResult<void> require_admin(const Call& call) {
  if (call.api.options.enable_admin) return {};
  return std::unexpected(ApiError{ErrorType::kUnavailable, "admin APIs disabled"});
}

ApiResult<void> admin_delete_series(const Call& call) {
  if (auto enabled = require_admin(call); !enabled) return enabled;
  if (call.params.all("match[]").empty()) return bad_data("no match[] parameter provided");
  NX_API_ASSIGN(const model::TimeRange range, time_range(call.params));
  const auto sets = match_params(call.params);
  if (!sets) return invalid_parameter("match[]", sets.error().message);
  for (const model::Matchers& matchers : *sets) {
    const auto deleted =
        call.api.backends.database->delete_series(matchers, range, call.deadline());
    if (!deleted) return to_api_error(deleted.error());
  }
  return no_content(call, {});
}

ApiResult<void> admin_clean_tombstones(const Call& call) {
  if (auto enabled = require_admin(call); !enabled) return enabled;
  return no_content(call, call.api.backends.database->clean_tombstones());
}

ApiResult<void> admin_snapshot(const Call& call) {
  if (auto enabled = require_admin(call); !enabled) return enabled;
  bool skip_head = false;
  if (const std::string_view text = call.params.get("skip_head"); !text.empty()) {
    const auto parsed = parse_go_bool(text);
    if (!parsed)
      return invalid_parameter("skip_head", "unable to parse boolean: " + parsed.error());
    skip_head = *parsed;
  }
  const auto name = call.api.backends.database->snapshot(skip_head);
  if (!name) return to_api_error(name.error());
  send_data(call.out, fmt::format(R"({{"name":"{}"}})", *name));
  return {};
}

}  // namespace narthex::api
