#include "api/json.h"

#include <cmath>
#include <limits>

#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "narthex/util/number.h"
#include "narthex/util/utf8.h"

#include "support/recording_writer.h"

namespace narthex::api {
namespace {

template <class Append, class T>
std::string text_of(Append append, const T& value) {
  std::string out;
  append(out, value);
  return out;
}

TEST(JsonString, EscapesWhatJsonAndHtmlDemand) {
  const auto check = [](std::string_view text, std::string_view want) {
    EXPECT_EQ(text_of(append_json_string, text), want) << text;
  };
  check("", R"("")");
  check("plain é 😀", "\"plain é 😀\"");
  check("a\"b\\c\nd\re\tf", R"("a\"b\\c\nd\re\tf")");
  check(std::string_view("\0\x1f", 2), R"("\u0000\u001f")");
  check("<a&b>", R"("\u003ca\u0026b\u003e")");
  check("\xe2\x80\xa8\xe2\x80\xa9", R"("\u2028\u2029")");
  check("bad \xff\xc3 end", R"("bad \ufffd\ufffd end")");
}

TEST(JsonLabels, AreSortedAndNotHtmlEscaped) {
  EXPECT_EQ(text_of(append_json_labels, model::Labels()), "{}");
  const model::Labels labels = {{"b", "<&>"}, {"a", "x\"y"}, {"__name__", "up"}};
  EXPECT_EQ(text_of(append_json_labels, labels), R"({"__name__":"up","a":"x\"y","b":"<&>"})");
}

RC_GTEST_PROP(JsonString, ReadsBack, (const std::string& bytes)) {
  const std::string text = util::to_valid_utf8(bytes);
  const std::string json = text_of(append_json_string, std::string_view(text));
  RC_ASSERT(std::string_view(boost::json::parse(json).as_string()) == text);
}

TEST(JsonTimestamp, KeepsThreeDigitsOfAFraction) {
  const auto check = [](model::TimestampMs t, std::string_view want) {
    EXPECT_EQ(text_of(append_json_timestamp, t), want);
  };
  check(0, "0");
  check(1'700'000'000'000, "1700000000");
  check(1'500, "1.500");
  check(1'005, "1.005");
  check(-1'500, "-1.500");
  check(-5, "-0.005");
  check(INT64_MIN, "-9223372036854775.808");
  check(INT64_MAX, "9223372036854775.807");
}

// As Go's encoding/json prints a float: what scalar and string results show their time with.
TEST(JsonDouble, IsPlainBetweenAMillionthAndATrillionBillion) {
  const auto check = [](double value, std::string_view want) {
    EXPECT_EQ(text_of(append_json_double, value), want);
  };
  check(0, "0");
  check(-0.0, "-0");
  check(1'700'000'000, "1700000000");
  check(1'700'000'000.123, "1700000000.123");
  check(1.5, "1.5");
  check(-1.5, "-1.5");
  check(0.001, "0.001");
  check(-0.005, "-0.005");
  check(static_cast<double>(INT64_MIN) / 1000, "-9223372036854776");
  check(static_cast<double>(INT64_MAX) / 1000, "9223372036854776");
  check(1e-6, "0.000001");
  check(1.2345678901234567e-6, "0.0000012345678901234567");
  check(-9.9e-7, "-9.9e-7");
  check(1e-10, "1e-10");
  check(5e-324, "5e-324");
  check(999999999999999900000.0, "999999999999999900000");
  check(1e21, "1e+21");
  check(-1.7976931348623157e308, "-1.7976931348623157e+308");
}

TEST(JsonValue, IsAStringInPrometheusForm) {
  const auto check = [](double value, std::string_view want) {
    EXPECT_EQ(text_of(append_json_value, value), want);
  };
  check(0, R"("0")");
  check(-0.0, R"("-0")");
  check(1, R"("1")");
  check(-12345678, R"("-12345678")");
  check(0.1, R"("0.1")");
  check(1e22, R"("1e+22")");
  check(1e-7, R"("1e-07")");
  check(123456789012345680000.0, R"("123456789012345680000")");
  check(9007199254740993.0, R"("9007199254740992")");
  check(std::numeric_limits<double>::quiet_NaN(), R"("NaN")");
  check(std::numeric_limits<double>::infinity(), R"("+Inf")");
  check(-std::numeric_limits<double>::infinity(), R"("-Inf")");
}

RC_GTEST_PROP(JsonValue, IsWhatTheFormatterSays, (double value, std::int32_t whole)) {
  for (const double each : {value, static_cast<double>(whole), static_cast<double>(whole) * 1e6}) {
    std::string want = "\"";
    util::append_value(want, each);
    want += '"';
    RC_ASSERT(text_of(append_json_value, each) == want);
  }
}

TEST(JsonTime, IsRfc3339InUtc) {
  const auto check = [](util::WallNs t, std::string_view want) {
    EXPECT_EQ(text_of(append_json_time, t), want);
  };
  check(0, R"("0001-01-01T00:00:00Z")");
  check(1'700'000'000'000'000'000, R"("2023-11-14T22:13:20Z")");
  check(1'700'000'000'123'400'000, R"("2023-11-14T22:13:20.1234Z")");
  check(1'709'164'800'000'000'001, R"("2024-02-29T00:00:00.000000001Z")");
}

TEST(JsonStream, SmallAnswersGoOutWhole) {
  test::RecordingWriter writer;
  JsonStream json(writer);
  json.buffer() += "{}";
  EXPECT_TRUE(json.relieve());
  json.finish();
  EXPECT_FALSE(writer.streamed);
  EXPECT_EQ(writer.body, "{}");
  EXPECT_EQ(writer.headers.get("Content-Type"), "application/json");
}

TEST(JsonStream, LargeAnswersGoOutInPieces) {
  test::RecordingWriter writer;
  JsonStream json(writer);
  std::string want;
  for (int i = 0; i < 10'000; ++i) {
    json.buffer() += std::to_string(i) + ",";
    want += std::to_string(i) + ",";
    ASSERT_TRUE(json.relieve());
    ASSERT_LT(json.buffer().size(), 64U << 10U);
  }
  json.finish();
  EXPECT_TRUE(writer.streamed);
  EXPECT_EQ(writer.body, want);
}

TEST(JsonStream, SaysThatTheClientHasGone) {
  test::RecordingWriter writer;
  writer.bytes_until_gone = 100'000;
  JsonStream json(writer);
  int pieces = 0;
  do {
    json.buffer() += std::string(10'000, 'x');
    ++pieces;
  } while (json.relieve() && pieces < 1000);
  EXPECT_LT(pieces, 20);
}

}  // namespace
}  // namespace narthex::api
