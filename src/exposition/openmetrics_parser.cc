#include "narthex/exposition/openmetrics_parser.h"

#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "narthex/util/utf8.h"

#include "exposition/plain_value.h"
#include "exposition/text_grammar.h"
#include "exposition/text_scan.h"

namespace narthex::exposition {
namespace {

constexpr std::string_view kNoEof = "data does not end with # EOF";

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

std::optional<model::MetricType> parse_type(std::string_view text) noexcept {
  using enum model::MetricType;
  for (const model::MetricType type :
       {kCounter, kGauge, kHistogram, kGaugeHistogram, kSummary, kInfo, kStateset, kUnknown}) {
    if (text == model::metric_type_text(type)) return type;
  }
  return std::nullopt;
}

// "series value" and nothing else, without understanding the series. False: not as simple as that.
bool split_line(const char* p, const LineScan& line, TextSample& sample) noexcept {
  const char* series_end = line.brace != nullptr ? line.brace + 1 : p;
  if (line.brace == nullptr) {
    while (is_name_byte(*series_end)) ++series_end;
  }
  if (series_end == p || series_end == line.newline || *series_end != ' ') return false;
  const char* const value_begin = series_end + 1;
  const char* value_end = parse_plain_value(value_begin, sample.value);
  if (value_end == nullptr) {
    value_end = line.newline;
    const std::optional<double> value =
        parse_sample_value({value_begin, static_cast<std::size_t>(value_end - value_begin)});
    if (!value) return false;
    sample.value = *value;
  }
  if (value_end != line.newline) return false;
  sample.series = {p, static_cast<std::size_t>(series_end - p)};
  sample.has_timestamp = false;
  return true;
}

}  // namespace

enum class OpenMetricsParser::Token : std::uint8_t {
  kInvalid,
  kEnd,
  kLinebreak,
  kEofWord,
  kType,
  kHelp,
  kUnit,
  kMetricName,
  kQuoted,
  kBraceOpen,
  kBraceClose,
  kLabelName,
  kLabelValue,
  kEqual,
  kComma,
  kValue,
  kTimestamp,
  kComment,
};

std::string_view OpenMetricsParser::token_name(Token token) noexcept {
  static constexpr std::array<std::string_view, 18> kNames = {
      "INVALID", "EOF",   "LINEBREAK", "EOFWORD", "TYPE",      "HELP",
      "UNIT",    "MNAME", "QSTRING",   "BOPEN",   "BCLOSE",    "LNAME",
      "LVALUE",  "EQUAL", "COMMA",     "VALUE",   "TIMESTAMP", "COMMENT"};
  return kNames[static_cast<std::size_t>(token)];
}

std::string unescape_openmetrics_help(std::string_view raw) {
  return unescape_label(raw);
}

void OpenMetricsParser::reset() {
  feed({}, false);
  family_.clear();
  type_family_.clear();
  type_ = model::MetricType::kUnknown;
}

void OpenMetricsParser::feed(std::string_view text, bool last) noexcept {
  text_ = text;
  last_ = last;
  next_line_ = 0;
  line_begin_ = 0;
  position_ = 0;
}

bool OpenMetricsParser::fail(std::string message) {
  error_ = util::Error(util::Code::kInvalidArgument, std::move(message));
  return false;
}

std::string OpenMetricsParser::here() const {
  return quoted_fragment(text_.substr(line_begin_, position_ - line_begin_));
}

bool OpenMetricsParser::expected(std::string_view what, Token got) {
  const std::size_t end = std::min(text_.size(), position_ + 1);
  return fail(fmt::format("expected {}, got {} (\"{}\") while parsing: {}", what,
                          quoted_fragment(text_.substr(token_begin_, end - token_begin_)),
                          token_name(got),
                          quoted_fragment(text_.substr(line_begin_, end - line_begin_))));
}

// --- Tokens ---

OpenMetricsParser::Token OpenMetricsParser::single(Token token) noexcept {
  ++position_;
  return token;
}

OpenMetricsParser::Token OpenMetricsParser::word(Token token, bool colon_allowed) noexcept {
  while (position_ < text_.size() && (is_letter(text_[position_]) || is_digit(text_[position_]) ||
                                      (colon_allowed && text_[position_] == ':'))) {
    ++position_;
  }
  return token;
}

// "…" on one line. Unterminated: invalid, up to where it breaks off.
OpenMetricsParser::Token OpenMetricsParser::quoted(Token token) noexcept {
  for (++position_; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    // Prometheus takes a zero byte inside the labels of a series, not inside those of an exemplar.
    if (c == '\n' || (c == '\0' && in_exemplar_)) return Token::kInvalid;
    if (c == '"') return single(token);
    if (c != '\\') continue;
    if (position_ + 1 == text_.size() || text_[position_ + 1] == '\n') return Token::kInvalid;
    ++position_;
  }
  return Token::kInvalid;
}

OpenMetricsParser::Token OpenMetricsParser::start_token() noexcept {
  if (position_ == text_.size()) return Token::kEnd;
  token_begin_ = position_;
  const char c = text_[position_];
  if (c == '{') return single(Token::kBraceOpen);
  if (is_letter(c) || c == ':') return word(Token::kMetricName, true);
  if (c != '#') return Token::kInvalid;
  static constexpr std::array<std::pair<std::string_view, Token>, 4> kWords = {
      {{"# TYPE ", Token::kType},
       {"# HELP ", Token::kHelp},
       {"# UNIT ", Token::kUnit},
       {"# EOF", Token::kEofWord}}};
  const std::string_view rest = text_.substr(position_);
  std::size_t matched = 0;
  for (const auto& [text, token] : kWords) {
    if (rest.starts_with(text)) {
      position_ += text.size();
      return token;
    }
    std::size_t common = 0;
    while (common < rest.size() && rest[common] == text[common]) ++common;
    matched = std::max(matched, common);
  }
  position_ += matched;
  return Token::kInvalid;
}

OpenMetricsParser::Token OpenMetricsParser::meta_name_token() noexcept {
  if (position_ == text_.size()) return Token::kEnd;
  token_begin_ = position_;
  const char c = text_[position_];
  if (c == '"') return quoted(Token::kQuoted);
  return is_letter(c) || c == ':' ? word(Token::kMetricName, true) : Token::kInvalid;
}

OpenMetricsParser::Token OpenMetricsParser::label_token() noexcept {
  if (position_ == text_.size()) return Token::kEnd;
  token_begin_ = position_;
  const char c = text_[position_];
  switch (c) {
    case '}':
      return single(Token::kBraceClose);
    case '=':
      return single(Token::kEqual);
    case ',':
      return single(Token::kComma);
    case '"':
      return quoted(Token::kQuoted);
    default:
      return is_letter(c) ? word(Token::kLabelName, false) : Token::kInvalid;
  }
}

OpenMetricsParser::Token OpenMetricsParser::label_value_token() noexcept {
  if (position_ == text_.size()) return Token::kEnd;
  token_begin_ = position_;
  return text_[position_] == '"' ? quoted(Token::kLabelValue) : Token::kInvalid;
}

// One blank and whatever stands behind it up to the next one.
OpenMetricsParser::Token OpenMetricsParser::value_token() noexcept {
  if (position_ == text_.size()) return Token::kEnd;
  token_begin_ = position_;
  if (text_[position_] != ' ') return Token::kInvalid;
  ++position_;
  if (position_ == text_.size() || at(' ') || at('\n')) return Token::kInvalid;
  while (position_ < text_.size() && !at(' ') && !at('\n')) ++position_;
  return Token::kValue;
}

OpenMetricsParser::Token OpenMetricsParser::rest_token(bool in_exemplar) noexcept {
  constexpr std::string_view kExemplar = " # {";
  if (position_ == text_.size()) return Token::kEnd;
  token_begin_ = position_;
  if (at('\n')) return single(Token::kLinebreak);
  if (!in_exemplar && text_.substr(position_).starts_with(kExemplar)) {
    position_ += kExemplar.size();
    return Token::kComment;
  }
  const Token token = value_token();
  return token == Token::kValue ? Token::kTimestamp : token;
}

// --- Lines ---

// After the opening brace, up to and with the closing one. A quoted string alone is the metric's
// name, which `name_seen` says where there may be one.
bool OpenMetricsParser::read_labels(bool* name_seen) {
  Token token = label_token();
  while (token != Token::kBraceClose) {
    if (token != Token::kLabelName && token != Token::kQuoted) {
      return expected("label name", token);
    }
    const bool may_be_name = token == Token::kQuoted && name_seen != nullptr;
    token = label_token();
    if (may_be_name && (token == Token::kComma || token == Token::kBraceClose)) {
      if (*name_seen) return fail("metric name already set while parsing: " + here());
      *name_seen = true;
    } else {
      if (token != Token::kEqual) return expected("equal", token);
      token = label_value_token();
      if (token != Token::kLabelValue) return expected("label value", token);
      if (!util::is_valid_utf8(token_text())) {
        return fail("invalid UTF-8 label value: " + quoted_fragment(token_text()));
      }
      token = label_token();
    }
    if (token == Token::kComma) {
      token = label_token();
    } else if (token != Token::kBraceClose) {
      return expected("comma or brace close", token);
    }
  }
  return true;
}

// The token just read, without its blank.
bool OpenMetricsParser::read_value(std::string_view where, double& value) {
  const Token token = value_token();
  if (token != Token::kValue) return expected(where, token);
  const std::string_view text = token_text().substr(1);
  const std::optional<double> parsed = parse_sample_value(text);
  if (!parsed) return fail(sample_value_error(text) + " while parsing: " + here());
  value = *parsed;
  return true;
}

bool OpenMetricsParser::read_timestamp(std::string_view what, std::int64_t& timestamp_ms) {
  constexpr double kTimestampMax = 9.2e18;
  const std::string_view text = token_text().substr(1);
  const std::optional<double> seconds = parse_sample_value(text);
  if (!seconds) return fail(sample_value_error(text) + " while parsing: " + here());
  const double milliseconds = *seconds * 1000;
  if (!std::isfinite(*seconds)) {
    const std::string_view infinity = *seconds < 0 ? "-Inf" : "+Inf";
    return fail(fmt::format("invalid {} {}", what, std::isnan(*seconds) ? "NaN" : infinity));
  }
  if (!(std::abs(milliseconds) < kTimestampMax)) {
    // No number of milliseconds: a time that storage refuses as far out of its bounds.
    timestamp_ms = *seconds < 0 ? std::numeric_limits<std::int64_t>::min()
                                : std::numeric_limits<std::int64_t>::max();
    return true;
  }
  timestamp_ms = static_cast<std::int64_t>(milliseconds);
  return true;
}

bool OpenMetricsParser::end_line(Token token) {
  if (token == Token::kLinebreak) return true;
  if (token == Token::kEnd) return fail(std::string(kNoEof));
  return expected("next entry after timestamp", token);
}

bool OpenMetricsParser::read_exemplar() {
  const std::size_t begin = position_ - 1;
  in_exemplar_ = true;
  if (!read_labels(nullptr)) return false;
  exemplar_ = {};
  exemplar_.labels = text_.substr(begin, position_ - begin);
  if (!read_value("value after exemplar labels", exemplar_.value)) return false;
  has_exemplar_ = true;
  Token token = rest_token(true);
  if (token == Token::kTimestamp) {
    if (!read_timestamp("exemplar timestamp", exemplar_.timestamp_ms)) return false;
    exemplar_.has_timestamp = true;
    token = rest_token(true);
  }
  return end_line(token);
}

bool OpenMetricsParser::read_sample(Token first) {
  bool name_seen = first == Token::kMetricName;
  has_exemplar_ = false;
  in_exemplar_ = false;
  sample_ = {};
  if (first == Token::kBraceOpen || at('{')) {
    if (first != Token::kBraceOpen) ++position_;
    if (!read_labels(&name_seen)) return false;
  }
  sample_.series = text_.substr(line_begin_, position_ - line_begin_);
  const bool has_value = read_value("value after metric", sample_.value);
  if (!name_seen) return fail("metric name not set while parsing: " + here());
  if (!has_value) return false;
  Token token = rest_token(false);
  if (token == Token::kTimestamp) {
    if (!read_timestamp("timestamp", sample_.timestamp_ms)) return false;
    sample_.has_timestamp = true;
    token = rest_token(false);
  }
  return token == Token::kComment ? read_exemplar() : end_line(token);
}

TextEvent OpenMetricsParser::read_meta(Token keyword) {
  const std::string_view word = token_name(keyword);
  const Token name = meta_name_token();
  if (name != Token::kMetricName && name != Token::kQuoted) {
    expected(fmt::format("metric name after {}", word), name);
    return TextEvent::kError;
  }
  const std::string_view raw = token_text();
  family_ =
      name == Token::kQuoted ? unescape_label(raw.substr(1, raw.size() - 2)) : std::string(raw);
  token_begin_ = position_;
  const std::size_t newline = text_.find('\n', position_);
  if (!at(' ') || newline == std::string_view::npos) {
    expected(fmt::format("text in {}", word), Token::kInvalid);
    return TextEvent::kError;
  }
  meta_text_ = text_.substr(position_ + 1, newline - position_ - 1);
  meta_line_ = text_.substr(line_begin_, newline - line_begin_);
  position_ = newline + 1;
  const auto check = [this](bool is_good, std::string message, TextEvent event) {
    return is_good || fail(std::move(message)) ? event : TextEvent::kError;
  };
  if (keyword == Token::kHelp) {
    return check(
        util::is_valid_utf8(meta_text_),
        fmt::format("help text {} is not a valid utf8 string", quoted_fragment(meta_text_)),
        TextEvent::kHelp);
  }
  if (keyword == Token::kUnit) {
    const std::string suffix = "_" + std::string(meta_text_);
    return check(
        meta_text_.empty() || (family_.ends_with(suffix) && family_.size() > suffix.size()),
        fmt::format("unit {} not a suffix of metric {}", quoted_fragment(meta_text_),
                    quoted_fragment(family_)),
        TextEvent::kUnit);
  }
  const std::optional<model::MetricType> type = parse_type(meta_text_);
  if (type) {
    type_ = *type;
    type_family_ = family_;
  }
  return check(type.has_value(), fmt::format("invalid metric type {}", quoted_fragment(meta_text_)),
               TextEvent::kType);
}

// Behind "# EOF".
TextEvent OpenMetricsParser::finish() {
  if (at('\n')) ++position_;
  if (position_ != text_.size()) {
    fail("unexpected data after # EOF");
    return TextEvent::kError;
  }
  return last_ ? TextEvent::kEnd : TextEvent::kNeedMore;
}

TextEvent OpenMetricsParser::next() {
  line_begin_ = next_line_;
  verified_ = false;
  if (line_begin_ < text_.size() && text_[line_begin_] != '#') {
    const char* const begin = text_.data() + line_begin_;
    const LineScan line = scan_line(begin, text_.data() + text_.size());
    if (line.newline == nullptr && !last_) return TextEvent::kNeedMore;
    if (line.newline != nullptr && split_line(begin, line, sample_)) {
      next_line_ = static_cast<std::size_t>(line.newline + 1 - text_.data());
      return TextEvent::kSample;
    }
    return read_line();
  }
  const bool is_whole = text_.find('\n', line_begin_) != std::string_view::npos;
  return is_whole || last_ ? read_line() : TextEvent::kNeedMore;
}

TextEvent OpenMetricsParser::verify() {
  next_line_ = line_begin_;
  return read_line();
}

// The line at line_begin_ by its whole grammar. Precondition: all of it is there, or the body ends
// in it.
TextEvent OpenMetricsParser::read_line() {
  position_ = line_begin_;
  token_begin_ = line_begin_;
  TextEvent event = TextEvent::kError;
  const Token first = start_token();
  switch (first) {
    case Token::kEnd:
      fail(std::string(kNoEof));
      break;
    case Token::kEofWord:
      return finish();
    case Token::kType:
    case Token::kHelp:
    case Token::kUnit:
      event = read_meta(first);
      break;
    case Token::kMetricName:
    case Token::kBraceOpen:
      if (read_sample(first)) event = TextEvent::kSample;
      break;
    default:
      expected("a valid start token", first);
  }
  verified_ = event == TextEvent::kSample;
  if (event != TextEvent::kError) next_line_ = position_;
  return event;
}

}  // namespace narthex::exposition
