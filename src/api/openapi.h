// The OpenAPI document of /api/v1, made of the table of endpoints. Threads: free functions.
#pragma once

#include <string>
#include <string_view>

#include "api/endpoints.h"

namespace narthex::api {

// YAML. `version` is "3.1.0" or "3.2.0".
[[nodiscard]] std::string openapi_document(std::string_view version, const Options& options);

// /openapi.yaml
ApiResult<void> openapi(const Call& call);

}  // namespace narthex::api
