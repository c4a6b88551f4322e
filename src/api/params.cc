#include "api/params.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "narthex/model/duration.h"
#include "narthex/model/names.h"
#include "narthex/promql/parser.h"
#include "narthex/util/number.h"

namespace narthex::api {
namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

// Beyond the range of a double is an error, as for Go's ParseFloat; "Inf" is none.
std::optional<double> parse_number(std::string_view text) {
  const auto number = util::parse_double(text);
  const bool has_digits = text.find_first_of("0123456789") != std::string_view::npos;
  if (number && std::isinf(*number) && has_digits) return std::nullopt;
  return number;
}

model::TimestampMs clamped(double milliseconds) noexcept {
  if (!(milliseconds > static_cast<double>(kApiTimeMin))) return kApiTimeMin;  // NaN too.
  if (milliseconds >= static_cast<double>(kApiTimeMax)) return kApiTimeMax;
  return static_cast<model::TimestampMs>(milliseconds);
}

// Fixed-width decimal digits at the front of `text`; -1 if they are not there.
int take_digits(std::string_view& text, std::size_t count) noexcept {
  if (text.size() < count) return -1;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) noexcept {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// The fraction behind the seconds, rounded down to milliseconds; nullopt if a point has no digits
// behind it.
std::optional<int> take_fraction_ms(std::string_view& text) noexcept {
  if (!take(text, '.')) return 0;
  int milliseconds = 0;
  int scale = 100;
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    milliseconds += (text.front() - '0') * scale;
    scale /= 10;
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  return milliseconds;
}

// Z, +hh:mm or -hh:mm, in minutes.
std::optional<int> take_zone_minutes(std::string_view& text) noexcept {
  if (take(text, 'Z')) return 0;
  const bool negative = text.starts_with('-');
  if (!take(text, negative ? '-' : '+')) return std::nullopt;
  const int hours = take_digits(text, 2);
  if (hours < 0 || hours > 23 || !take(text, ':')) return std::nullopt;
  const int minutes = take_digits(text, 2);
  if (minutes < 0 || minutes > 59) return std::nullopt;
  return (hours * 60 + minutes) * (negative ? -1 : 1);
}

std::optional<model::TimestampMs> parse_rfc3339(std::string_view text) noexcept {
  const int year = take_digits(text, 4);
  if (year < 0 || !take(text, '-')) return std::nullopt;
  const int month = take_digits(text, 2);
  if (month < 0 || !take(text, '-')) return std::nullopt;
  const int day = take_digits(text, 2);
  if (day < 0 || !take(text, 'T')) return std::nullopt;
  const int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ':')) return std::nullopt;
  const int minute = take_digits(text, 2);
  if (minute < 0 || minute > 59 || !take(text, ':')) return std::nullopt;
  const int second = take_digits(text, 2);
  if (second < 0 || second > 59) return std::nullopt;
  const auto fraction_ms = take_fraction_ms(text);
  const auto zone_minutes = take_zone_minutes(text);
  if (!fraction_ms || !zone_minutes || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds =
      days * 86'400 + hour * 3600 + minute * 60 + second - *zone_minutes * 60;
  return seconds * 1000 + *fraction_ms;
}

}  // namespace

http::Form request_params(const http::Request& request) {
  http::Form url = http::Form::parse(request.query);
  const std::string_view type = request.headers.get("Content-Type");
  if (request.body.empty() ||
      !http::equals_ignoring_case(type.substr(0, kFormType.size()), kFormType))
    return url;
  http::Form form = http::Form::parse(request.body);
  form.append(url);
  return form;
}

std::expected<model::TimestampMs, std::string> parse_time(std::string_view text) {
  if (const auto seconds = parse_number(text); seconds && !std::isnan(*seconds)) {
    // Whole seconds and milliseconds apart, so that large times keep their fraction.
    double whole = 0;
    const double fraction = std::modf(*seconds, &whole);
    return clamped(whole * 1000 + std::round(fraction * 1000));
  }
  if (const auto time = parse_rfc3339(text)) return *time;
  if (text == "-292273086-05-16T16:47:06Z") return kApiTimeMin;
  if (text == "292277025-08-18T07:12:54.999999999Z") return kApiTimeMax;
  return std::unexpected(fmt::format("cannot parse {} to a valid timestamp", model::quoted(text)));
}

