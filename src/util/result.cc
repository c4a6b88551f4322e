#include "narthex/util/result.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace narthex::util {

std::string_view code_name(Code code) noexcept {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kNotFound:
      return "not_found";
    case Code::kAlreadyExists:
      return "already_exists";
    case Code::kPermissionDenied:
      return "permission_denied";
    case Code::kUnauthenticated:
      return "unauthenticated";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kExecution:
      return "execution";
    case Code::kLimitExceeded:
      return "limit_exceeded";
    case Code::kTimeout:
      return "timeout";
    case Code::kCanceled:
      return "canceled";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kCorruption:
      return "corruption";
    case Code::kTruncated:
      return "truncated";
    case Code::kNoSpace:
      return "no_space";
    case Code::kIo:
      return "io";
    case Code::kInternal:
      return "internal";
  }
  return "unknown";
}

Error Error::with_context(std::string_view context) && {
  return {code_, fmt::format("{}: {}", context, message_)};
}

Error errno_error(std::string_view what, int errno_value) {
  Code code = Code::kIo;
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
      code = Code::kNoSpace;
      break;
    case ENOENT:
      code = Code::kNotFound;
      break;
    case EEXIST:
      code = Code::kAlreadyExists;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = Code::kPermissionDenied;
      break;
    default:
      break;
  }
  return {code, fmt::format("{}: {}", what, std::generic_category().message(errno_value))};
}

}  // namespace narthex::util
