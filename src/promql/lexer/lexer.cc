#include "promql/lexer/lexer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "narthex/model/names.h"
#include "narthex/util/utf8.h"

namespace narthex::promql {
namespace {

constexpr std::string_view kDigits = "0123456789";

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_word(char c) noexcept {
  return is_letter(c) || is_digit(c);
}
bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

using Keyword = std::pair<std::string_view, TokenKind>;
using enum TokenKind;
constexpr auto kKeywords = std::to_array<Keyword>({
    {"anchored", kAnchored},
    {"and", kAnd},
    {"atan2", kAtan2},
    {"avg", kAvg},
    {"bool", kBool},
    {"bottomk", kBottomk},
    {"by", kBy},
    {"count", kCount},
    {"count_values", kCountValues},
    {"end", kEnd},
    {"fill", kFill},
    {"fill_left", kFillLeft},
    {"fill_right", kFillRight},
    {"group", kGroup},
    {"group_left", kGroupLeft},
    {"group_right", kGroupRight},
    {"ignoring", kIgnoring},
    {"inf", kNumber},
    {"limit_ratio", kLimitRatio},
    {"limitk", kLimitk},
    {"max", kMax},
    {"max_of", kMaxOf},
    {"min", kMin},
    {"min_of", kMinOf},
    {"nan", kNumber},
    {"offset", kOffset},
    {"on", kOn},
    {"or", kOr},
    {"quantile", kQuantile},
    {"range", kRange},
    {"smoothed", kSmoothed},
    {"start", kStart},
    {"stddev", kStddev},
    {"stdvar", kStdvar},
    {"step", kStep},
    {"sum", kSum},
    {"topk", kTopk},
    {"unless", kUnless},
    {"without", kWithout},
});
static_assert(std::ranges::is_sorted(kKeywords, {}, &Keyword::first));
constexpr std::size_t kKeywordBytesMax = 12;

std::optional<TokenKind> find_keyword(std::string_view word) noexcept {
  if (word.size() > kKeywordBytesMax) return std::nullopt;
  std::array<char, kKeywordBytesMax> buffer{};
  std::ranges::transform(word, buffer.begin(), lower);
  const std::string_view lowered(buffer.data(), word.size());
  const auto* const found = std::ranges::lower_bound(kKeywords, lowered, {}, &Keyword::first);
  if (found == kKeywords.end() || found->first != lowered) return std::nullopt;
  return found->second;
}

}  // namespace

bool Lexer::take_if(char c) noexcept {
  if (at_end() || text_[pos_] != c) return false;
  ++pos_;
  return true;
}

bool Lexer::take_any(std::string_view set) noexcept {
  if (at_end() || set.find(text_[pos_]) == std::string_view::npos) return false;
  ++pos_;
  return true;
}

void Lexer::take_while(std::string_view set) noexcept {
  while (take_any(set)) {
  }
}

char32_t Lexer::take_rune() noexcept {
  if (at_end()) return kEndRune;
  const util::DecodedRune decoded = util::decode_rune(text_.substr(pos_));
  pos_ += decoded.bytes;
  return decoded.rune;
}

Token Lexer::emit(TokenKind kind) const noexcept {
  return {kind, static_cast<std::uint32_t>(start_), text_.substr(start_, pos_ - start_)};
}

Token Lexer::fail(std::string message) {
  failed_ = true;
  error_ = std::move(message);
  return {kError, static_cast<std::uint32_t>(start_), text_.substr(start_)};
}

void Lexer::skip_blanks_and_comments() noexcept {
  for (;;) {
    while (!at_end() && is_blank(text_[pos_])) ++pos_;
    if (peek() != '#') return;
    pos_ = std::min(text_.find_first_of("\r\n", pos_), text_.size());
  }
}

Token Lexer::next() {
  if (failed_) return fail(std::move(error_));
  skip_blanks_and_comments();
  start_ = pos_;
  switch (mode_) {
    case Mode::kBraces:
      return next_in_braces();
    case Mode::kBracketStart:
      return next_in_bracket_start();
    case Mode::kBracket:
    case Mode::kStatement:
      break;
  }
  return next_in_statement();
}

Token Lexer::next_in_statement() {
  if (at_end()) return end_of_statement();
  const char c = peek();
  if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number_or_duration();
  if (c == '"' || c == '\'') return quoted_string(c);
  if (c == '`') return raw_string();
  if (!is_letter(c) && c != ':') return symbol_in_statement(c);
  if (mode_ == Mode::kStatement) return word();
  return c == ':'
             ? colon_in_bracket()
             : duration_word("unexpected character: " + quoted_rune(static_cast<unsigned char>(c)) +
                             ", expected ':'");
}

Token Lexer::end_of_statement() {
  if (paren_depth_ > 0) return fail("unclosed left parenthesis");
  if (mode_ == Mode::kBracket) return fail("unclosed left bracket");
  return emit(kEof);
}

Token Lexer::symbol_in_statement(char c) {
  const auto single = [this](TokenKind kind) {
    ++pos_;
    return emit(kind);
  };
  switch (c) {
    case ',':
      return single(kComma);
    case '+':
      return single(kAdd);
    case '-':
      return single(kSub);
    case '*':
      return single(kMul);
    case '/':
      return single(kDiv);
    case '%':
      return single(kMod);
    case '^':
      return single(kPow);
    case '@':
      return single(kAt);
    case '=':
    case '!':
    case '<':
    case '>':
      return comparison(c);
    case '(':
      return left_paren();
    case ')':
      return right_paren();
    case '{':
      mode_ = Mode::kBraces;
      return single(kLeftBrace);
    case '[':
      return left_bracket();
    case ']':
      return right_bracket();
    default:
      return fail("unexpected character: " + quoted_rune(take_rune()));
  }
}

Token Lexer::comparison(char c) {
  ++pos_;
  switch (c) {
    case '=':
      if (peek() == '~') return fail("unexpected character after '=': '~'");
      return emit(take_if('=') ? kEqual : kAssign);
    case '!':
      if (take_if('=')) return emit(kNotEqual);
      return fail("unexpected character after '!': " + quoted_rune(take_rune()));
    case '<':
      if (take_if('=')) return emit(kLessEqual);
      return emit(take_if('/') ? kTrimUpper : kLess);
    default:
      if (take_if('=')) return emit(kGreaterEqual);
      return emit(take_if('/') ? kTrimLower : kGreater);
  }
}

Token Lexer::left_paren() {
  ++pos_;
  ++paren_depth_;
  return emit(kLeftParen);
}

Token Lexer::right_paren() {
  ++pos_;
  if (paren_depth_ == 0) {
    start_ = pos_;  // The complaint is about what came before, as upstream has it.
    return fail("unexpected right parenthesis ')'");
  }
  --paren_depth_;
  return emit(kRightParen);
}

Token Lexer::left_bracket() {
  if (mode_ == Mode::kBracket) return fail("unexpected left bracket '['");
  ++pos_;
  mode_ = Mode::kBracketStart;
  seen_duration_ = false;
  seen_colon_ = false;
  return emit(kLeftBracket);
}

Token Lexer::right_bracket() {
  if (mode_ == Mode::kStatement) return fail("unexpected right bracket ']'");
  ++pos_;
  mode_ = Mode::kStatement;
  return emit(kRightBracket);
}

Token Lexer::colon_in_bracket() {
  if (seen_colon_) return fail("unexpected colon ':'");
  ++pos_;
  seen_colon_ = true;
  return emit(kColon);
}

Token Lexer::next_in_bracket_start() {
  if (at_end()) return fail("unexpected end of input in duration expression");
  const char c = peek();
  if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
    mode_ = Mode::kBracket;
    seen_duration_ = true;
    return number_or_duration();
  }
  if (std::string_view("()+-*/%^,]").find(c) != std::string_view::npos) {
    return symbol_in_statement(c);
  }
  if (c == ':') {
    if (!seen_duration_ || seen_colon_) {
      ++pos_;
      start_ = pos_;
      return fail(seen_duration_ ? "unexpected repeated colon in duration expression"
                                 : "unexpected colon before duration in duration expression");
    }
    return colon_in_bracket();
  }
  const std::size_t before = pos_;
  std::string complaint =
      "unexpected character in duration expression: " + quoted_rune(take_rune());
  pos_ = before;
  if (is_letter(c)) return duration_word(std::move(complaint));
  return fail(std::move(complaint));
}