std::expected<std::chrono::nanoseconds, std::string> parse_duration(std::string_view text) {
  if (const auto seconds = parse_number(text)) {
    const double nanoseconds = *seconds * 1e9;
    if (!(std::fabs(nanoseconds) < 0x1p63)) {
      return std::unexpected(fmt::format("cannot parse {} to a valid duration. It overflows int64",
                                         model::quoted(text)));
    }
    return std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds));
  }
  if (const auto duration = model::parse_duration(text)) return *duration;
  return std::unexpected(fmt::format("cannot parse {} to a valid duration", model::quoted(text)));
}

ApiResult<model::TimestampMs> optional_time(const http::Form& params, std::string_view name,
                                            model::TimestampMs otherwise) {
  const std::string_view text = params.get(name);
  if (text.empty()) return otherwise;
  const auto time = parse_time(text);
  if (!time)
    return invalid_parameter(name,
                             fmt::format("invalid time value for '{}': {}", name, time.error()));
  return *time;
}

ApiResult<model::TimestampMs> required_time(const http::Form& params, std::string_view name) {
  const auto time = parse_time(params.get(name));
  if (!time) return invalid_parameter(name, time.error());
  return *time;
}

ApiResult<model::TimeRange> time_range(const http::Form& params) {
  NX_API_ASSIGN(const model::TimestampMs start, optional_time(params, "start", kApiTimeMin));
  NX_API_ASSIGN(const model::TimestampMs end, optional_time(params, "end", kApiTimeMax));
  return model::TimeRange{start, end};
}

std::expected<std::int64_t, std::string> parse_go_int(std::string_view text,
                                                      std::string_view function) {
  const auto failed = [text, function](std::string_view why) {
    return std::unexpected(fmt::format("{}: parsing {}: {}", function, model::quoted(text), why));
  };
  std::string_view digits = text;
  if (digits.starts_with('+')) {
    digits.remove_prefix(1);
    if (digits.starts_with('-')) return failed("invalid syntax");
  }
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size() || ec == std::errc::invalid_argument)
    return failed("invalid syntax");
  if (ec != std::errc()) return failed("value out of range");
  return value;
}

std::expected<bool, std::string> parse_go_bool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::unexpected(
      fmt::format("strconv.ParseBool: parsing {}: invalid syntax", model::quoted(text)));
}

ApiResult<std::size_t> limit_param(const http::Form& params) {
  const std::string_view text = params.get("limit");
  if (text.empty()) return 0U;
  const auto limit = parse_go_int(text);
  if (!limit) return invalid_parameter("limit", limit.error());
  if (*limit < 0) return invalid_parameter("limit", "limit must be non-negative");
  return static_cast<std::size_t>(*limit);
}

ApiResult<std::vector<model::Matchers>> selector_params(const http::Form& params) {
  std::vector<model::Matchers> sets;
  std::size_t regex_bytes = 0;
  for (const std::string_view text : params.all("match[]")) {
    auto matchers = promql::parse_metric_selector(text);
    if (!matchers) return to_api_error(matchers.error());
    for (const model::Matcher& matcher : *matchers)
      regex_bytes += matcher.regex() ? matcher.regex()->program_bytes() : 0;
    if (regex_bytes > promql::kQueryRegexBytesMax) {
      return invalid_parameter(
          "match[]",
          fmt::format(
              "the regular expressions are too large together: the limit is {} MiB compiled",
              promql::kQueryRegexBytesMax >> 20U));
    }
    sets.push_back(std::move(*matchers));
  }
  return sets;
}

ApiResult<std::vector<model::Matchers>> match_params(const http::Form& params) {
  NX_API_ASSIGN(std::vector<model::Matchers> sets, selector_params(params));
  for (const model::Matchers& matchers : sets) {
    if (std::ranges::all_of(matchers, &model::Matcher::matches_empty))
      return bad_data("match[] must contain at least one non-empty matcher");
  }
  return sets;
}

}  // namespace narthex::api
