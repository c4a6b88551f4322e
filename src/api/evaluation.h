// A query evaluated as its parameters ask, apart from how it is answered. Threads: free functions;
// those that evaluate leave call.out alone, so they may run on any thread that the call outlives.
#pragma once

#include <stop_token>
#include <string>

#include "narthex/promql/query_result.h"

#include "api/endpoints.h"
#include "api/json.h"

namespace narthex::api {

struct Evaluation {
  promql::QueryResult result;  // Its warnings hold those about the request, too.
  bool with_stats = false;
};

// As /query and /query_range do it; the parameters are theirs.
ApiResult<Evaluation> evaluate_instant(const Call& call, const std::stop_token& stop);
ApiResult<Evaluation> evaluate_range(const Call& call, const std::stop_token& stop);

// "status":"success","data":{…} and what else there is, without the braces around it. False when
// the client went away in the middle.
[[nodiscard]] bool write_success(JsonStream& json, const Evaluation& evaluation);

// [{"seriesLabels":…,"exemplars":[…]},…] of all selectors in the query; empty if it has none.
ApiResult<std::string> exemplars_json(const Call& call);

}  // namespace narthex::api
