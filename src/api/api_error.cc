#include "api/api_error.h"

#include <fmt/format.h>

#include "api/json.h"

namespace narthex::api {

std::string_view error_type_text(ErrorType type) noexcept {
  switch (type) {
    case ErrorType::kBadData:
      return "bad_data";
    case ErrorType::kExecution:
      return "execution";
    case ErrorType::kCanceled:
      return "canceled";
    case ErrorType::kTimeout:
      return "timeout";
    case ErrorType::kInternal:
      return "internal";
    case ErrorType::kNotFound:
      return "not_found";
    case ErrorType::kNotAcceptable:
      return "not_acceptable";
    case ErrorType::kUnavailable:
      return "unavailable";
  }
  return "internal";
}

int error_status(ErrorType type) noexcept {
  switch (type) {
    case ErrorType::kBadData:
      return 400;
    case ErrorType::kExecution:
      return 422;
    case ErrorType::kCanceled:
      return 499;
    case ErrorType::kTimeout:
      return 503;
    case ErrorType::kNotFound:
      return 404;
    case ErrorType::kNotAcceptable:
      return 406;
    case ErrorType::kInternal:
    case ErrorType::kUnavailable:
      return 500;
  }
  return 500;
}

ErrorType error_type_of(util::Code code) noexcept {
  using util::Code;
  switch (code) {
    case Code::kInvalidArgument:
      return ErrorType::kBadData;
    case Code::kNotFound:
      return ErrorType::kNotFound;
    case Code::kExecution:
    case Code::kLimitExceeded:
    case Code::kUnsupported:
      return ErrorType::kExecution;
    case Code::kTimeout:
      return ErrorType::kTimeout;
    case Code::kCanceled:
      return ErrorType::kCanceled;
    case Code::kUnavailable:
      return ErrorType::kUnavailable;
    case Code::kAlreadyExists:
    case Code::kPermissionDenied:
    case Code::kUnauthenticated:
    case Code::kCorruption:
    case Code::kTruncated:
    case Code::kNoSpace:
    case Code::kIo:
    case Code::kInternal:
      break;
  }
  return ErrorType::kInternal;
}

std::unexpected<ApiError> invalid_parameter(std::string_view name, std::string_view cause) {
  return bad_data(fmt::format("invalid parameter \"{}\": {}", name, cause));
}

void send_error(http::ResponseWriter& out, const ApiError& error) {
  std::string body = R"({"status":"error","errorType":")";
  body += error_type_text(error.type);
  body += R"(","error":)";
  append_json_string(body, error.message);
  body += '}';
  out.send(error_status(error.type), "application/json", std::move(body));
}

}  // namespace narthex::api
