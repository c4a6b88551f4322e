#include "api/params.h"

#include <gtest/gtest.h>

namespace narthex::api {
namespace {

TEST(ParseTime, TakesSecondsAndRfc3339) {
  const auto check = [](std::string_view text, model::TimestampMs want) {
    const auto time = parse_time(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(*time, want) << text;
  };
  check("0", 0);
  check("123", 123'000);
  check("1543578564.705", 1'543'578'564'705);
  check("1.0006", 1'001);
  check("-1.5", -1'500);
  check("1e9", 1'000'000'000'000);
  check("2015-06-03T13:21:58.555Z", 1'433'337'718'555);
  check("2015-06-03T14:21:58.555+01:00", 1'433'337'718'555);
  check("2015-06-03T13:21:58.555999999Z", 1'433'337'718'555);
  check("1969-12-31T23:59:59Z", -1'000);
  check("2024-02-29T00:00:00Z", 1'709'164'800'000);
  check("-292273086-05-16T16:47:06Z", kApiTimeMin);
  check("292277025-08-18T07:12:54.999999999Z", kApiTimeMax);
  check("Inf", kApiTimeMax);
  check("-1e300", kApiTimeMin);
  check("9223372036854775808", kApiTimeMax);
}

TEST(ParseTime, RefusesEverythingElse) {
  for (const char* text :
       {"", "foo", "30s", "2015-06-03", "2015-06-03T13:21:58", "2015-13-03T13:21:58Z",
        "2023-02-29T00:00:00Z", "2015-06-03T24:00:00Z", "2015-06-03T13:21:58.Z",
        "2015-06-03T13:21:58Zx", "2015-06-03 13:21:58Z", "1e400", "-1e400", "NaN"}) {
    const auto time = parse_time(text);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error(), "cannot parse \"" + std::string(text) + "\" to a valid timestamp");
  }
}

TEST(ParseDuration, TakesSecondsAndUnits) {
  using std::chrono::nanoseconds;
  EXPECT_EQ(parse_duration("123"), nanoseconds(123'000'000'000));
  EXPECT_EQ(parse_duration("0.0001"), nanoseconds(100'000));
  EXPECT_EQ(parse_duration("-1"), nanoseconds(-1'000'000'000));
  EXPECT_EQ(parse_duration("1h30m"), std::chrono::minutes(90));
  EXPECT_EQ(parse_duration("1e400").error(), "cannot parse \"1e400\" to a valid duration");
  EXPECT_EQ(parse_duration("").error(), "cannot parse \"\" to a valid duration");
  EXPECT_EQ(parse_duration("0.5m").error(), "cannot parse \"0.5m\" to a valid duration");
  EXPECT_EQ(parse_duration("148966367200.372").error(),
            "cannot parse \"148966367200.372\" to a valid duration. It overflows int64");
  EXPECT_FALSE(parse_duration("NaN"));
}

TEST(LimitParam, IsAWholeNumberNotBelowZero) {
  const auto message = [](const char* text) {
    const auto limit = limit_param(http::Form::parse(text));
    return limit ? "ok " + std::to_string(*limit) : limit.error().message;
  };
  EXPECT_EQ(message(""), "ok 0");
  EXPECT_EQ(message("limit="), "ok 0");
  EXPECT_EQ(message("limit=5"), "ok 5");
  EXPECT_EQ(message("limit=-1"), "invalid parameter \"limit\": limit must be non-negative");
  EXPECT_EQ(message("limit=z"),
            "invalid parameter \"limit\": strconv.Atoi: parsing \"z\": invalid syntax");
  EXPECT_EQ(message("limit=99999999999999999999"),
            "invalid parameter \"limit\": strconv.Atoi: parsing \"99999999999999999999\": value "
            "out of range");
}

TEST(RequestParams, FormBodyComesFirst) {
  http::Request request;
  request.query = "a=url&b=url";
  request.body = "a=body";
  request.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  const http::Form params = request_params(request);
  EXPECT_EQ(params.get("a"), "body");
  EXPECT_EQ(params.get("b"), "url");
  request.headers.set("Content-Type", "application/json");
  EXPECT_EQ(request_params(request).get("a"), "url");
}

TEST(MatchParams, NeedSomethingSelective) {
  EXPECT_EQ(match_params(http::Form::parse("match[]=up&match[]={a%3D\"b\"}"))->size(), 2U);
  EXPECT_EQ(match_params(http::Form())->size(), 0U);
  const auto open = match_params(http::Form::parse("match[]={"));
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().type, ErrorType::kBadData);
  EXPECT_EQ(open.error().message, "1:2: parse error: unexpected end of input inside braces");
  const auto empty = match_params(http::Form::parse("match[]={__name__%3D\"\"}"));
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().message, "match[] must contain at least one non-empty matcher");
  std::string wide = "x";
  for (int i = 0; i < 15; ++i) wide += ".{1000}";
  std::string form = "match[]=up";
  for (int i = 0; i < 100; ++i) form += "&match[]=" + http::percent_encode("{a=~\"" + wide + "\"}");
  const auto large = match_params(http::Form::parse(form));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().message,
            "invalid parameter \"match[]\": the regular expressions are too large together: "
            "the limit is 16 MiB compiled");
}

}  // namespace
}  // namespace narthex::api
