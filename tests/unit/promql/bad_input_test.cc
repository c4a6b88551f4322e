// Goal: no query brings the server down. Each of these is an error that says why, or an answer
// within the budget.
#include <chrono>
#include <string>

#include "unit/promql/engine_fixture.h"

namespace narthex::promql {
namespace {

constexpr std::size_t kMegabyte = std::size_t{1} << 20U;

class BadInput : public EngineTest {
 protected:
  static std::string repeat(std::string_view text, std::size_t count) {
    std::string out;
    out.reserve(text.size() * count);
    for (std::size_t i = 0; i < count; ++i) out += text;
    return out;
  }
  void load_series(int count) {
    for (int i = 0; i < count; ++i) {
      load({{"__name__", "m"}, {"a", "value-" + std::to_string(i)}}, 60'000, {1, 2, 3});
    }
  }
  // It fails, with this code and a message that holds `text`.
  void expect_refused(const std::string& query, util::Code code, std::string_view text) {
    const auto result = instant(query, 0);
    ASSERT_FALSE(result) << query.substr(0, 100);
    EXPECT_EQ(result.error().code(), code) << result.error().message();
    EXPECT_NE(result.error().message().find(text), std::string::npos) << result.error().message();
  }
};

TEST_F(BadInput, NestingIsBounded) {
  constexpr std::size_t kDeep = 100'000;
  constexpr std::string_view kTooDeep = "nested too deeply";
  using enum util::Code;
  expect_refused(repeat("(", kDeep) + "1" + repeat(")", kDeep), kInvalidArgument, kTooDeep);
  expect_refused(repeat("(", kDeep), kInvalidArgument, "parse error");
  expect_refused(repeat("-", kDeep) + "m", kInvalidArgument, kTooDeep);
  expect_refused(repeat("abs(", kDeep) + "m" + repeat(")", kDeep), kInvalidArgument, kTooDeep);
  expect_refused("m" + repeat("[1m:1m]", kDeep), kInvalidArgument, "parse error");
  expect_refused("1" + repeat(" + 1", kDeep), kInvalidArgument, kTooDeep);
  expect_refused("2" + repeat(" ^ 2", kDeep), kInvalidArgument, kTooDeep);
  expect_refused("m[" + repeat("(", kDeep) + "5m" + repeat(")", kDeep) + "]", kInvalidArgument,
                 kTooDeep);
}

TEST_F(BadInput, LongTextsAreReadOrRefused) {
  load_series(2);
  EXPECT_TRUE(instant("m" + repeat(" ", kMegabyte), 0));
  EXPECT_TRUE(instant("m # " + repeat("x", kMegabyte), 0));
  EXPECT_TRUE(instant("m{a=\"" + repeat("y", kMegabyte) + "\"}", 0));
  std::string names = "a";
  while (names.size() < kMegabyte) names += ",label" + std::to_string(names.size());
  EXPECT_TRUE(instant("sum by (" + names + ") (m)", 0));
  expect_refused("m{a=\"" + repeat("\\", kMegabyte), util::Code::kInvalidArgument, "parse error");
}

TEST_F(BadInput, LargeRegularExpressionsAreAnsweredOrRefused) {
  load_series(20);
  std::string alternatives;
  for (int i = 0; i < 10'000; ++i)
    alternatives += (i > 0 ? "|value-" : "value-") + std::to_string(i);
  const auto found = instant("count(m{a=~\"" + alternatives + "\"})", 0);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(print(*found), (Printed{{"{}", "20@0"}}));
  // Big programs: an answer, or an error that names the expression's fault.
  for (const std::string& pattern :
       {repeat("\\\\pL{1,3}", 200), repeat("[^\\\\x00-\\\\x{10FFFF}x]", 200),
        std::string("((a{1,100}){1,100}){1,100}")}) {
    const auto result = instant("m{a=~\"" + pattern + "\"}", 0);
    if (!result) {
      EXPECT_EQ(result.error().code(), util::Code::kInvalidArgument);
    }
  }
}

TEST_F(BadInput, LabelsAreChargedToTheBudget) {
  make_engine({.memory_bytes_max = 8 * kMegabyte});
  load_series(2'000);
  // Each call doubles the label.
  std::string doubling = "m";
  for (int i = 0; i < 30; ++i)
    doubling = "label_replace(" + doubling + ", \"a\", \"$1$1\", \"a\", \"(.*)\")";
  expect_refused(doubling, util::Code::kLimitExceeded, "");
  std::string joining = "m";
  for (int i = 0; i < 30; ++i) joining = "label_join(" + joining + ", \"a\", \"-\", \"a\", \"a\")";
  expect_refused(joining, util::Code::kLimitExceeded, "");
}

TEST_F(BadInput, OneLabelCannotGrowWithoutBounds) {
  load_series(1);
  std::string joining = "m";
  for (int i = 0; i < 40; ++i) joining = "label_join(" + joining + ", \"a\", \"-\", \"a\", \"a\")";
  expect_refused(joining, util::Code::kExecution, "is too long");
  const std::string long_label =
      "label_replace(m, \"b\", \"" + repeat("x", kMegabyte) + "\", \"a\", \".*\")";
  expect_refused(
      "label_replace(" + long_label + ", \"c\", \"" + repeat("$1", 100) + "\", \"b\", \"(.*)\")",
      util::Code::kExecution, "is too long");
}

TEST_F(BadInput, StepsAndRangesAreChecked) {
  load_series(1);
  const auto code_of = [&](std::int64_t start, std::int64_t end, std::int64_t step) {
    const auto result = range("m", start, end, step);
    return result ? util::Code::kInternal : result.error().code();
  };
  EXPECT_EQ(code_of(0, 1'000, 0), util::Code::kInvalidArgument);
  EXPECT_EQ(code_of(0, 1'000, -1), util::Code::kInvalidArgument);
  EXPECT_EQ(code_of(1'000, 0, 1'000), util::Code::kInvalidArgument);
  // How many points a client may ask for is the API's to say; here 11,001 of them are just columns.
  EXPECT_TRUE(range("m", 0, 11'000'000, 1'000));
  for (const std::string query : {"m[0s]", "m[1m:0s]", "m[-1m]", "m[1y1y]", "m offset 1e30",
                                  "m @ 1e300", "m[99999999999999999999y]", "m[1m:1m", "m @ NaN"}) {
    const auto result = instant(query, 0);
    ASSERT_FALSE(result) << query;
    EXPECT_EQ(result.error().code(), util::Code::kInvalidArgument) << query;
  }
}

TEST_F(BadInput, WideSelectionsStayInsideTheBudget) {
  make_engine({.samples_max = 10'000, .memory_bytes_max = 4 * kMegabyte});
  load_series(200'000);
  expect_refused("{__name__=~\".+\"}[1d]", util::Code::kLimitExceeded, "");
  expect_refused("sort(m)", util::Code::kLimitExceeded, "");
  expect_refused("m * on (a) group_left m", util::Code::kLimitExceeded, "");
  make_engine({});
  const auto all = instant("count({__name__=~\".+\"})", 0);
  ASSERT_TRUE(all) << all.error().message();
  EXPECT_EQ(print(*all), (Printed{{"{}", "200000@0"}}));
}

TEST_F(BadInput, ErrorsSayWhere) {
  expect_refused("", util::Code::kInvalidArgument,
                 "unknown position: parse error: no expression found in input");
  expect_refused("up offset", util::Code::kInvalidArgument,
                 "1:10: parse error: unexpected end of input in offset, expected number");
  expect_refused("up{a=~\"(\"}", util::Code::kInvalidArgument,
                 "1:4: parse error: error parsing regexp: missing closing ): `(`");
}

}  // namespace
}  // namespace narthex::promql
