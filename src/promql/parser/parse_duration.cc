// Durations inside [ ] and behind offset, and the arithmetic on them.
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "promql/parser/parser_state.h"

namespace narthex::promql {
namespace {

constexpr int kBindingSign = 2;
constexpr double kDurationSecondsEnd = 0x1p63 / 1e9;  // Nanoseconds must fit 64 bits.

std::optional<DurationOp> operator_of(TokenKind kind) noexcept {
  switch (kind) {
    case TokenKind::kAdd:
      return DurationOp::kAdd;
    case TokenKind::kSub:
      return DurationOp::kSub;
    case TokenKind::kMul:
      return DurationOp::kMul;
    case TokenKind::kDiv:
      return DurationOp::kDiv;
    case TokenKind::kMod:
      return DurationOp::kMod;
    case TokenKind::kPow:
      return DurationOp::kPow;
    default:
      return std::nullopt;
  }
}

int binding_of(DurationOp op) noexcept {
  switch (op) {
    case DurationOp::kAdd:
    case DurationOp::kSub:
      return 1;
    case DurationOp::kPow:
      return 3;
    default:
      return kBindingSign;
  }
}

}  // namespace

ExprPtr Parser::parse_duration_expression(int binding_min, bool outermost) {
  Level level(*this);
  if (!level.ok()) return nullptr;
  ExprPtr lhs = parse_duration_operand(outermost);
  while (lhs != nullptr) {
    duration_begun_ = duration_begun_ || outermost;
    const auto op = operator_of(token_.kind);
    if (!op || binding_of(*op) < binding_min) break;
    const Token op_token = token_;
    const std::size_t lhs_depth = expr_depth_;
    advance();
    ExprPtr rhs = parse_duration_expression(
        *op == DurationOp::kPow ? binding_of(*op) : binding_of(*op) + 1, false);
    if (rhs == nullptr) return nullptr;
    check_divisor(*op, op_token, *rhs);
    auto expr = std::make_unique<DurationExpr>();
    expr->op = *op;
    expr->position = {lhs->position.start, rhs->position.end};
    expr->lhs = std::move(lhs);
    expr->rhs = std::move(rhs);
    if (!grow_depth(std::max(lhs_depth, expr_depth_))) return nullptr;
    lhs = std::move(expr);
  }
  return lhs;
}

void Parser::check_divisor(DurationOp op, const Token& op_token, const Expr& divisor) {
  const auto* literal = as_if<NumberLiteral>(&divisor);
  if (literal == nullptr || literal->value != 0) return;
  if (op == DurationOp::kDiv) add_error(position_of(op_token), "division by zero");
  if (op == DurationOp::kMod) add_error(position_of(op_token), "modulo by zero");
}

ExprPtr Parser::parse_duration_operand(bool outermost) {
  if (!at(TokenKind::kAdd) && !at(TokenKind::kSub)) return parse_duration_primary();
  const Token sign = token_;
  advance();
  ExprPtr operand = parse_duration_expression(kBindingSign + 1, false);
  duration_begun_ = duration_begun_ || (outermost && operand != nullptr);
  return operand == nullptr ? nullptr : signed_duration(sign, std::move(operand));
}

ExprPtr Parser::signed_duration(const Token& sign, ExprPtr operand) {
  const bool negative = sign.kind == TokenKind::kSub;
  if (auto* literal = as_if<NumberLiteral>(operand.get())) {
    literal->position.start = sign.start;
    if (negative) literal->value = -literal->value;
    return operand;
  }
  auto expr = std::make_unique<DurationExpr>();
  expr->op = negative ? DurationOp::kSub : DurationOp::kAdd;
  expr->position = {sign.start, operand->position.end};
  expr->rhs = std::move(operand);
  if (!grow_depth(expr_depth_)) return nullptr;
  return expr;
}

ExprPtr Parser::parse_duration_primary() {
  expr_depth_ = 1;
  switch (token_.kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration: {
      auto literal = parse_number_or_duration();
      // Not "greater than": that would let NaN pass.
      if (!(std::fabs(literal->value) <= kDurationSecondsEnd)) {
        add_error(literal->position, "duration out of range");
        literal->value = 0;
      }
      return literal;
    }
    case TokenKind::kLeftParen:
      return parse_duration_parenthesised();
    case TokenKind::kStep:
    case TokenKind::kRange:
    case TokenKind::kMinOf:
    case TokenKind::kMaxOf:
      return parse_duration_call();
    default:
      return nullptr;
  }
}

ExprPtr Parser::parse_duration_parenthesised() {
  const std::uint32_t start = token_.start;
  advance();
  ExprPtr inner = parse_duration_expression(0, false);
  if (inner == nullptr || !take_if(TokenKind::kRightParen)) return nullptr;
  if (inner->kind == ExprKind::kNumber) {
    auto expr = std::make_unique<DurationExpr>();
    expr->rhs = std::move(inner);
    inner = std::move(expr);
    if (!grow_depth(expr_depth_)) return nullptr;
  }
  as<DurationExpr>(*inner).wrapped = true;
  inner->position = {start, last_end()};
  return inner;
}

ExprPtr Parser::parse_duration_call() {
  auto call = std::make_unique<DurationExpr>();
  const TokenKind kind = token_.kind;
  call->position.start = token_.start;
  advance();
  if (!take_if(TokenKind::kLeftParen)) return nullptr;
  if (kind == TokenKind::kStep || kind == TokenKind::kRange) {
    call->op = kind == TokenKind::kStep ? DurationOp::kStep : DurationOp::kRange;
  } else {
    call->op = kind == TokenKind::kMinOf ? DurationOp::kMinOf : DurationOp::kMaxOf;
    call->lhs = parse_duration_expression(0, false);
    const std::size_t lhs_depth = expr_depth_;
    if (call->lhs == nullptr || !take_if(TokenKind::kComma)) return nullptr;
    call->rhs = parse_duration_expression(0, false);
    if (call->rhs == nullptr || !grow_depth(std::max(lhs_depth, expr_depth_))) return nullptr;
  }
  if (!take_if(TokenKind::kRightParen)) return nullptr;
  call->position.end = last_end();
  return call;
}

ExprPtr Parser::parse_offset_value() {
  // Only what needs no parentheses: `foo offset 5 - 3` is (foo offset 5) - 3.
  if (!at(TokenKind::kAdd) && !at(TokenKind::kSub)) return parse_duration_primary();
  const Token sign = token_;
  advance();
  ExprPtr operand = parse_duration_primary();
  return operand == nullptr ? nullptr : signed_duration(sign, std::move(operand));
}

void Parser::require_positive(const Expr& duration) {
  const auto* literal = as_if<NumberLiteral>(&duration);
  if (literal != nullptr && literal->value <= 0) {
    add_error(literal->position, "duration must be greater than 0");
  }
}

void Parser::require_duration_expressions(const Expr& expr) {
  if (expr.kind == ExprKind::kDuration && !options_.duration_expressions) {
    add_error(expr.position, "experimental duration expression is not enabled");
  }
}

}  // namespace narthex::promql
