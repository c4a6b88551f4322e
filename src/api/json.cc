#include "api/json.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "narthex/util/number.h"
#include "narthex/util/utf8.h"

namespace narthex::api {
namespace {

enum class Escape : std::uint8_t { kJson, kHtml };

// Which ASCII bytes stand for themselves inside quotes.
constexpr std::array<bool, 128> plain_table(Escape escape) {
  std::array<bool, 128> plain{};
  for (std::size_t c = 0x20; c < 0x80; ++c) plain[c] = c != '"' && c != '\\';
  if (escape == Escape::kHtml) plain['<'] = plain['>'] = plain['&'] = false;
  return plain;
}

constexpr std::array<bool, 128> kPlainJson = plain_table(Escape::kJson);
constexpr std::array<bool, 128> kPlainHtml = plain_table(Escape::kHtml);
// JSON numbers from here up to there are written without an exponent (Go's encoding/json).
constexpr double kPlainMin = 1e-6;
constexpr double kPlainEnd = 1e21;
constexpr char32_t kLineSeparator = 0x2028;
constexpr char32_t kParagraphSeparator = 0x2029;

void append_escaped_ascii(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  fmt::format_to(std::back_inserter(out), "\\u{:04x}",
                 static_cast<unsigned>(static_cast<unsigned char>(c)));
}

// The rune at the front of `text`; returns its bytes.
std::size_t append_rune_escaped(std::string& out, std::string_view text, Escape escape) {
  const util::DecodedRune rune = util::decode_rune(text);
  if (!rune.valid) {
    out += "\\ufffd";
  } else if (escape == Escape::kHtml &&
             (rune.rune == kLineSeparator || rune.rune == kParagraphSeparator)) {
    out += rune.rune == kLineSeparator ? "\\u2028" : "\\u2029";
  } else {
    out.append(text.substr(0, rune.bytes));
  }
  return rune.bytes;
}

void append_quoted(std::string& out, std::string_view text, Escape escape) {
  const std::array<bool, 128>& plain = escape == Escape::kHtml ? kPlainHtml : kPlainJson;
  out.push_back('"');
  std::size_t run = 0;  // Start of bytes that can be copied as they are.
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80 && plain[byte]) {
      ++at;
      continue;
    }
    out.append(text.substr(run, at - run));
    if (byte < 0x80) {
      append_escaped_ascii(out, text[at]);
      ++at;
    } else {
      at += append_rune_escaped(out, text.substr(at), escape);
    }
    run = at;
  }
  out.append(text.substr(run));
  out.push_back('"');
}

constexpr std::size_t kIntBytesMax = 20;
constexpr std::size_t kTimestampBytesMax = kIntBytesMax + 4;
constexpr std::size_t kValueBytesMax = util::kDoubleTextBytesMax + 2;

// 1700000000 or 1700000000.500; gives the end.
char* write_timestamp(char* out, model::TimestampMs timestamp) noexcept {
  if (timestamp < 0) *out++ = '-';
  const std::uint64_t magnitude = timestamp < 0
                                      ? std::uint64_t{0} - static_cast<std::uint64_t>(timestamp)
                                      : static_cast<std::uint64_t>(timestamp);
  out = std::to_chars(out, out + kIntBytesMax, magnitude / 1000).ptr;
  const auto fraction = static_cast<unsigned>(magnitude % 1000);
  if (fraction == 0) return out;
  *out++ = '.';
  for (const unsigned digit : {fraction / 100, fraction / 10 % 10, fraction % 10})
    *out++ = static_cast<char>('0' + digit);
  return out;
}

// "1.5", quoted; gives the end.
char* write_value(char* out, double value) noexcept {
  *out++ = '"';
  // Whole numbers are the commonest values and need no search for the shortest digits. -0 is not
  // one of them.
  constexpr double kExactMax = 9007199254740992.0;
  const bool small = std::fabs(value) < kExactMax;
  const std::int64_t whole = small ? static_cast<std::int64_t>(value) : 0;
  if (small && static_cast<double>(whole) == value && (whole != 0 || !std::signbit(value))) {
    out = std::to_chars(out, out + kIntBytesMax, whole).ptr;
  } else {
    out += util::format_value(value, out);
  }
  *out++ = '"';
  return out;
}

