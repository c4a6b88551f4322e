// Parameters of requests: what is where, and what times, durations and limits look like. Threads:
// free functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/http/message.h"
#include "narthex/model/matcher.h"
#include "narthex/model/timestamp.h"

#include "api/api_error.h"

namespace narthex::api {

// The widest range that the API knows, and what a left-out start and end stand for (HA-G10). They
// keep some 2000 years of distance from the ends of the integer.
inline constexpr model::TimestampMs kApiTimeMin = (INT64_MIN / 1000 + 62'135'596'801) * 1000;
inline constexpr model::TimestampMs kApiTimeMax = (INT64_MAX / 1000 - 62'135'596'801) * 1000 + 999;

// Form body first, then the URL's (HA-G7).
[[nodiscard]] http::Form request_params(const http::Request& request);

// The message is `cannot parse "x" to a valid timestamp`.
[[nodiscard]] std::expected<model::TimestampMs, std::string> parse_time(std::string_view text);
// `cannot parse "x" to a valid duration`, for what overflows with more to it.
[[nodiscard]] std::expected<std::chrono::nanoseconds, std::string> parse_duration(
    std::string_view text);

// Absent or empty: `otherwise`.
[[nodiscard]] ApiResult<model::TimestampMs> optional_time(const http::Form& params,
                                                          std::string_view name,
                                                          model::TimestampMs otherwise);
[[nodiscard]] ApiResult<model::TimestampMs> required_time(const http::Form& params,
                                                          std::string_view name);
// start and end, each optional.
[[nodiscard]] ApiResult<model::TimeRange> time_range(const http::Form& params);
// 0: no limit.
[[nodiscard]] ApiResult<std::size_t> limit_param(const http::Form& params);
// Every match[] as matchers, which may match everything; the errors carry no parameter name
// (HA-Q8).
[[nodiscard]] ApiResult<std::vector<model::Matchers>> selector_params(const http::Form& params);
// The same, but each has a matcher that refuses "".
[[nodiscard]] ApiResult<std::vector<model::Matchers>> match_params(const http::Form& params);

// As Go's strconv.Atoi; the error is its text: strconv.Atoi: parsing "x": invalid syntax
// `function`: the name that Go's error has where another of its parsers is called.
[[nodiscard]] std::expected<std::int64_t, std::string> parse_go_int(
    std::string_view text, std::string_view function = "strconv.Atoi");
// As Go's strconv.ParseBool, its text of the error included.
[[nodiscard]] std::expected<bool, std::string> parse_go_bool(std::string_view text);

}  // namespace narthex::api