Token Lexer::duration_word(std::string complaint) {
  while (is_word(peek())) ++pos_;
  const auto keyword = find_keyword(text_.substr(start_, pos_ - start_));
  const bool allowed =
      keyword == kStep || keyword == kRange || keyword == kMinOf || keyword == kMaxOf;
  if (!allowed) return fail(std::move(complaint));
  seen_duration_ = true;
  return emit(*keyword);
}

Token Lexer::word() {
  while (is_word(peek()) || peek() == ':') ++pos_;
  const std::string_view text = text_.substr(start_, pos_ - start_);
  const auto keyword = find_keyword(text);
  const bool is_fill = keyword == kFill || keyword == kFillLeft || keyword == kFillRight;
  if (keyword && (!is_fill || paren_follows())) return emit(*keyword);
  return emit(text.find(':') == std::string_view::npos ? kIdentifier : kMetricIdentifier);
}

bool Lexer::paren_follows() const noexcept {
  std::size_t i = pos_;
  while (i < text_.size() && is_blank(text_[i])) ++i;
  return i < text_.size() && text_[i] == '(';
}

Token Lexer::next_in_braces() {
  if (at_end()) return fail("unexpected end of input inside braces");
  const char c = peek();
  if (is_letter(c)) {
    while (is_word(peek())) ++pos_;
    return emit(kIdentifier);
  }
  if (c == '"' || c == '\'') return quoted_string(c);
  if (c == '`') return raw_string();
  const char32_t rune = take_rune();
  switch (rune) {
    case ',':
      return emit(kComma);
    case '=':
      return emit(take_if('~') ? kRegexMatch : kAssign);
    case '!':
      if (take_if('~')) return emit(kRegexNoMatch);
      if (take_if('=')) return emit(kNotEqual);
      return fail("unexpected character after '!' inside braces: " + quoted_rune(take_rune()));
    case '{':
      return fail("unexpected left brace '{'");
    case '}':
      mode_ = Mode::kStatement;
      return emit(kRightBrace);
    default:
      return fail("unexpected character inside braces: " + quoted_rune(rune));
  }
}

