#include "narthex/util/number.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace narthex::util {
namespace {

// Powers of ten that a double holds exactly.
constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::size_t kExactDigitsMax = 15;  // Any 15-digit integer is below 2^53.

// "123.25" without exponent and with at most 15 digits: one integer and one exact division
// (Clinger's fast path), so the result is correctly rounded. False = take the general way.
bool parse_short_decimal(std::string_view text, double& out) noexcept {
  if (text.size() > kExactDigitsMax + 1 || text.empty()) return false;
  std::uint64_t digits = 0;
  std::size_t digit_count = 0;
  std::size_t fraction_digits = 0;
  bool seen_point = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      digits = digits * 10 + static_cast<std::uint64_t>(c - '0');
      ++digit_count;
      fraction_digits += seen_point ? 1U : 0U;
    } else if (c == '.' && !seen_point) {
      seen_point = true;
    } else {
      return false;
    }
  }
  if (digit_count == 0 || digit_count > kExactDigitsMax) return false;
  out = static_cast<double>(digits) / kPowersOfTen[fraction_digits];
  return true;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

// from_chars says "out of range" for both ends; strtod then gives ±Inf or the nearest tiny number.
double parse_out_of_range(std::string_view text, bool hexadecimal) {
  std::string copy(hexadecimal ? "0x" : "");
  copy.append(text);
  return std::strtod(copy.c_str(), nullptr);
}

std::size_t copy_word(const char* word, char* out) noexcept {
  const std::size_t size = std::strlen(word);
  std::memcpy(out, word, size);
  return size;
}

// NaN and infinities; 0 for every other number.
std::size_t format_special(double value, char* out) noexcept {
  if (std::isnan(value)) return copy_word("NaN", out);
  if (std::isinf(value)) return copy_word(value > 0 ? "+Inf" : "-Inf", out);
  return 0;
}

std::size_t format_with(double value, std::chars_format format, char* out) noexcept {
  const auto [end, ec] = std::to_chars(out, out + kDoubleTextBytesMax, value, format);
  return ec == std::errc{} ? static_cast<std::size_t>(end - out) : 0;
}

int decimal_exponent(std::string_view scientific) noexcept {
  const std::size_t e = scientific.find('e');
  std::string_view digits = scientific.substr(e + 1);
  const bool negative = digits.front() == '-';
  digits.remove_prefix(1);  // to_chars always writes the sign.
  int exponent = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  return negative ? -exponent : exponent;
}

