#include "config/go_duration.h"

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

namespace narthex::config {
namespace {

using Ns = std::uint64_t;

constexpr Ns kMax = static_cast<Ns>(std::numeric_limits<std::int64_t>::max());

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

std::string_view take_digits(std::string_view& text) noexcept {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  const std::string_view out = text.substr(0, n);
  text.remove_prefix(n);
  return out;
}

// Up to the next digit or point.
std::optional<Ns> take_unit(std::string_view& text) noexcept {
  static constexpr std::array<std::pair<std::string_view, Ns>, 8> kUnits = {{
      {"ns", 1},
      {"us", 1'000},
      {"\u00b5s", 1'000},  // Micro sign.
      {"\u03bcs", 1'000},  // Greek mu.
      {"ms", 1'000'000},
      {"s", 1'000'000'000},
      {"m", 60'000'000'000},
      {"h", 3'600'000'000'000},
  }};
  std::size_t n = 0;
  while (n < text.size() && text[n] != '.' && !is_digit(text[n])) ++n;
  for (const auto& [name, ns] : kUnits) {
    if (name != text.substr(0, n)) continue;
    text.remove_prefix(n);
    return ns;
  }
  return std::nullopt;
}

std::optional<Ns> whole_part(std::string_view digits, Ns unit) noexcept {
  Ns out = 0;
  for (const char c : digits) {
    const Ns digit = static_cast<Ns>(c - '0');
    if (out > (kMax - digit) / 10) return std::nullopt;
    out = out * 10 + digit;
  }
  if (out > kMax / unit) return std::nullopt;
  return out * unit;
}

// Less than one unit; what is below a nanosecond is cut off.
Ns fraction_part(std::string_view digits, Ns unit) noexcept {
  double value = 0;
  double scale = 1;
  for (const char c : digits.substr(0, 18)) {
    value = value * 10 + (c - '0');
    scale *= 10;
  }
  return static_cast<Ns>(value * (static_cast<double>(unit) / scale));
}

std::optional<Ns> take_term(std::string_view& text) noexcept {
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  if (whole.empty() && fraction.empty()) return std::nullopt;
  const auto unit = take_unit(text);
  if (!unit) return std::nullopt;
  const auto ns = whole_part(whole, *unit);
  const Ns rest = fraction_part(fraction, *unit);
  if (!ns || *ns > kMax - rest) return std::nullopt;
  return *ns + rest;
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_go_duration(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return std::nullopt;
  Ns sum = 0;
  while (!text.empty()) {
    const auto term = take_term(text);
    if (!term || *term > kMax - sum) return std::nullopt;
    sum += *term;
  }
  const auto ns = static_cast<std::int64_t>(sum);
  return std::chrono::nanoseconds(is_negative ? -ns : ns);
}

}  // namespace narthex::config
