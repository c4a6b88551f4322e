#include "api/api_error.h"

#include <gtest/gtest.h>

#include "support/recording_writer.h"

namespace narthex::api {
namespace {

// What each failure looks like from outside (HA-G3, HA-G4).
TEST(ApiErrorType, FollowsTheCode) {
  using util::Code;
  const auto check = [](Code code, std::string_view type, int status) {
    const ErrorType got = error_type_of(code);
    EXPECT_EQ(error_type_text(got), type);
    EXPECT_EQ(error_status(got), status) << type;
  };
  check(Code::kInvalidArgument, "bad_data", 400);
  check(Code::kNotFound, "not_found", 404);
  check(Code::kExecution, "execution", 422);
  check(Code::kLimitExceeded, "execution", 422);
  // A query that this build understands but cannot evaluate.
  check(Code::kUnsupported, "execution", 422);
  check(Code::kCanceled, "canceled", 499);
  check(Code::kTimeout, "timeout", 503);
  check(Code::kUnavailable, "unavailable", 500);
  check(Code::kCorruption, "internal", 500);
  check(Code::kIo, "internal", 500);
}

TEST(ApiError, IsSentWithItsStatus) {
  test::RecordingWriter writer;
  send_error(writer, {ErrorType::kUnavailable, "a <b> \xff"});
  EXPECT_EQ(writer.status, 500);
  EXPECT_EQ(writer.body,
            R"({"status":"error","errorType":"unavailable","error":"a \u003cb\u003e \ufffd"})");
}

}  // namespace
}  // namespace narthex::api
