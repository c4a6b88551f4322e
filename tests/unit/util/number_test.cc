#include "narthex/util/number.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include <gtest/gtest.h>

#include "support/random_seed.h"

namespace narthex::util {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

std::string plain(double v) {
  std::string out;
  append_plain(out, v);
  return out;
}
std::string value(double v) {
  std::string out;
  append_value(out, v);
  return out;
}
std::string general(double v) {
  std::string out;
  append_general(out, v);
  return out;
}
std::string openmetrics(double v) {
  std::string out;
  append_openmetrics(out, v);
  return out;
}
std::uint64_t bits(double v) {
  return std::bit_cast<std::uint64_t>(v);
}

TEST(ParseDouble, ReadsEveryFormItPromises) {
  const auto check = [](std::string_view text, double want) {
    SCOPED_TRACE(text);
    const auto got = parse_double(text);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(bits(*got), bits(want));
  };
  check("0", 0.0);
  check("-0", -0.0);
  check("-0.0", -0.0);
  check("+1", 1);
  check("1.", 1);
  check(".5", 0.5);
  check("007", 7);
  check("123456789012345", 123456789012345.0);
  check("1234567890123456789", 1234567890123456789.0);
  check("0.1", 0.1);
  check("0.000000000000001", 1e-15);
  check("9007199254740993", 9007199254740992.0);  // 2^53 + 1: ties to even.
  check("1e3", 1e3);
  check("1E+3", 1e3);
  check("1.5e-3", 1.5e-3);
  check("4.9e-324", std::numeric_limits<double>::denorm_min());
  check("2.2250738585072011e-308", 0x0.fffffffffffffp-1022);  // The largest subnormal.
  check("1e308", 1e308);
  check("1.7976931348623159e308", kInf);
  check("1e999", kInf);
  check("-1e999", -kInf);
  check("1e-999", 0.0);
  check("-1e-999", -0.0);
  check("inf", kInf);
  check("+Inf", kInf);
  check("-INF", -kInf);
  check("Infinity", kInf);
  check("0x1p3", 8);
  check("-0x1.8p1", -3);
  check("0X.8P0", 0.5);
}

TEST(ParseDouble, NanInAnyCase) {
  for (const std::string_view text : {"NaN", "nan", "NAN"}) {
    const auto got = parse_double(text);
    ASSERT_TRUE(got.has_value()) << text;
    EXPECT_TRUE(std::isnan(*got)) << text;
  }
}

TEST(ParseDouble, RefusesEverythingElse) {
  for (const std::string_view text :
       {"",      " ",      " 1",    "1 ",  "+",    "-",    "+-1",  "--1",   ".",      "-.",
        "1.2.3", "1,5",    "1_000", "e5",  "1e",   "1e+",  "1e5.", "abc",   "1a",     "infi",
        "in",    "nano",   "0x",    "0xg", "0x-1", "0x+1", "0x1p", "0xinf", "0xnan",  "0xinfinity",
        "nan()", "nan(1)", "1\n",   "\t1", "1f",   "0b1",  "١",    "∞",     "1e9999x"}) {
    EXPECT_FALSE(parse_double(text).has_value()) << '"' << text << '"';
  }
  EXPECT_FALSE(parse_double(std::string_view("1\0", 2)).has_value());
}

// Goal: the short path for plain decimals gives the same bits as the C library.
TEST(ParseDouble, EqualsStrtodOnRandomDecimals) {
  Random random = test::seeded_random();
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    const std::uint64_t digits = 1 + random.below(20);
    const std::uint64_t point = random.below(digits + 1);
    for (std::uint64_t i = 0; i < digits; ++i) {
      if (i == point) text.push_back('.');
      text.push_back(static_cast<char>('0' + random.below(10)));
    }
    if (random.below(4) == 0)
      text += "e" + std::to_string(static_cast<int>(random.below(640)) - 330);
    const auto got = parse_double(text);
    ASSERT_TRUE(got.has_value()) << text;
    ASSERT_EQ(bits(*got), bits(std::strtod(text.c_str(), nullptr))) << text;
  }
}

