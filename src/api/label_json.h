// Labels that a client sends as JSON.
#pragma once

#include <string_view>

#include "narthex/model/labels.h"

#include "api/api_error.h"

namespace narthex::api {

// A JSON object of strings; null is no labels, and a value of null an absent label, as Go reads
// them. kBadData.
[[nodiscard]] ApiResult<model::Labels> parse_labels(std::string_view text);

}  // namespace narthex::api
