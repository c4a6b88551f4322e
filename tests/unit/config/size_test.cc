#include "narthex/config/size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narthex::config {
namespace {

TEST(Size, ReadsUnitsAsPowersOf1024) {
  const auto check = [](std::string_view text, std::uint64_t want) {
    const auto got = parse_size(text);
    ASSERT_TRUE(got) << text;
    EXPECT_EQ(*got, want) << text;
  };
  check("0", 0);
  check("0B", 0);
  check("17B", 17);
  check("10KB", 10 << 10);
  check("15MB", 15 << 20);
  check("15MiB", 15 << 20);
  check("15M", 15 << 20);
  check("1.5GB", std::uint64_t{3} << 29U);
  check("1GB512MB", (std::uint64_t{1} << 30U) + (512U << 20U));
  check("7EB", std::uint64_t{7} << 60U);
}

TEST(Size, SaysWhatIsWrong) {
  const auto check = [](std::string_view text, std::string_view want) {
    const auto got = parse_size(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().message(), want);
  };
  check("", "units: invalid ");
  check("MB", "units: invalid MB");
  check("-1MB", "units: invalid -1MB");
  check("1.2.3MB", "units: invalid 1.2.3MB");
  check("12", "units: missing unit in 12");
  check("5Q", "units: unknown unit Q in 5Q");
  check("5MBB", "units: unknown unit MBB in 5MBB");
  check("9EB", "units: 9EB is too large");
}

TEST(Size, PrintsWhatReadsBackEqual) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(15 << 20), "15MiB");
  for (const std::uint64_t bytes :
       {1ULL, 1023ULL, 1024ULL, 1536ULL, 123456789ULL, (1ULL << 62U) + 1024}) {
    const auto back = parse_size(format_size(bytes));
    ASSERT_TRUE(back) << format_size(bytes);
    EXPECT_EQ(*back, bytes) << format_size(bytes);
  }
}

}  // namespace
}  // namespace narthex::config
