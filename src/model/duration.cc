#include "narthex/model/duration.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "narthex/model/names.h"

namespace narthex::model {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ms;
  bool only_when_exact;  // Years and weeks are printed only when nothing smaller is left over.
};
constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr std::array<Unit, 7> kUnits = {{{"y", 365 * kDayMs, true},
                                         {"w", 7 * kDayMs, true},
                                         {"d", kDayMs, false},
                                         {"h", kHourMs, false},
                                         {"m", kMinuteMs, false},
                                         {"s", kSecondMs, false},
                                         {"ms", 1, false}}};
// A duration in nanoseconds must fit a signed 64-bit integer, as in Prometheus.
constexpr std::int64_t kDurationMsMax = std::numeric_limits<std::int64_t>::max() / 1'000'000;

}  // namespace

util::Result<DurationMs> parse_duration(std::string_view text) {
  using util::Code;
  if (text == "0") return DurationMs(0);
  if (text.empty()) return util::fail(Code::kInvalidArgument, "empty duration string");
  const auto malformed = [text] {
    return util::fail(Code::kInvalidArgument, "not a valid duration string: " + quoted(text));
  };
  std::string_view rest = text;
  std::int64_t total_ms = 0;
  std::size_t next_unit = 0;  // Units must come in order, so each at most once.
  bool overflow = false;
  while (!rest.empty()) {
    std::int64_t number = 0;
    std::size_t digits = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') {
      overflow |= __builtin_mul_overflow(number, 10, &number);
      overflow |= __builtin_add_overflow(number, rest[digits] - '0', &number);
      ++digits;
    }
    if (digits == 0) return malformed();
    rest.remove_prefix(digits);
    std::size_t letters = 0;
    while (letters < rest.size() && (rest[letters] < '0' || rest[letters] > '9')) ++letters;
    const std::string_view name = rest.substr(0, letters);
    if (letters == 0) return malformed();
    if (std::ranges::find(kUnits, name, &Unit::name) == kUnits.end()) {
      return util::fail(Code::kInvalidArgument,
                        fmt::format("unknown unit {} in duration {}", quoted(name), quoted(text)));
    }
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name) ++next_unit;
    if (next_unit == kUnits.size()) return malformed();
    std::int64_t part_ms = 0;
    overflow |= __builtin_mul_overflow(number, kUnits[next_unit].ms, &part_ms);
    overflow |= __builtin_add_overflow(total_ms, part_ms, &total_ms);
    ++next_unit;
    rest.remove_prefix(letters);
  }
  if (overflow || total_ms > kDurationMsMax) {
    return util::fail(Code::kInvalidArgument, "duration out of range");
  }
  return DurationMs(total_ms);
}

std::string format_duration(DurationMs duration) {
  const std::int64_t signed_ms = duration.count();
  if (signed_ms == 0) return "0s";
  std::string out;
  auto ms = static_cast<std::uint64_t>(signed_ms);
  if (signed_ms < 0) {
    out.push_back('-');
    ms = 0 - ms;  // Unsigned: the smallest number has no positive counterpart.
  }
  for (const Unit& unit : kUnits) {
    const auto unit_ms = static_cast<std::uint64_t>(unit.ms);
    if (unit.only_when_exact && ms % unit_ms != 0) continue;
    if (const std::uint64_t count = ms / unit_ms; count > 0) {
      out += fmt::format("{}{}", count, unit.name);
      ms -= count * unit_ms;
    }
  }
  return out;
}

}  // namespace narthex::model
