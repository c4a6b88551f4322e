#include "config/go_duration.h"

#include <limits>

#include <gtest/gtest.h>

namespace narthex::config {
namespace {

TEST(GoDuration, ReadsEveryUnit) {
  const auto check = [](std::string_view text, std::int64_t want_ns) {
    const auto got = parse_go_duration(text);
    ASSERT_TRUE(got) << text;
    EXPECT_EQ(got->count(), want_ns) << text;
  };
  check("0", 0);
  check("-0", 0);
  check("5ns", 5);
  check("7us", 7'000);
  check("7µs", 7'000);
  check("7μs", 7'000);
  check("250ms", 250'000'000);
  check("1s", 1'000'000'000);
  check("+1.5s", 1'500'000'000);
  check(".25s", 250'000'000);
  check("3.s", 3'000'000'000);
  check("-2m", -120'000'000'000);
  check("1h500ms", 3'600'500'000'000);
  check("0.0000000019s", 1);
  check("9223372036854775807ns", std::numeric_limits<std::int64_t>::max());
}

TEST(GoDuration, RefusesTheRest) {
  for (const std::string_view text :
       {"", "-", "1", "1d", "s", ".s", "1s ", " 1s", "1..5s", "--1s", "1S", "1s2", "0x1s", "1e3s",
        "9223372036854775808ns", "9223372037s", "2562048h", "99999999999999999999999h", "1\xb5s"})
    EXPECT_FALSE(parse_go_duration(text)) << text;
}

}  // namespace
}  // namespace narthex::config
