#include "narthex/util/log.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narthex::util {
namespace {

// What `write` puts on stderr under these settings; the defaults come back afterwards.
template <class Write>
std::string logged(LogLevel level, LogFormat format, Write write) {
  configure_log(level, format);
  ::testing::internal::CaptureStderr();
  write();
  std::string out = ::testing::internal::GetCapturedStderr();
  configure_log(LogLevel::kInfo, LogFormat::kLogfmt);
  return out;
}

// Without the time and the source, which differ from run to run.
std::string tail(const std::string& line) {
  const std::size_t at = line.find("msg");
  return at == std::string::npos ? "no msg in: " + line : line.substr(at);
}

TEST(Log, LogfmtQuotesOnlyWhatNeedsIt) {
  const std::string line = logged(LogLevel::kInfo, LogFormat::kLogfmt, [] {
    log_info("Started",
             {{"port", 9090}, {"path", "a b"}, {"eq", "a=b"}, {"empty", ""}, {"ratio", 0.5}});
  });
  EXPECT_EQ(tail(line), "msg=Started port=9090 path=\"a b\" eq=\"a=b\" empty=\"\" ratio=0.5\n");
}

TEST(Log, StartsWithTimeLevelAndSource) {
  const std::string line = logged(LogLevel::kInfo, LogFormat::kLogfmt, [] { log_warn("x"); });
  EXPECT_THAT(line, ::testing::MatchesRegex(
                        "time=[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z level=WARN "
                        "source=log_test\\.cc:[0-9]+ msg=x\n"));
}

TEST(Log, JsonEscapesEveryValue) {
  const std::string line = logged(LogLevel::kInfo, LogFormat::kJson, [] {
    log_error("say \"hi\"", {{"err", Error(Code::kIo, "a\nb\\c\x01")}});
  });
  EXPECT_EQ(line.front(), '{');
  EXPECT_EQ(tail(line), "msg\":\"say \\\"hi\\\"\",\"err\":\"a\\nb\\\\c\\u0001\"}\n");
}

// A target's garbage must neither break the line nor reach a terminal raw.
TEST(Log, AnEventIsOneLineOfValidTextWhateverItCarries) {
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    const std::string line = logged(LogLevel::kInfo, format, [] {
      log_info("m", {{"body", std::string("\x1b[31m\r\n\x7f\xff%s{}")}});
    });
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_EQ(line.find('\xff'), std::string::npos);
    EXPECT_NE(line.find("%s{}"), std::string::npos);
  }
}

TEST(Log, LevelsBelowTheSettingAreSilent) {
  const auto all = [] {
    log_debug("d");
    log_info("i");
    log_warn("w");
    log_error("e");
  };
  const auto lines = [&](LogLevel level) {
    const std::string out = logged(level, LogFormat::kLogfmt, all);
    return std::count(out.begin(), out.end(), '\n');
  };
  EXPECT_EQ(lines(LogLevel::kDebug), 4);
  EXPECT_EQ(lines(LogLevel::kInfo), 3);
  EXPECT_EQ(lines(LogLevel::kWarn), 2);
  EXPECT_EQ(lines(LogLevel::kError), 1);
}

TEST(Log, ParsesItsSettingsAndRefusesOthers) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::kDebug);
  EXPECT_EQ(parse_log_level("error"), LogLevel::kError);
  EXPECT_EQ(parse_log_level("INFO").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(parse_log_format("json"), LogFormat::kJson);
  EXPECT_EQ(parse_log_format("logfmt"), LogFormat::kLogfmt);
  EXPECT_FALSE(parse_log_format("xml").has_value());
}

}  // namespace
}  // namespace narthex::util
