// Selectors, and what may stand behind an operand: [range], [range:step], offset, @, anchored,
// smoothed.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "narthex/model/names.h"

#include "promql/parser/parser_state.h"

namespace narthex::promql {
namespace {

constexpr std::string_view kDurationForms = "number, duration, step(), or range()";

// The modifiers of a selector or a subquery, and the node that they lengthen.
TimeModifiers* time_of(Expr& expr) noexcept {
  switch (expr.kind) {
    case ExprKind::kVectorSelector:
      return &as<VectorSelector>(expr).time;
    case ExprKind::kMatrixSelector:
      return &as<MatrixSelector>(expr).selector->time;
    case ExprKind::kSubquery:
      return &as<Subquery>(expr).time;
    default:
      return nullptr;
  }
}

VectorSelector* selector_of(Expr& expr) noexcept {
  if (auto* matrix = as_if<MatrixSelector>(&expr)) return matrix->selector.get();
  return as_if<VectorSelector>(&expr);
}

bool has_offset(const TimeModifiers& time) noexcept {
  return time.offset.count() != 0 || time.offset_expr != nullptr;
}

model::DurationMs milliseconds(double seconds) noexcept {
  // Through nanoseconds, as upstream keeps them: 4.018 s are 4018 ms, although 4.018 * 1000 < 4018.
  return std::chrono::duration_cast<model::DurationMs>(
      std::chrono::nanoseconds(std::llround(seconds * 1e9)));
}

std::unique_ptr<DurationExpr> as_duration_expr(ExprPtr expr) noexcept {
  return std::unique_ptr<DurationExpr>(static_cast<DurationExpr*>(expr.release()));
}

// A literal is worth its value, everything else waits for the query's step and range.
void set_duration(ExprPtr source, model::DurationMs& value, std::unique_ptr<DurationExpr>& expr) {
  if (const auto* literal = as_if<NumberLiteral>(source.get())) {
    value = milliseconds(literal->value);
  } else {
    expr = as_duration_expr(std::move(source));
  }
}

model::MatchOp match_op_of(TokenKind kind) noexcept {
  switch (kind) {
    case TokenKind::kAssign:
      return model::MatchOp::kEqual;
    case TokenKind::kNotEqual:
      return model::MatchOp::kNotEqual;
    case TokenKind::kRegexMatch:
      return model::MatchOp::kRegex;
    default:
      return model::MatchOp::kNotRegex;
  }
}

bool is_match_op(TokenKind kind) noexcept {
  return kind == TokenKind::kAssign || kind == TokenKind::kNotEqual ||
         kind == TokenKind::kRegexMatch || kind == TokenKind::kRegexNoMatch;
}

}  // namespace

std::unique_ptr<VectorSelector> Parser::parse_whole_selector() {
  std::unique_ptr<VectorSelector> selector;
  if (at(TokenKind::kLeftBrace)) {
    selector = parse_vector_selector(nullptr);
  } else if (can_start_expression() && !at(TokenKind::kNumber) && !at(TokenKind::kDuration) &&
             !at(TokenKind::kString) && !at(TokenKind::kLeftParen) && !at(TokenKind::kAdd) &&
             !at(TokenKind::kSub)) {
    const Token name = token_;
    advance();
    selector = parse_vector_selector(&name);
  } else {
    return unexpected();
  }
  if (selector != nullptr && !at(TokenKind::kEof)) return unexpected();
  return selector;
}

std::unique_ptr<VectorSelector> Parser::parse_vector_selector(const Token* name) {
  auto selector = std::make_unique<VectorSelector>();
  selector->position.start = name != nullptr ? name->start : token_.start;
  if (at(TokenKind::kLeftBrace) && !parse_matchers(*selector)) return nullptr;
  if (name != nullptr) {
    selector->name = name->text;
    selector->matchers.push_back(
        model::Matcher::equal(std::string(model::kMetricName), selector->name));
  }
  selector->position.end = last_end();
  return selector;
}

bool Parser::parse_matchers(VectorSelector& selector) {
  advance();  // The left brace.
  while (!at(TokenKind::kRightBrace)) {
    if (!parse_matcher(selector)) return false;
    if (!take_if(TokenKind::kComma) && !at(TokenKind::kRightBrace)) {
      unexpected({"label matching", "\",\" or \"}\""});
      return false;
    }
  }
  advance();
  return true;
}

bool Parser::parse_matcher(VectorSelector& selector) {
  constexpr std::string_view kWhere = "label matching";
  const Token first = token_;
  if (!at(TokenKind::kIdentifier) && !at(TokenKind::kString)) {
    unexpected({kWhere, "identifier or \"}\""});
    return false;
  }
  std::string name = at(TokenKind::kString) ? string_value(first) : std::string(first.text);
  advance();
  if (!is_match_op(token_.kind)) {
    if (first.kind == TokenKind::kString && (at(TokenKind::kComma) || at(TokenKind::kRightBrace))) {
      selector.matchers.push_back(
          model::Matcher::equal(std::string(model::kMetricName), std::move(name)));
      return true;
    }
    unexpected(
        {kWhere, first.kind == TokenKind::kString ? "\",\" or \"}\"" : "label matching operator"});
    return false;
  }
  const model::MatchOp op = match_op_of(token_.kind);
  advance();
  if (!at(TokenKind::kString)) {
    unexpected({kWhere, "string"});
    return false;
  }
  if (auto matcher = make_matcher(op, std::move(name), string_value(token_))) {
    selector.matchers.push_back(*std::move(matcher));
  } else {
    add_error({first.start, token_.end()}, matcher.error().message());
  }
  advance();
  return true;
}

// One that fails has cost as much as the largest that does not.
util::Result<model::Matcher> Parser::make_matcher(model::MatchOp op, std::string name,
                                                  std::string value) {
  if (regex_bytes_ > kQueryRegexBytesMax) {
    return util::fail(
        util::Code::kInvalidArgument,
        fmt::format("the regular expressions are too large together: the limit is {} MiB compiled",
                    kQueryRegexBytesMax >> 20U));
  }
  auto matcher = model::Matcher::make(op, std::move(name), std::move(value));
  if (!matcher) {
    regex_bytes_ += model::kRegexProgramBytesMax;
  } else if (matcher->regex()) {
    regex_bytes_ += matcher->regex()->program_bytes();
  }
  return matcher;
}

ExprPtr Parser::parse_postfix(ExprPtr operand) {
  for (;;) {
    bool ok = true;
    switch (token_.kind) {
      case TokenKind::kLeftBracket:
        operand = parse_bracket(std::move(operand));
        ok = operand != nullptr;
        break;
      case TokenKind::kOffset:
        ok = parse_offset(*operand);
        break;
      case TokenKind::kAt:
        ok = parse_at(*operand);
        break;
      case TokenKind::kAnchored:
      case TokenKind::kSmoothed:
        ok = parse_extension(*operand);
        break;
      default:
        return operand;
    }
    if (!ok) return nullptr;
  }
}

ExprPtr Parser::parse_bracket(ExprPtr operand) {
  const std::uint32_t start = token_.start;
  const std::size_t operand_depth = expr_depth_;
  advance();
  duration_begun_ = false;
  ExprPtr range = parse_duration_expression(0, true);
  if (range == nullptr || (!at(TokenKind::kColon) && !at(TokenKind::kRightBracket))) {
    if (duration_begun_) {
      unexpected({"subquery or range", "\":\" or \"]\""});
    } else {
      unexpected({"subquery or range selector", kDurationForms});
    }
    return nullptr;
  }
  require_duration_expressions(*range);
  require_positive(*range);
  std::size_t deepest = std::max(operand_depth, expr_depth_);
  if (take_if(TokenKind::kRightBracket)) {
    operand = make_matrix(std::move(operand), {start, last_end()}, std::move(range));
  } else {
    advance();
    ExprPtr step;
    if (!at(TokenKind::kRightBracket)) {
      duration_begun_ = false;
      step = parse_duration_expression(0, true);
      if (step == nullptr || !at(TokenKind::kRightBracket)) {
        unexpected({"subquery selector",
                    duration_begun_ ? "\"]\"" : "number, duration, step(), range(), or \"]\""});
        return nullptr;
      }
      require_duration_expressions(*step);
      require_positive(*step);
      deepest = std::max(deepest, expr_depth_);
    }
    advance();
    operand = make_subquery(std::move(operand), std::move(range), std::move(step));
  }
  if (operand == nullptr || !grow_depth(deepest)) return nullptr;
  return operand;
}

ExprPtr Parser::make_matrix(ExprPtr operand, Position bracket, ExprPtr range) {
  if (operand->kind != ExprKind::kVectorSelector) {
    add_error(bracket, "ranges only allowed for vector selectors");
    return nullptr;
  }
  std::unique_ptr<VectorSelector> selector(static_cast<VectorSelector*>(operand.release()));
  if (has_offset(selector->time)) {
    add_error(bracket, "no offset modifiers allowed before range");
  } else if (selector->time.at != AtKind::kNone) {
    add_error(bracket, "no @ modifiers allowed before range");
  }
  auto matrix = std::make_unique<MatrixSelector>();
  matrix->position = {selector->position.start, bracket.end};
  matrix->selector = std::move(selector);
  set_duration(std::move(range), matrix->range, matrix->range_expr);
  return matrix;
}

ExprPtr Parser::make_subquery(ExprPtr operand, ExprPtr range, ExprPtr step) {
  auto subquery = std::make_unique<Subquery>();
  subquery->position = {operand->position.start, last_end()};
  subquery->expr = std::move(operand);
  set_duration(std::move(range), subquery->range, subquery->range_expr);
  if (step != nullptr) set_duration(std::move(step), subquery->step, subquery->step_expr);
  return subquery;
}

bool Parser::parse_offset(Expr& target) {
  advance();
  const std::size_t target_depth = expr_depth_;
  ExprPtr offset = parse_offset_value();
  if (offset == nullptr) {
    unexpected({"offset", kDurationForms});
    return false;
  }
  require_duration_expressions(*offset);
  const std::size_t offset_depth = offset->kind == ExprKind::kDuration ? expr_depth_ : 0;
  set_offset(target, std::move(offset));
  expr_depth_ = target_depth;
  return offset_depth < target_depth || grow_depth(offset_depth);
}

void Parser::set_offset(Expr& target, ExprPtr offset) {
  TimeModifiers* time = time_of(target);
  if (time == nullptr) {
    add_error(target.position,
              "offset modifier must be preceded by an instant vector selector or range vector "
              "selector or a subquery");
    return;
  }
  if (has_offset(*time)) {
    add_error(target.position, "offset may not be set multiple times");
    return;
  }
  set_duration(std::move(offset), time->offset, time->offset_expr);
  target.position.end = last_end();
}

bool Parser::parse_at(Expr& target) {
  constexpr Parser::Context kContext = {"@", "timestamp"};
  advance();
  if (at(TokenKind::kStart) || at(TokenKind::kEnd)) {
    const AtKind kind = at(TokenKind::kStart) ? AtKind::kStart : AtKind::kEnd;
    advance();
    if (!take_if(TokenKind::kLeftParen) || !take_if(TokenKind::kRightParen)) {
      unexpected(kContext);
      return false;
    }
    set_at(target, kind, 0);
    return true;
  }
  const bool negative = at(TokenKind::kSub);
  if (negative || at(TokenKind::kAdd)) advance();
  if (!at(TokenKind::kNumber) && !at(TokenKind::kDuration)) {
    unexpected(kContext);
    return false;
  }
  const double value = parse_number_or_duration()->value;
  set_at(target, AtKind::kTimestamp, negative ? -value : value);
  return true;
}

void Parser::set_at(Expr& target, AtKind kind, double seconds) {
  TimeModifiers* time = time_of(target);
  if (time == nullptr) {
    add_error(target.position,
              "@ modifier must be preceded by an instant vector selector or range vector selector "
              "or a subquery");
    return;
  }
  if (time->at != AtKind::kNone) {
    add_error(target.position, "@ <timestamp> may not be set multiple times");
    return;
  }
  if (kind == AtKind::kTimestamp) {
    // Both the seconds and the milliseconds must fit.
    constexpr double kMsEnd = 0x1p63;
    const double ms = std::round(seconds * 1000);
    if (!(ms > -kMsEnd && ms < kMsEnd)) {
      const std::string shown = std::isinf(seconds)   ? (seconds > 0 ? "+Inf" : "-Inf")
                                : std::isnan(seconds) ? "NaN"
                                                      : fmt::format("{:f}", seconds);
      add_error(target.position, "timestamp out of bounds for @ modifier: " + shown);
      return;
    }
    time->at_timestamp = static_cast<model::TimestampMs>(ms);
  }
  time->at = kind;
  target.position.end = last_end();
}

bool Parser::parse_extension(Expr& target) {
  const bool anchored = at(TokenKind::kAnchored);
  const std::string_view word = anchored ? "anchored" : "smoothed";
  advance();
  VectorSelector* selector = selector_of(target);
  if (selector == nullptr) {
    add_error(target.position,
              fmt::format("{} modifier is only allowed on vector selectors", word));
    return true;
  }
  if (!options_.extended_range_selectors) {
    add_error(target.position, fmt::format("{} modifier is experimental and not enabled", word));
  } else if (selector->extension != Extension::kNone) {
    add_error(target.position, "anchored and smoothed modifiers cannot be used together");
  }
  selector->extension = anchored ? Extension::kAnchored : Extension::kSmoothed;
  target.position.end = last_end();
  return true;
}

}  // namespace narthex::promql
