#include "narthex/promql/parser.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "promql/parser/parser_state.h"

namespace narthex::promql {
namespace {

// How tightly binary operators bind; signs bind like multiplication.
constexpr int kBindingSign = 5;
constexpr int kBindingMin = 1;

int binding_of(BinaryOp op) noexcept {
  switch (op) {
    case BinaryOp::kOr:
      return 1;
    case BinaryOp::kAnd:
    case BinaryOp::kUnless:
      return 2;
    case BinaryOp::kAdd:
    case BinaryOp::kSub:
      return 4;
    case BinaryOp::kMul:
    case BinaryOp::kDiv:
    case BinaryOp::kMod:
    case BinaryOp::kAtan2:
      return kBindingSign;
    case BinaryOp::kPow:
      return 6;
    default:
      return 3;  // Comparisons.
  }
}

BinaryOp binary_op_of(TokenKind kind) noexcept {
  return static_cast<BinaryOp>(static_cast<int>(kind) - static_cast<int>(TokenKind::kAdd));
}
static_assert(static_cast<int>(TokenKind::kUnless) - static_cast<int>(TokenKind::kAdd) ==
              static_cast<int>(BinaryOp::kUnless));

}  // namespace

Parser::Parser(std::string_view text, const ParserOptions& options)
    : lexer_(text), options_(options) {
  advance();
}

bool Parser::Level::ok() {
  if (parser_.nesting_ <= kExprDepthMax) return true;
  return parser_.grow_depth(kExprDepthMax);
}

void Parser::advance() {
  last_end_ = token_.end();
  token_ = lexer_.next();
  if (at(TokenKind::kError)) add_error(position_of(token_), lexer_.error_message());
}

bool Parser::take_if(TokenKind kind) {
  if (!at(kind)) return false;
  advance();
  return true;
}

void Parser::add_error(Position position, std::string message) {
  errors_.push_back({position, std::move(message)});
}

void Parser::unexpected(const Context& context) {
  if (at(TokenKind::kError)) return;  // Reported when it was read.
  std::string message = "unexpected " + describe(token_);
  if (!context.where.empty()) message += fmt::format(" in {}", context.where);
  if (!context.expected.empty()) message += fmt::format(", expected {}", context.expected);
  add_error(position_of(token_), std::move(message));
}

std::nullptr_t Parser::unexpected() {
  unexpected({aggregations_ > 0 ? "aggregation" : "", ""});
  return nullptr;
}

bool Parser::grow_depth(std::size_t children_depth) {
  expr_depth_ = children_depth + 1;
  if (expr_depth_ <= kExprDepthMax) return true;
  add_error(position_of(token_),
            fmt::format("expression is nested too deeply: more than {} levels", kExprDepthMax));
  return false;
}

ExprPtr Parser::parse_whole_expression() {
  if (at(TokenKind::kEof)) {
    add_error({}, "no expression found in input");
    return nullptr;
  }
  ExprPtr expr = parse_expression(kBindingMin);
  if (expr == nullptr) return nullptr;
  if (!at(TokenKind::kEof)) return unexpected();
  return errors_.empty() ? std::move(expr) : nullptr;
}

ExprPtr Parser::parse_expression(int binding_min) {
  Level level(*this);
  if (!level.ok()) return nullptr;
  ExprPtr lhs = parse_unary();
  while (lhs != nullptr && is_binary_operator(token_.kind)) {
    const int binding = binding_of(binary_op_of(token_.kind));
    if (binding < binding_min) break;
    lhs = parse_binary_tail(std::move(lhs), binding);
  }
  return lhs;
}

ExprPtr Parser::parse_binary_tail(ExprPtr lhs, int binding) {
  auto binary = std::make_unique<Binary>();
  binary->op = binary_op_of(token_.kind);
  const std::size_t lhs_depth = expr_depth_;
  advance();
  if (!parse_binary_modifiers(*binary)) return nullptr;
  const bool right_associative = binary->op == BinaryOp::kPow;
  binary->lhs = std::move(lhs);
  binary->rhs = parse_expression(right_associative ? binding : binding + 1);
  if (binary->rhs == nullptr) return nullptr;
  binary->position = {binary->lhs->position.start, binary->rhs->position.end};
  const VectorMatching& matching = *binary->matching;
  if (!options_.binop_fill_modifiers && (matching.fill_left || matching.fill_right)) {
    add_error(binary->position, "binop fill modifiers are experimental and not enabled");
  }
  if (!grow_depth(std::max(lhs_depth, expr_depth_))) return nullptr;
  return binary;
}

bool Parser::parse_binary_modifiers(Binary& binary) {
  binary.return_bool = take_if(TokenKind::kBool);
  VectorMatching& matching = binary.matching.emplace();
  if (is_set_operator(binary.op)) matching.cardinality = Cardinality::kManyToMany;
  if (at(TokenKind::kOn) || at(TokenKind::kIgnoring)) {
    matching.on = at(TokenKind::kOn);
    advance();
    if (!parse_grouping_labels(matching.labels) || !parse_group_modifier(matching)) return false;
  }
  return parse_fill_modifiers(matching);
}

bool Parser::parse_group_modifier(VectorMatching& matching) {
  if (at(TokenKind::kGroupLeft)) {
    matching.cardinality = Cardinality::kManyToOne;
  } else if (at(TokenKind::kGroupRight)) {
    matching.cardinality = Cardinality::kOneToMany;
  } else {
    return true;
  }
  advance();
  return !at(TokenKind::kLeftParen) || parse_grouping_labels(matching.include);
}

bool Parser::parse_fill_modifiers(VectorMatching& matching) {
  if (take_if(TokenKind::kFill)) {
    const auto value = parse_fill_value();
    matching.fill_left = value;
    matching.fill_right = value;
    return value.has_value();
  }
  while (at(TokenKind::kFillLeft) || at(TokenKind::kFillRight)) {
    auto& side = at(TokenKind::kFillLeft) ? matching.fill_left : matching.fill_right;
    if (side.has_value()) {
      unexpected();
      return false;
    }
    advance();
    side = parse_fill_value();
    if (!side) return false;
  }
  return true;
}

std::optional<double> Parser::parse_fill_value() {
  const auto refuse = [this]() -> std::optional<double> {
    unexpected();
    return std::nullopt;
  };
  if (!take_if(TokenKind::kLeftParen)) return refuse();
  const bool negative = at(TokenKind::kSub);
  if (negative || at(TokenKind::kAdd)) advance();
  if (!at(TokenKind::kNumber) && !at(TokenKind::kDuration)) return refuse();
  const auto literal = parse_number_or_duration();
  if (!take_if(TokenKind::kRightParen)) return refuse();
  return negative ? -literal->value : literal->value;
}

ExprPtr Parser::parse_unary() {
  if (!at(TokenKind::kAdd) && !at(TokenKind::kSub)) return parse_operand();
  const bool negative = at(TokenKind::kSub);
  const std::uint32_t start = token_.start;
  advance();
  ExprPtr operand = parse_expression(kBindingSign + 1);
  if (operand == nullptr) return nullptr;
  if (auto* number = as_if<NumberLiteral>(operand.get())) {
    number->position.start = start;
    if (negative) number->value = -number->value;
    return operand;
  }
  auto unary = std::make_unique<Unary>();
  unary->negative = negative;
  unary->position = {start, operand->position.end};
  unary->expr = std::move(operand);
  if (!grow_depth(expr_depth_)) return nullptr;
  return unary;
}

ExprPtr Parser::parse_operand() {
  ExprPtr operand = parse_primary();
  return operand == nullptr ? nullptr : parse_postfix(std::move(operand));
}

bool Parser::can_start_expression() const noexcept {
  switch (token_.kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration:
    case TokenKind::kString:
    case TokenKind::kLeftParen:
    case TokenKind::kLeftBrace:
    case TokenKind::kIdentifier:
    case TokenKind::kMetricIdentifier:
    case TokenKind::kAdd:
    case TokenKind::kSub:
    case TokenKind::kAnd:
    case TokenKind::kOr:
    case TokenKind::kUnless:
      return true;
    case TokenKind::kBool:
    case TokenKind::kOn:
    case TokenKind::kIgnoring:
    case TokenKind::kGroupLeft:
    case TokenKind::kGroupRight:
      return false;
    default:
      return is_aggregator(token_.kind) || is_modifier(token_.kind) || is_preprocessor(token_.kind);
  }
}

ExprPtr Parser::parse_primary() {
  if (!can_start_expression()) return unexpected();
  expr_depth_ = 1;
  switch (token_.kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration:
      return parse_number_or_duration();
    case TokenKind::kString:
      return parse_string();
    case TokenKind::kLeftParen:
      return parse_parenthesised();
    case TokenKind::kLeftBrace:
      return parse_vector_selector(nullptr);
    default:
      break;
  }
  const Token name = token_;
  advance();
  if (is_aggregator(name.kind) &&
      (at(TokenKind::kLeftParen) || at(TokenKind::kBy) || at(TokenKind::kWithout))) {
    return parse_aggregate(name);
  }
  const bool callable = name.kind == TokenKind::kIdentifier || is_preprocessor(name.kind);
  if (callable && at(TokenKind::kLeftParen)) return parse_call(name);
  return parse_vector_selector(&name);
}

ExprPtr Parser::parse_parenthesised() {
  auto paren = std::make_unique<Paren>();
  paren->position.start = token_.start;
  advance();
  paren->expr = parse_expression(kBindingMin);
  if (paren->expr == nullptr) return nullptr;
  if (!take_if(TokenKind::kRightParen)) return unexpected();
  paren->position.end = last_end();
  if (!grow_depth(expr_depth_)) return nullptr;
  return paren;
}

ExprPtr Parser::parse_string() {
  auto literal = std::make_unique<StringLiteral>();
  literal->position = position_of(token_);
  literal->value = string_value(token_);
  advance();
  return literal;
}

namespace {

ParseFailure failure(std::string_view text, std::vector<ParseError> errors) {
  const ParseError& first = errors.front();
  // Nothing has no lines: upstream's word for it.
  std::string shown =
      fmt::format("{}: parse error: {}",
                  text.empty() ? "unknown position" : line_and_column(text, first.position.start),
                  first.message);
  return {std::move(errors), std::move(shown)};
}

ParseFailure too_long(std::string_view text) {
  std::vector<ParseError> errors;
  errors.push_back(
      {{},
       fmt::format("query is too long: {} bytes, the limit is {}", text.size(), kQueryBytesMax)});
  return failure(text, std::move(errors));
}

}  // namespace

std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == std::string_view::npos ? offset + 1 : offset - newline;
  return fmt::format("{}:{}", line, column);
}