template <class Int>
void append_int(std::string& out, Int value) {
  const fmt::format_int text(value);
  out.append(text.data(), text.size());
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  append_quoted(out, text, Escape::kHtml);
}

void append_json_labels(std::string& out, const model::Labels& labels) {
  out.push_back('{');
  JsonCommas commas;
  for (const model::LabelView label : labels) {
    commas.next(out);
    append_quoted(out, label.name, Escape::kJson);
    out.push_back(':');
    append_quoted(out, label.value, Escape::kJson);
  }
  out.push_back('}');
}

void append_json_int(std::string& out, std::int64_t value) {
  append_int(out, value);
}
void append_json_uint(std::string& out, std::uint64_t value) {
  append_int(out, value);
}

void append_json_double(std::string& out, double value) {
  const double shown = std::isfinite(value) ? value : 0.0;
  const double magnitude = std::fabs(shown);
  if (magnitude == 0 || (magnitude >= kPlainMin && magnitude < kPlainEnd)) {
    util::append_plain(out, shown);
    return;
  }
  std::array<char, 32> text;
  const auto [end, ec] =
      std::to_chars(text.data(), text.data() + text.size(), shown, std::chars_format::scientific);
  out.append(text.data(), end);
  // Go's JSON has no zero in front of a small exponent of one digit: 1e-7, not 1e-07.
  if (std::string_view(out).substr(out.size() - 4, 3) == "e-0") out.erase(out.size() - 2, 1);
}

void append_json_timestamp(std::string& out, model::TimestampMs timestamp) {
  std::array<char, kTimestampBytesMax> text;
  out.append(text.data(), write_timestamp(text.data(), timestamp));
}

void append_json_value(std::string& out, double value) {
  std::array<char, kValueBytesMax> text;
  out.append(text.data(), write_value(text.data(), value));
}

void append_json_point(std::string& out, model::TimestampMs timestamp, double value) {
  const std::size_t before = out.size();
  // Room for the longest one; what a point really takes is some 25 bytes.
  out.resize_and_overwrite(before + kTimestampBytesMax + kValueBytesMax + 3,
                           [=](char* text, std::size_t) noexcept {
                             char* p = text + before;
                             *p++ = '[';
                             p = write_timestamp(p, timestamp);
                             *p++ = ',';
                             p = write_value(p, value);
                             *p++ = ']';
                             return static_cast<std::size_t>(p - text);
                           });
}

void append_json_time(std::string& out, util::WallNs wall_ns) {
  if (wall_ns == 0) {
    out += "\"0001-01-01T00:00:00Z\"";
    return;
  }
  using std::chrono::nanoseconds;
  const std::chrono::sys_time<nanoseconds> at{nanoseconds(wall_ns)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<nanoseconds> time(at - day);
  fmt::format_to(std::back_inserter(out), "\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), time.hours().count(), time.minutes().count(),
                 time.seconds().count());
  if (const auto fraction = time.subseconds().count(); fraction != 0) {
    std::string digits = fmt::format(".{:09}", fraction);
    digits.erase(digits.find_last_not_of('0') + 1);
    out += digits;
  }
  out += "Z\"";
}

bool JsonStream::push() {
  if (!out_.started()) out_.start(200, "application/json");
  const bool written = out_.write(buffer_).has_value();
  buffer_.clear();
  return written;
}

void JsonStream::finish() {
  if (out_.started()) {
    // The writer knows when the client has gone; there is nobody else to tell.
    static_cast<void>(push());
    return;
  }
  out_.send(200, "application/json", std::move(buffer_));
}

}  // namespace narthex::api
