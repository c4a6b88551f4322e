#include "exposition/text_grammar.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/model/stale.h"
#include "narthex/util/number.h"
#include "narthex/util/utf8.h"

namespace narthex::exposition {
namespace {

constexpr std::size_t kFragmentBytesMax = 256;

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool ends_value(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\t' || c == '{';
}

bool is_infinity(std::string_view text) noexcept {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  return !text.empty() && (text[0] | 0x20) == 'i';
}

}  // namespace

std::string quoted_fragment(std::string_view text) {
  if (text.size() <= kFragmentBytesMax) return model::quoted(text);
  return model::quoted(text.substr(0, kFragmentBytesMax)) + "…";
}

std::optional<double> parse_sample_value(std::string_view text) noexcept {
  // A hexadecimal number has its x here; without an exponent it is no number, and with one it has a
  // p.
  if (text.size() > 2 && ((text[1] | 0x20) == 'x' || (text[2] | 0x20) == 'x')) return std::nullopt;
  const std::optional<double> value = util::parse_double(text);
  if (!value) return std::nullopt;
  if (std::isnan(*value)) return model::normal_nan();
  if (std::isinf(*value) && !is_infinity(text)) return std::nullopt;
  return value;
}

std::string sample_value_error(std::string_view text) {
  if (text.find_first_of("pP_") != std::string_view::npos) return "unsupported character in float";
  const std::optional<double> value = util::parse_double(text);
  const bool overflow = value && std::isinf(*value);
  return fmt::format("strconv.ParseFloat: parsing {}: {}", quoted_fragment(text),
                     overflow ? "value out of range" : "invalid syntax");
}

std::optional<std::int64_t> parse_timestamp(std::string_view digits) noexcept {
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (ec != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::string_view TextGrammar::token_name(Token token) noexcept {
  switch (token) {
    case Token::kInvalid:
      return "INVALID";
    case Token::kEnd:
      return "EOF";
    case Token::kLinebreak:
      return "LINEBREAK";
    case Token::kMetricName:
      return "MNAME";
    case Token::kBraceOpen:
      return "BOPEN";
    case Token::kBraceClose:
      return "BCLOSE";
    case Token::kLabelName:
      return "LNAME";
    case Token::kQuoted:
      return "QSTRING";
    case Token::kLabelValue:
      return "LVALUE";
    case Token::kEqual:
      return "EQUAL";
    case Token::kComma:
      return "COMMA";
    case Token::kValue:
      return "VALUE";
    case Token::kTimestamp:
      return "TIMESTAMP";
  }
  return "INVALID";
}

bool TextGrammar::expected(std::string_view what, Token got) {
  const std::size_t end = std::min(text_.size(), position_ + 1);
  error_ = fmt::format("{}, got {} (\"{}\") while parsing: {}", what,
                       quoted_fragment(text_.substr(token_begin_, end - token_begin_)),
                       token_name(got), quoted_fragment(text_.substr(begin_, end - begin_)));
  return false;
}

TextGrammar::Token TextGrammar::single(Token token, State after) noexcept {
  ++position_;
  state_ = after;
  return token;
}

// "…" with any escaped byte in it; newlines are allowed. Unterminated: invalid, and the message
// shows all of it.
TextGrammar::Token TextGrammar::quoted_token(Token token, State after) {
  std::size_t i = position_ + 1;
  for (;;) {
    while (i < text_.size() && text_[i] != '"' && text_[i] != '\\') ++i;
    if (i >= text_.size() || (text_[i] == '\\' && i + 1 >= text_.size())) {
      position_ = text_.size();
      ran_out_ = true;
      return Token::kInvalid;
    }
    if (text_[i] == '"') break;
    i += 2;
  }
  position_ = i + 1;
  state_ = after;
  return token;
}

TextGrammar::Token TextGrammar::name_token(Token token, bool colon_allowed) {
  while (position_ < text_.size() && (is_letter(text_[position_]) || is_digit(text_[position_]) ||
                                      (colon_allowed && text_[position_] == ':'))) {
    ++position_;
  }
  return token;
}

TextGrammar::Token TextGrammar::next_token() {
  while (position_ < text_.size() && is_blank(text_[position_])) ++position_;
  token_begin_ = position_;
  if (position_ == text_.size()) {
    ran_out_ = true;
    return Token::kEnd;
  }
  const char c = text_[position_];
  switch (state_) {
    case State::kInit:
      if (c == '{') return single(Token::kBraceOpen, State::kLabels);
      if (!is_letter(c) && c != ':') return Token::kInvalid;
      state_ = State::kValue;
      return name_token(Token::kMetricName, true);
    case State::kLabels:
      if (c == '}') return single(Token::kBraceClose, State::kValue);
      if (c == '=') return single(Token::kEqual, State::kLabelValue);
      if (c == ',') return single(Token::kComma, State::kLabels);
      if (c == '"') return quoted_token(Token::kQuoted, State::kLabels);
      return is_letter(c) ? name_token(Token::kLabelName, false) : Token::kInvalid;
    case State::kLabelValue:
      return c == '"' ? quoted_token(Token::kLabelValue, State::kLabels) : Token::kInvalid;
    case State::kValue:
      if (c == '{') return single(Token::kBraceOpen, State::kLabels);
      if (c == '\n') return Token::kInvalid;
      while (position_ < text_.size() && !ends_value(text_[position_])) ++position_;
      state_ = State::kTimestamp;
      return Token::kValue;
    case State::kTimestamp:
      if (c == '\n') return single(Token::kLinebreak, State::kInit);
      if (!is_digit(c)) return Token::kInvalid;
      while (position_ < text_.size() && is_digit(text_[position_])) ++position_;
      return Token::kTimestamp;
  }
  return Token::kInvalid;
}

// After the opening brace, up to and with the closing one. A quoted string alone is the metric's
// name.
bool TextGrammar::read_labels(bool& name_seen) {
  Token token = next_token();
  for (;;) {
    if (token == Token::kBraceClose) return true;
    if (token != Token::kLabelName && token != Token::kQuoted)
      return expected("expected label name", token);
    const bool quoted = token == Token::kQuoted;
    token = next_token();
    if (quoted && (token == Token::kComma || token == Token::kBraceClose)) {
      if (name_seen) {
        error_ = fmt::format("metric name already set while parsing: {}",
                             quoted_fragment(text_.substr(begin_, position_ - begin_)));
        return false;
      }
      name_seen = true;
      if (token == Token::kComma) token = next_token();
      continue;
    }
    if (token != Token::kEqual) return expected("expected equal", token);
    token = next_token();
    if (token != Token::kLabelValue) return expected("expected label value", token);
    if (!util::is_valid_utf8(token_text())) {
      error_ = fmt::format("invalid UTF-8 label value: {}", quoted_fragment(token_text()));
      return false;
    }
    token = next_token();
    if (token == Token::kComma) token = next_token();
  }
}

bool TextGrammar::read_suffix(Token token, TextSample& sample) {
  if (token != Token::kValue) return expected("expected value after metric", token);
  const auto here = [this] { return quoted_fragment(text_.substr(begin_, position_ - begin_)); };
  const std::optional<double> value = parse_sample_value(token_text());
  if (!value) {
    error_ = fmt::format("{} while parsing: {}", sample_value_error(token_text()), here());
    return false;
  }
  sample.value = *value;
  sample.has_timestamp = false;
  token = next_token();
  if (token == Token::kLinebreak) return true;
  if (token != Token::kTimestamp) return expected("expected timestamp or new record", token);
  const std::optional<std::int64_t> timestamp = parse_timestamp(token_text());
  if (!timestamp) {
    error_ = fmt::format("strconv.ParseInt: parsing {}: value out of range while parsing: {}",
                         quoted_fragment(token_text()), here());
    return false;
  }
  sample.has_timestamp = true;
  sample.timestamp_ms = *timestamp;
  token = next_token();
  if (token == Token::kLinebreak) return true;
  return expected("expected next entry after timestamp", token);
}

TextGrammar::Outcome TextGrammar::read(TextSample& sample) {
  const auto run = [this, &sample] {
    Token token = next_token();
    bool name_seen = token == Token::kMetricName;
    const std::size_t series_begin = token_begin_;
    std::size_t series_end = position_;
    if (!name_seen && token != Token::kBraceOpen)
      return expected("expected a valid start token", token);
    if (name_seen) token = next_token();
    if (token == Token::kBraceOpen) {
      if (!read_labels(name_seen)) return false;
      series_end = position_;
      token = next_token();
    }
    if (!name_seen) {
      error_ = fmt::format("metric name not set while parsing: {}",
                           quoted_fragment(text_.substr(begin_, position_ - begin_)));
      return false;
    }
    sample.series = text_.substr(series_begin, series_end - series_begin);
    return read_suffix(token, sample);
  };
  const bool complete = run();
  if (ran_out_ && !last_) return Outcome::kNeedMore;
  return complete ? Outcome::kSample : Outcome::kError;
}

}  // namespace narthex::exposition
