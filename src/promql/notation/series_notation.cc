#include "narthex/promql/series_notation.h"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/model/stale.h"
#include "narthex/promql/parser.h"
#include "narthex/util/number.h"

#include "promql/lexer/lexer.h"
#include "promql/notation/histogram_notation.h"
#include "promql/parser/unquote.h"

namespace narthex::promql {
namespace {

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

util::Error located(std::string_view text, const NotationProblem& problem) {
  return {
      util::Code::kInvalidArgument,
      fmt::format("{}: parse error: {}", line_and_column(text, problem.offset), problem.message)};
}

// Metric name and braces. Shares the lexer with expressions; there are only equalities here.
class LabelReader {
 public:
  explicit LabelReader(std::string_view text) noexcept : text_(text), lexer_(text) {
    token_ = lexer_.next();
  }

  std::optional<NotationProblem> read() {
    if (token_.kind == TokenKind::kError) return lexer_problem();
    if (token_.kind != TokenKind::kLeftBrace) {
      if (!is_name()) return unexpected("");
      builder_.set(model::kMetricName, token_.text);
      end_ = token_.end();
      if (end_ >= text_.size() || text_[end_] != '{') return std::nullopt;
      token_ = lexer_.next();
    }
    return read_braces();
  }
  [[nodiscard]] model::Labels labels() const { return builder_.build(); }
  [[nodiscard]] std::size_t end() const noexcept { return end_; }

 private:
  [[nodiscard]] bool is_name() const noexcept {
    return token_.kind == TokenKind::kIdentifier || token_.kind == TokenKind::kMetricIdentifier ||
           is_aggregator(token_.kind) || is_modifier(token_.kind) || is_preprocessor(token_.kind);
  }

  std::optional<NotationProblem> read_braces() {
    token_ = lexer_.next();
    while (token_.kind != TokenKind::kRightBrace) {
      if (auto problem = read_label()) return problem;
      if (token_.kind == TokenKind::kComma) {
        token_ = lexer_.next();
      } else if (token_.kind != TokenKind::kRightBrace) {
        return unexpected("\",\" or \"}\"");
      }
    }
    end_ = token_.end();
    return std::nullopt;
  }

  std::optional<NotationProblem> read_label() {
    const bool quoted = token_.kind == TokenKind::kString;
    if (!quoted && token_.kind != TokenKind::kIdentifier) return unexpected("identifier or \"}\"");
    const std::string name = quoted ? unquote(token_.text) : std::string(token_.text);
    token_ = lexer_.next();
    if (token_.kind != TokenKind::kAssign) {
      if (!quoted) return unexpected("\"=\"");
      builder_.set(model::kMetricName, name);
      return std::nullopt;
    }
    token_ = lexer_.next();
    if (token_.kind != TokenKind::kString) return unexpected("string");
    builder_.set(name, unquote(token_.text));
    token_ = lexer_.next();
    return std::nullopt;
  }

  NotationProblem lexer_problem() { return {token_.start, lexer_.error_message()}; }
  NotationProblem unexpected(std::string_view expected) {
    if (token_.kind == TokenKind::kError) return lexer_problem();
    std::string message = fmt::format("unexpected {} in label set", describe(token_));
    if (!expected.empty()) message += fmt::format(", expected {}", expected);
    return {token_.start, std::move(message)};
  }

  std::string_view text_;
  Lexer lexer_;
  Token token_;
  std::size_t end_ = 0;
  model::LabelsBuilder builder_;
};

class ValueReader {
 public:
  ValueReader(std::string_view text, std::size_t pos) noexcept : text_(text), pos_(pos) {}

  std::optional<NotationProblem> read() {
    for (;;) {
      const bool separated = skip_blanks();
      if (pos_ >= text_.size()) return std::nullopt;
      if (!separated) return unexpected();
      if (auto problem = read_item()) return problem;
    }
  }
  [[nodiscard]] std::vector<NotatedValue> take_values() noexcept { return std::move(values_); }

 private:
  [[nodiscard]] char peek() const noexcept { return pos_ < text_.size() ? text_[pos_] : '\0'; }
  [[nodiscard]] bool follows(std::string_view word) const noexcept {
    return text_.substr(pos_).starts_with(word);
  }
  bool skip_blanks() noexcept {
    const std::size_t start = pos_;
    while (pos_ < text_.size() && is_blank(text_[pos_])) ++pos_;
    return pos_ > start;
  }
  [[nodiscard]] NotationProblem unexpected() const {
    if (pos_ >= text_.size()) return {pos_, "unexpected end of input in series values"};
    return {pos_,
            fmt::format("unexpected {} in series values", model::quoted(text_.substr(pos_, 1)))};
  }

  std::optional<NotationProblem> read_item() {
    if (follows("{{")) return read_histograms();
    if (peek() == '_') {
      ++pos_;
      return read_repeated({}, 0);
    }
    if (follows("stale")) {
      pos_ += 5;
      NotatedValue stale;
      stale.kind = NotatedValue::Kind::kFloat;
      stale.value = model::stale_nan();
      return read_repeated(stale, 1);
    }
    return read_floats();
  }