TEST(FormatDouble, PlainFormNeverHasAnExponent) {
  EXPECT_EQ(plain(0), "0");
  EXPECT_EQ(plain(-0.0), "-0");
  EXPECT_EQ(plain(0.1), "0.1");
  EXPECT_EQ(plain(-1.5), "-1.5");
  EXPECT_EQ(plain(1e21), "1" + std::string(21, '0'));
  EXPECT_EQ(plain(1e300), "1" + std::string(300, '0'));
  EXPECT_EQ(plain(1e-7), "0.0000001");
  EXPECT_EQ(plain(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(plain(kInf), "+Inf");
  EXPECT_EQ(plain(-kInf), "-Inf");
  EXPECT_EQ(plain(std::numeric_limits<double>::denorm_min()), "0." + std::string(323, '0') + "5");
}

// Goal: the short path for few decimals gives the shortest digits, and is not taken next to them.
TEST(FormatDouble, FewDecimalsAreTheShortestDigits) {
  Random random = test::seeded_random();
  constexpr std::array<double, 5> kScales{1, 10, 100, 1000, 10000};
  for (int round = 0; round < 200'000; ++round) {
    const std::uint64_t digits = random.below(std::uint64_t{1} << random.below(52));
    const double sign = random.below(2) == 0 ? 1 : -1;
    const double decimal = sign * static_cast<double>(digits) / kScales[random.below(5)];
    for (const double one :
         {decimal, std::nextafter(decimal, kInf), std::nextafter(decimal, -kInf)}) {
      if (one != 0 && std::fabs(one) < 1e-6) continue;
      std::array<char, kDoubleTextBytesMax> text;
      const auto end =
          std::to_chars(text.data(), text.data() + text.size(), one, std::chars_format::fixed).ptr;
      ASSERT_EQ(value(one), std::string_view(text.data(), end));
    }
  }
}

// Behind the shortest digits come zeros, not the digits of the exact binary value.
TEST(FormatDouble, WholeNumbersBeyondTheShortestDigitsEndInZeros) {
  EXPECT_EQ(plain(1e23), "1" + std::string(23, '0'));
  EXPECT_EQ(value(9223372036854775808.0), "9223372036854776000");
  EXPECT_EQ(value(18446744073709551616.0), "18446744073709552000");
  EXPECT_EQ(value(123456789012345678901.0), "123456789012345680000");
  EXPECT_EQ(plain(-123456789012345678901.0), "-123456789012345680000");
}

TEST(FormatDouble, ValuesTakeTheExponentFormAtTheEnds) {
  EXPECT_EQ(value(1), "1");
  EXPECT_EQ(value(1.25), "1.25");
  EXPECT_EQ(value(1e20), "1" + std::string(20, '0'));
  EXPECT_EQ(value(1e21), "1e+21");
  EXPECT_EQ(value(-1.5e22), "-1.5e+22");
  EXPECT_EQ(value(1e-6), "0.000001");
  EXPECT_EQ(value(9.9e-7), "9.9e-07");
  EXPECT_EQ(value(1e-7), "1e-07");
  EXPECT_EQ(value(1e-300), "1e-300");
  EXPECT_EQ(value(0), "0");
  EXPECT_EQ(value(kInf), "+Inf");
}

TEST(FormatDouble, GeneralFormTurnsToExponentsAtSixDigits) {
  EXPECT_EQ(general(0), "0");
  EXPECT_EQ(general(123456), "123456");
  EXPECT_EQ(general(999999.5), "999999.5");
  EXPECT_EQ(general(1234567), "1.234567e+06");
  EXPECT_EQ(general(0.0001), "0.0001");
  EXPECT_EQ(general(0.00001), "1e-05");
  EXPECT_EQ(general(-2.5e100), "-2.5e+100");
  EXPECT_EQ(general(-kInf), "-Inf");
}

TEST(FormatDouble, OpenmetricsFormMarksWholeNumbers) {
  EXPECT_EQ(openmetrics(1), "1.0");
  EXPECT_EQ(openmetrics(0), "0.0");
  EXPECT_EQ(openmetrics(0.5), "0.5");
  EXPECT_EQ(openmetrics(1e6), "1e+06");
  EXPECT_EQ(openmetrics(kInf), "+Inf");
  EXPECT_EQ(openmetrics(std::numeric_limits<double>::quiet_NaN()), "NaN");
}

TEST(FormatDouble, EveryFormOfEveryNumberReadsBackAndFitsItsBuffer) {
  Random random = test::seeded_random();
  const auto check = [](double v) {
    for (const std::string& text : {plain(v), value(v), general(v), openmetrics(v)}) {
      ASSERT_LE(text.size(), kDoubleTextBytesMax);
      const auto back = parse_double(text);
      ASSERT_TRUE(back.has_value()) << text;
      ASSERT_EQ(bits(*back), bits(v)) << text;
    }
  };
  check(std::numeric_limits<double>::max());
  check(std::numeric_limits<double>::lowest());
  check(-std::numeric_limits<double>::denorm_min());
  check(-std::numeric_limits<double>::min());
  for (int round = 0; round < 100'000; ++round) {
    const double v = std::bit_cast<double>(random.next());
    if (!std::isnan(v)) check(v);
    check(static_cast<double>(random.next() >> random.below(64)) / 1000);
  }
}

}  // namespace
}  // namespace narthex::util
