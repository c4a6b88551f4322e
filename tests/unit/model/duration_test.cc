#include "narthex/model/duration.h"

#include <gtest/gtest.h>

#include "narthex/model/names.h"

#include "support/random_seed.h"

namespace narthex::model {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

TEST(Duration, ReadsAndPrintsTheShortestForm) {
  const auto check = [](std::string_view text, std::int64_t ms, std::string_view printed) {
    SCOPED_TRACE(text);
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
    EXPECT_EQ(parsed->count(), ms);
    EXPECT_EQ(format_duration(*parsed), printed);
  };
  check("0", 0, "0s");
  check("0s", 0, "0s");
  check("0ms", 0, "0s");
  check("1ms", 1, "1ms");
  check("100ms", 100, "100ms");
  check("1000ms", kSecond, "1s");
  check("90s", 90 * kSecond, "1m30s");
  check("1m30s", 90 * kSecond, "1m30s");
  check("1h30m", 90 * kMinute, "1h30m");
  check("24h", kDay, "1d");
  check("10d", 10 * kDay, "10d");
  check("14d", 14 * kDay, "2w");
  check("3w", 21 * kDay, "3w");
  check("1y", 365 * kDay, "1y");
  check("2y1w", 737 * kDay, "737d");  // Weeks and years only when nothing is left over.
  check("1d1h", kDay + kHour, "1d1h");
  check("1y2w3d4h5m6s7ms", (365 + 14 + 3) * kDay + 4 * kHour + 5 * kMinute + 6 * kSecond + 7,
        "382d4h5m6s7ms");
  check("008s", 8 * kSecond, "8s");
  check("292y", 292 * 365 * kDay, "292y");
}

TEST(Duration, RefusesWhatIsNoDuration) {
  const auto message = [](std::string_view text) {
    const auto parsed = parse_duration(text);
    return parsed ? "accepted" : parsed.error().message();
  };
  EXPECT_EQ(message(""), "empty duration string");
  for (const std::string_view text :
       {"1", "00", "s", "-1s", "+1s", " 1s", "1s1m", "1m1m", "1ms1s", "1s30"}) {
    EXPECT_EQ(message(text), "not a valid duration string: \"" + std::string(text) + "\"");
  }
}

TEST(Duration, NamesTheUnitThatItDoesNotKnow) {
  const auto check = [](std::string_view text, std::string_view unit) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().message(),
              "unknown unit " + quoted(unit) + " in duration " + quoted(text));
  };
  check("1.5d", ".");
  check("1 s", " s");
  check("1s ", "s ");
  check("1S", "S");
  check("5y1hs", "hs");
  check("1sm", "sm");
  check("1h-5m", "h-");
  check("1us", "us");
  check("1µs", "µs");
}

// Prometheus keeps durations in a signed 64-bit number of nanoseconds.
TEST(Duration, RefusesWhatDoesNotFit) {
  for (const std::string_view text :
       {"293y", "200y10400w", "2584200h", "9223372036855ms", "99999999999999999999s",
        "9223372036854775807y", "292y365d1d"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
  EXPECT_TRUE(parse_duration("9223372036854ms").has_value());
  EXPECT_EQ(parse_duration("300y").error().message(), "duration out of range");
}

TEST(Duration, NegativeOnesArePrintedWithASign) {
  EXPECT_EQ(format_duration(DurationMs(-5 * kMinute)), "-5m");
  EXPECT_EQ(format_duration(DurationMs(-1)), "-1ms");
  EXPECT_EQ(format_duration(DurationMs::min()).front(), '-');
}

TEST(Duration, WhatIsPrintedReadsBackEqual) {
  util::Random random = test::seeded_random();
  for (int round = 0; round < 20'000; ++round) {
    const DurationMs duration(
        static_cast<std::int64_t>(random.below(9'223'372'036'854ULL) >> random.below(43)));
    const auto back = parse_duration(format_duration(duration));
    ASSERT_TRUE(back.has_value()) << format_duration(duration);
    ASSERT_EQ(*back, duration) << format_duration(duration);
  }
}

}  // namespace
}  // namespace narthex::model
