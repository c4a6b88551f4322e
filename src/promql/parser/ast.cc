#include "narthex/promql/ast.h"

#include <array>

#include "narthex/util/check.h"

namespace narthex::promql {
namespace {

constexpr std::array<std::string_view, 14> kAggregateTexts = {
    "sum",    "avg",  "count",   "min",          "max",      "group",  "stddev",
    "stdvar", "topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio"};
constexpr std::array<std::string_view, 18> kBinaryTexts = {"+",   "-",     "*",     "/",  "%",
                                                           "^",   "atan2", "==",    "!=", "<",
                                                           "<=",  ">",     ">=",    "</", ">/",
                                                           "and", "or",    "unless"};

ExprPtr clone_if(const ExprPtr& expr) {
  return expr == nullptr ? nullptr : clone(*expr);
}

template <class T>
std::unique_ptr<T> clone_as(const std::unique_ptr<T>& expr) {
  if (expr == nullptr) return nullptr;
  return std::unique_ptr<T>(static_cast<T*>(clone(*expr).release()));
}

template <class T>
std::unique_ptr<T> start_copy(const T& original) {
  auto copy = std::make_unique<T>();
  copy->position = original.position;
  return copy;
}

TimeModifiers copy_of(const TimeModifiers& time) {
  return {time.at, time.at_timestamp, time.offset, clone_as(time.offset_expr)};
}

ExprPtr copy_of(const NumberLiteral& e) {
  auto copy = start_copy(e);
  copy->value = e.value;
  copy->is_duration = e.is_duration;
  return copy;
}

ExprPtr copy_of(const StringLiteral& e) {
  auto copy = start_copy(e);
  copy->value = e.value;
  return copy;
}

ExprPtr copy_of(const VectorSelector& e) {
  auto copy = start_copy(e);
  copy->name = e.name;
  copy->matchers = e.matchers;
  copy->time = copy_of(e.time);
  copy->extension = e.extension;
  copy->may_match_empty = e.may_match_empty;
  return copy;
}

ExprPtr copy_of(const MatrixSelector& e) {
  auto copy = start_copy(e);
  copy->selector = clone_as(e.selector);
  copy->range = e.range;
  copy->range_expr = clone_as(e.range_expr);
  return copy;
}

ExprPtr copy_of(const Subquery& e) {
  auto copy = start_copy(e);
  copy->expr = clone_if(e.expr);
  copy->range = e.range;
  copy->range_expr = clone_as(e.range_expr);
  copy->step = e.step;
  copy->step_expr = clone_as(e.step_expr);
  copy->time = copy_of(e.time);
  return copy;
}

ExprPtr copy_of(const Call& e) {
  auto copy = start_copy(e);
  copy->function = e.function;
  copy->args.reserve(e.args.size());
  for (const ExprPtr& arg : e.args) copy->args.push_back(clone(*arg));
  return copy;
}

ExprPtr copy_of(const Aggregate& e) {
  auto copy = start_copy(e);
  copy->op = e.op;
  copy->without = e.without;
  copy->grouping = e.grouping;
  copy->param = clone_if(e.param);
  copy->expr = clone_if(e.expr);
  return copy;
}

ExprPtr copy_of(const Binary& e) {
  auto copy = start_copy(e);
  copy->op = e.op;
  copy->return_bool = e.return_bool;
  copy->lhs = clone_if(e.lhs);
  copy->rhs = clone_if(e.rhs);
  copy->matching = e.matching;
  return copy;
}

ExprPtr copy_of(const Unary& e) {
  auto copy = start_copy(e);
  copy->negative = e.negative;
  copy->expr = clone_if(e.expr);
  return copy;
}

ExprPtr copy_of(const Paren& e) {
  auto copy = start_copy(e);
  copy->expr = clone_if(e.expr);
  return copy;
}

ExprPtr copy_of(const DurationExpr& e) {
  auto copy = start_copy(e);
  copy->op = e.op;
  copy->wrapped = e.wrapped;
  copy->lhs = clone_if(e.lhs);
  copy->rhs = clone_if(e.rhs);
  return copy;
}

}  // namespace

std::string_view aggregate_op_text(AggregateOp op) noexcept {
  return kAggregateTexts[static_cast<std::size_t>(op)];
}

bool has_param(AggregateOp op) noexcept {
  return op >= AggregateOp::kTopk;
}

std::string_view binary_op_text(BinaryOp op) noexcept {
  return kBinaryTexts[static_cast<std::size_t>(op)];
}

std::string_view value_type_text(ValueType type) noexcept {
  constexpr std::array<std::string_view, 4> kTexts = {"scalar", "string", "vector", "matrix"};
  return kTexts[static_cast<std::size_t>(type)];
}

std::string_view value_type_title(ValueType type) noexcept {
  constexpr std::array<std::string_view, 4> kTitles = {"scalar", "string", "instant vector",
                                                       "range vector"};
  return kTitles[static_cast<std::size_t>(type)];
}

ValueType value_type(const Expr& expr) noexcept {
  const Expr* e = &expr;
  for (;;) {
    switch (e->kind) {
      case ExprKind::kNumber:
        return ValueType::kScalar;
      case ExprKind::kString:
        return ValueType::kString;
      case ExprKind::kVectorSelector:
      case ExprKind::kAggregate:
        return ValueType::kVector;
      case ExprKind::kMatrixSelector:
      case ExprKind::kSubquery:
        return ValueType::kMatrix;
      case ExprKind::kCall:
        return as<Call>(*e).function->returns;
      case ExprKind::kBinary: {
        const auto& binary = as<Binary>(*e);
        const bool scalars = value_type(*binary.lhs) == ValueType::kScalar &&
                             value_type(*binary.rhs) == ValueType::kScalar;
        return scalars ? ValueType::kScalar : ValueType::kVector;
      }
      case ExprKind::kUnary:
        e = as<Unary>(*e).expr.get();
        break;
      case ExprKind::kParen:
        e = as<Paren>(*e).expr.get();
        break;
      case ExprKind::kDuration:
        NX_CHECK(false, "a duration expression has no type");
    }
  }
}

const Expr& unwrap_parens(const Expr& expr) noexcept {
  const Expr* e = &expr;
  while (e->kind == ExprKind::kParen) e = as<Paren>(*e).expr.get();
  return *e;
}

ExprPtr clone(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
      return copy_of(as<NumberLiteral>(expr));
    case ExprKind::kString:
      return copy_of(as<StringLiteral>(expr));
    case ExprKind::kVectorSelector:
      return copy_of(as<VectorSelector>(expr));
    case ExprKind::kMatrixSelector:
      return copy_of(as<MatrixSelector>(expr));
    case ExprKind::kSubquery:
      return copy_of(as<Subquery>(expr));
    case ExprKind::kCall:
      return copy_of(as<Call>(expr));
    case ExprKind::kAggregate:
      return copy_of(as<Aggregate>(expr));
    case ExprKind::kBinary:
      return copy_of(as<Binary>(expr));
    case ExprKind::kUnary:
      return copy_of(as<Unary>(expr));
    case ExprKind::kParen:
      return copy_of(as<Paren>(expr));
    case ExprKind::kDuration:
      return copy_of(as<DurationExpr>(expr));
  }
  NX_CHECK(false, "unknown kind of expression {}", static_cast<int>(expr.kind));
}

}  // namespace narthex::promql