ParseResult parse_detailed(std::string_view text, const ParserOptions& options) {
  if (text.size() > kQueryBytesMax) return std::unexpected(too_long(text));
  Parser parser(text, options);
  ExprPtr expr = parser.parse_whole_expression();
  std::vector<ParseError> errors = parser.take_errors();
  // A tree with holes in it cannot be checked.
  if (errors.empty()) check_types(*expr, text, errors);
  if (!errors.empty()) return std::unexpected(failure(text, std::move(errors)));
  return expr;
}

util::Result<ExprPtr> parse(std::string_view text, const ParserOptions& options) {
  ParseResult result = parse_detailed(text, options);
  if (!result) return util::fail(util::Code::kInvalidArgument, std::move(result.error().text));
  return *std::move(result);
}

util::Result<model::Matchers> parse_metric_selector(std::string_view text) {
  const auto refuse = [](ParseFailure problem) {
    return util::fail(util::Code::kInvalidArgument, std::move(problem.text));
  };
  if (text.size() > kQueryBytesMax) return refuse(too_long(text));
  Parser parser(text, {});
  const auto selector = parser.parse_whole_selector();
  std::vector<ParseError> errors = parser.take_errors();
  if (errors.empty()) {
    selector->may_match_empty = true;
    check_types(*selector, text, errors);
  }
  if (!errors.empty()) return refuse(failure(text, std::move(errors)));
  return std::move(selector->matchers);
}

}  // namespace narthex::promql
