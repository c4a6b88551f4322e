#include "narthex/config/size.h"

#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace narthex::config {
namespace {

constexpr std::string_view kPrefixes = "KMGTPE";
constexpr double kSizeMax = 9.2e18;  // Sizes are signed 64-bit numbers in Prometheus.

// 1 for "B", 1024 for "K", "KB" and "KiB", …; 0 for anything else.
double unit_bytes(std::string_view unit) {
  if (unit == "B") return 1;
  if (unit.empty()) return 0;
  const std::size_t power = kPrefixes.find(unit.front());
  const std::string_view rest = unit.substr(1);
  if (power == std::string_view::npos || !(rest.empty() || rest == "B" || rest == "iB")) return 0;
  return std::exp2(10.0 * (static_cast<double>(power) + 1));
}

}  // namespace

util::Result<std::uint64_t> parse_size(std::string_view text) {
  using util::Code;
  if (text == "0") return 0;
  if (text.empty()) return util::fail(Code::kInvalidArgument, "units: invalid ");
  double total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    double number = 0;
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + digits, number);
    if (error != std::errc() || stop != rest.data() + digits) {
      return util::fail(Code::kInvalidArgument, fmt::format("units: invalid {}", text));
    }
    rest.remove_prefix(digits);
    const std::string_view unit =
        rest.substr(0, std::min(rest.find_first_of("0123456789."), rest.size()));
    if (unit.empty())
      return util::fail(Code::kInvalidArgument, fmt::format("units: missing unit in {}", text));
    if (unit_bytes(unit) == 0) {
      return util::fail(Code::kInvalidArgument,
                        fmt::format("units: unknown unit {} in {}", unit, text));
    }
    total += number * unit_bytes(unit);
    rest.remove_prefix(unit.size());
  }
  if (total > kSizeMax)
    return util::fail(Code::kInvalidArgument, fmt::format("units: {} is too large", text));
  return static_cast<std::uint64_t>(total);
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == 0) return "0B";
  std::string out;
  for (std::size_t power = kPrefixes.size(); power > 0; --power) {
    const std::uint64_t unit = std::uint64_t{1} << (10 * power);
    if (bytes >= unit) out += fmt::format("{}{}iB", bytes / unit, kPrefixes[power - 1]);
    bytes %= unit;
  }
  if (bytes > 0) out += fmt::format("{}B", bytes);
  return out;
}

}  // namespace narthex::config
