// Errors as the API tells them: errorType, status, message. The one place that maps util::Code to
// them.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "narthex/http/response_writer.h"
#include "narthex/util/result.h"

namespace narthex::api {

enum class ErrorType : std::uint8_t {
  kBadData,
  kExecution,
  kCanceled,
  kTimeout,
  kInternal,
  kNotFound,
  kNotAcceptable,
  kUnavailable,
};
[[nodiscard]] std::string_view error_type_text(ErrorType type) noexcept;
[[nodiscard]] int error_status(ErrorType type) noexcept;

struct ApiError {
  ErrorType type = ErrorType::kInternal;
  std::string message;
};
template <class T>
using ApiResult = std::expected<T, ApiError>;

[[nodiscard]] ErrorType error_type_of(util::Code code) noexcept;
[[nodiscard]] inline std::unexpected<ApiError> to_api_error(const util::Error& error) {
  return std::unexpected(ApiError{error_type_of(error.code()), error.message()});
}
[[nodiscard]] inline std::unexpected<ApiError> bad_data(std::string message) {
  return std::unexpected(ApiError{ErrorType::kBadData, std::move(message)});
}
// invalid parameter "name": cause
[[nodiscard]] std::unexpected<ApiError> invalid_parameter(std::string_view name,
                                                          std::string_view cause);

// {"status":"error",…} with its status.
void send_error(http::ResponseWriter& out, const ApiError& error);

}  // namespace narthex::api

// NX_API_ASSIGN(auto x, f()): x takes the value of an ApiResult, or the enclosing function returns
// its error.
#define NX_API_ASSIGN(decl, ...) \
  NX_INTERNAL_ASSIGN(NX_INTERNAL_CONCAT(nx_api_result_, __LINE__), return, decl, __VA_ARGS__)