Token Lexer::number_or_duration() {
  if (take_number()) return emit(kNumber);
  if (take_duration_units()) return emit(kDuration);
  return fail("bad number or duration syntax: " +
              model::quoted(text_.substr(start_, pos_ - start_)));
}

bool Lexer::take_exponent() noexcept {
  static_cast<void>(take_any("eE"));
  static_cast<void>(take_any("+-"));
  return !take_any("._eE") && !at_end();
}

bool Lexer::take_number() noexcept {
  const bool hexadecimal = peek() == '0' && lower(peek(1)) == 'x';
  if (hexadecimal) {
    pos_ += 2;
    static_cast<void>(take_if('_'));
  }
  const std::string_view digits = hexadecimal ? "0123456789abcdefABCDEF" : kDigits;
  bool point = false;
  bool exponent = false;
  for (;;) {
    take_while(digits);
    const char c = peek();
    if (c == '.') {
      ++pos_;
      if (point || hexadecimal || take_any("_.")) return false;
      point = true;
    } else if (lower(c) == 'e') {
      if (std::exchange(exponent, true)) {
        ++pos_;
        return false;
      }
      if (!take_exponent()) return false;
    } else if (c == '_') {
      ++pos_;
      if (take_any("._eE") || at_end()) return false;
    } else {
      return !is_word(c);
    }
  }
}

bool Lexer::take_duration_units() noexcept {
  // Wrong units such as "hs" are found when the duration's value is read.
  if (!take_any("smhdwy")) return false;
  static_cast<void>(take_if('s'));
  while (is_digit(peek())) {
    take_while(kDigits);
    if (!take_any("smhdw")) return false;
    static_cast<void>(take_if('s'));
  }
  if (!is_word(peek())) return true;
  ++pos_;  // The message shows the character that does not belong here.
  return false;
}

Token Lexer::quoted_string(char quote) {
  ++pos_;
  for (;;) {
    const char32_t rune = take_rune();
    if (rune == kEndRune || rune == '\n') return fail("unterminated quoted string");
    if (rune == 0xFFFD) return fail("invalid UTF-8 rune");
    if (rune == static_cast<unsigned char>(quote)) return emit(kString);
    if (rune != '\\') continue;
    if (std::string problem = take_escape(quote); !problem.empty()) return fail(std::move(problem));
  }
}

Token Lexer::raw_string() {
  ++pos_;
  for (;;) {
    const char32_t rune = take_rune();
    if (rune == kEndRune) return fail("unterminated raw string");
    if (rune == 0xFFFD) return fail("invalid UTF-8 rune");
    if (rune == '`') return emit(kString);
  }
}

}  // namespace narthex::promql