constexpr std::array<char, 200> two_digit_table() {
  std::array<char, 200> table{};
  for (std::size_t i = 0; i < 100; ++i) {
    table[2 * i] = static_cast<char>('0' + i / 10);
    table[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return table;
}
constexpr std::array<char, 200> kTwoDigits = two_digit_table();

// Numbers of up to 15 digits with at most three behind the point, as most samples are: 0 for all
// others. No two such decimals are the same double, so the one that gives the value, by a division
// that rounds once, has the shortest digits.
std::size_t format_short_decimal(double value, char* out) noexcept {
  constexpr double kEnd = 1e12;
  const double magnitude = std::fabs(value);
  if (!(magnitude < kEnd) || magnitude == 0) return 0;
  const auto thousandths = static_cast<std::uint64_t>(magnitude * 1000 + 0.5);
  if (static_cast<double>(thousandths) / 1000 != magnitude) return 0;
  char* p = out;
  if (value < 0) *p++ = '-';
  p = std::to_chars(p, p + kDoubleTextBytesMax, thousandths / 1000).ptr;
  const std::size_t rest = thousandths % 1000;
  if (rest == 0) return static_cast<std::size_t>(p - out);
  *p++ = '.';
  *p++ = static_cast<char>('0' + rest / 100);
  std::memcpy(p, kTwoDigits.data() + rest % 100 * 2, 2);
  p += rest % 10 != 0 ? 2 : rest % 100 != 0 ? 1 : 0;
  return static_cast<std::size_t>(p - out);
}

// Shortest digits without an exponent. std::to_chars writes whole numbers beyond 2^53 with the
// digits of the exact binary value; here, as in Prometheus, zeros follow the shortest digits.
std::size_t format_fixed(double value, char* out) noexcept {
  if (const std::size_t n = format_short_decimal(value, out); n != 0) return n;
  constexpr double kExactWholeEnd = 0x1p53;
  if (std::fabs(value) < kExactWholeEnd) return format_with(value, std::chars_format::fixed, out);
  std::array<char, kDoubleTextBytesMax> scientific;
  const std::size_t n = format_with(value, std::chars_format::scientific, scientific.data());
  const std::string_view text(scientific.data(), n);
  const std::string_view mantissa = text.substr(0, text.find('e'));
  char* p = out;
  for (const char c : mantissa) {
    if (c != '.') *p++ = c;
  }
  const auto sign_bytes = static_cast<std::size_t>(mantissa.front() == '-');
  const std::size_t whole_digits = static_cast<std::size_t>(decimal_exponent(text)) + 1;
  while (static_cast<std::size_t>(p - out) < whole_digits + sign_bytes) *p++ = '0';
  return static_cast<std::size_t>(p - out);
}

std::size_t format_shortest_g(double value, char* out) noexcept {
  if (const std::size_t n = format_special(value, out); n != 0) return n;
  const std::size_t n = format_with(value, std::chars_format::scientific, out);
  const int exponent = value == 0 ? 0 : decimal_exponent({out, n});
  constexpr int kExponentMin = -4;
  constexpr int kExponentEnd = 6;
  if (exponent < kExponentMin || exponent >= kExponentEnd) return n;
  return format_with(value, std::chars_format::fixed, out);
}

}  // namespace

std::optional<double> parse_double(std::string_view text) noexcept {
  bool negative = false;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  double value = 0;
  if (parse_short_decimal(text, value)) return negative ? -value : value;
  if (text.empty()) return std::nullopt;

  const char first = text.front();
  if ((first < '0' || first > '9') && first != '.') {
    if (equals_ignoring_case(text, "nan")) return std::numeric_limits<double>::quiet_NaN();
    if (equals_ignoring_case(text, "inf") || equals_ignoring_case(text, "infinity")) {
      const double infinity = std::numeric_limits<double>::infinity();
      return negative ? -infinity : infinity;
    }
    return std::nullopt;
  }
  auto format = std::chars_format::general;
  if (text.size() > 2 && first == '0' && (text[1] | 0x20) == 'x') {
    format = std::chars_format::hex;
    text.remove_prefix(2);
    // from_chars would take a second sign, "inf" and "nan" here.
    if (std::isxdigit(static_cast<unsigned char>(text.front())) == 0 && text.front() != '.') {
      return std::nullopt;
    }
  }
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, format);
  if (end != text.data() + text.size()) return std::nullopt;
  if (ec == std::errc::result_out_of_range) {
    value = parse_out_of_range(text, format == std::chars_format::hex);
  } else if (ec != std::errc{}) {
    return std::nullopt;
  }
  return negative ? -value : value;
}

std::size_t format_plain(double value, char* out) noexcept {
  if (const std::size_t n = format_special(value, out); n != 0) return n;
  return format_fixed(value, out);
}

std::size_t format_value(double value, char* out) noexcept {
  if (const std::size_t n = format_special(value, out); n != 0) return n;
  const double magnitude = std::fabs(value);
  const bool exponent_form = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  return exponent_form ? format_with(value, std::chars_format::scientific, out)
                       : format_fixed(value, out);
}

void append_plain(std::string& out, double value) {
  std::array<char, kDoubleTextBytesMax> buffer;
  out.append(buffer.data(), format_plain(value, buffer.data()));
}

void append_value(std::string& out, double value) {
  std::array<char, kDoubleTextBytesMax> buffer;
  out.append(buffer.data(), format_value(value, buffer.data()));
}

void append_general(std::string& out, double value) {
  std::array<char, kDoubleTextBytesMax> buffer;
  out.append(buffer.data(), format_shortest_g(value, buffer.data()));
}

void append_openmetrics(std::string& out, double value) {
  std::array<char, kDoubleTextBytesMax> buffer;
  const std::size_t n = format_shortest_g(value, buffer.data());
  out.append(buffer.data(), n);
  const std::string_view text(buffer.data(), n);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

}  // namespace narthex::util