  // The number behind x; `once` without x.
  std::optional<NotationProblem> read_repeated(const NotatedValue& value, std::size_t extra) {
    std::size_t times = 0;
    bool repeated = false;
    if (auto problem = read_times(times, repeated)) return problem;
    return add(value, repeated ? times + extra : 1);
  }

  std::optional<NotationProblem> read_times(std::size_t& times, bool& repeated) {
    repeated = peek() == 'x';
    if (!repeated) return std::nullopt;
    ++pos_;
    times_start_ = pos_;
    while (is_digit(peek())) ++pos_;
    const std::string_view digits = text_.substr(times_start_, pos_ - times_start_);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), times);
    if (digits.empty()) return unexpected();
    if (error != std::errc{} || times > kNotationValuesMax) return too_many();
    return std::nullopt;
  }

  [[nodiscard]] NotationProblem too_many() const {
    return {pos_, fmt::format("more than {} values in a series", kNotationValuesMax)};
  }

  std::optional<NotationProblem> add(const NotatedValue& value, std::size_t count) {
    if (values_.size() + count > kNotationValuesMax) return too_many();
    values_.insert(values_.end(), count, value);
    return std::nullopt;
  }

  std::optional<NotationProblem> read_number(double& out) {
    const std::size_t start = pos_;
    if (peek() == '+' || peek() == '-') ++pos_;
    const std::string_view rest = text_.substr(pos_);
    if (is_digit(peek()) || peek() == '.') {
      take_decimal();
    } else {
      // Inf and NaN, in any case.
      std::size_t letters = 0;
      while (letters < 3 && letters < rest.size() && !is_blank(rest[letters])) ++letters;
      pos_ += letters;
    }
    const auto value = util::parse_double(text_.substr(start, pos_ - start));
    if (!value) {
      pos_ = start;
      return unexpected();
    }
    out = *value;
    return std::nullopt;
  }

  void take_decimal() noexcept {
    while (is_digit(peek()) || peek() == '.') ++pos_;
    if (peek() != 'e' && peek() != 'E') return;
    ++pos_;
    if (peek() == '+' || peek() == '-') ++pos_;
    while (is_digit(peek())) ++pos_;
  }

  // a, axN, a+bxN, a-bxN.
  std::optional<NotationProblem> read_floats() {
    NotatedValue value;
    value.kind = NotatedValue::Kind::kFloat;
    if (auto problem = read_number(value.value)) return problem;
    if (peek() != '+' && peek() != '-') return read_repeated(value, 1);
    double step = 0;
    if (auto problem = read_number(step)) return problem;
    std::size_t times = 0;
    bool repeated = false;
    if (auto problem = read_times(times, repeated)) return problem;
    if (!repeated) return unexpected();
    for (std::size_t i = 0; i <= times; ++i) {
      if (auto problem = add(value, 1)) return problem;
      value.value += step;
    }
    return std::nullopt;
  }

  std::optional<NotationProblem> read_histograms() {
    NotatedHistogram first;
    if (auto problem = read_histogram(text_, pos_, first)) return problem;
    NotatedValue value;
    value.kind = NotatedValue::Kind::kHistogram;
    value.histogram = std::make_shared<const model::FloatHistogram>(first.histogram);
    value.hint_stated = first.hint_stated;
    if (!follows("+{{") && !follows("-{{")) return read_repeated(value, 1);
    const double sign = peek() == '+' ? 1 : -1;
    ++pos_;
    NotatedHistogram step;
    if (auto problem = read_histogram(text_, pos_, step)) return problem;
    value.hint_stated = step.hint_stated;
    std::size_t times = 0;
    bool repeated = false;
    if (auto problem = read_times(times, repeated)) return problem;
    if (!repeated) return unexpected();
    if (const std::string wrong = combine_problem(first.histogram, step.histogram);
        !wrong.empty()) {
      return NotationProblem{times_start_, "error combining histograms: " + wrong};
    }
    if (auto problem = add(value, 1)) return problem;
    for (std::size_t i = 0; i < times; ++i) {
      value.histogram = std::make_shared<const model::FloatHistogram>(
          combined(*value.histogram, step.histogram, sign));
      if (auto problem = add(value, 1)) return problem;
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t pos_;
  std::size_t times_start_ = 0;  // Of the number behind the last x.
  std::vector<NotatedValue> values_;
};

}  // namespace

util::Result<NotatedLabels> parse_series_labels(std::string_view text) {
  LabelReader reader(text);
  if (const auto problem = reader.read()) return std::unexpected(located(text, *problem));
  return NotatedLabels{reader.labels(), text.substr(reader.end())};
}

util::Result<NotatedSeries> parse_series_notation(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return NotatedSeries{};
  NX_ASSIGN(NotatedLabels labels, parse_series_labels(text));
  ValueReader reader(text, text.size() - labels.rest.size());
  if (const auto problem = reader.read()) return std::unexpected(located(text, *problem));
  return NotatedSeries{std::move(labels.labels), reader.take_values()};
}

}  // namespace narthex::promql
