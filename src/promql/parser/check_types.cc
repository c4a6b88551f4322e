// The rules that need a whole expression: types, arities, matching.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "narthex/model/names.h"

#include "promql/parser/parser_state.h"

namespace narthex::promql {
namespace {

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class TypeChecker {
 public:
  TypeChecker(std::string_view text, std::vector<ParseError>& errors) noexcept
      : text_(text), errors_(errors) {}
  ValueType check(Expr& expr);

 private:
  template <class... Args>
  void complain(Position position, fmt::format_string<Args...> format, Args&&... args) {
    errors_.push_back({position, fmt::format(format, std::forward<Args>(args)...)});
  }
  void expect(Expr& expr, ValueType wanted, std::string_view where);
  ValueType check_call(Call& call);
  void check_arity(const Call& call);
  void check_info_selector(Expr& arg);
  void check_aggregate(Aggregate& aggregate);
  ValueType check_binary(Binary& binary);
  void check_operator(const Binary& binary, ValueType lhs, ValueType rhs);
  void check_matching_labels(const Binary& binary);
  void check_scalar_side(Binary& binary);
  void check_set_operator(const Binary& binary);
  void check_selector(const VectorSelector& selector);
  // Where the operator of a binary expression stands, as upstream reports it: up to its last byte,
  // which does not belong to the range.
  [[nodiscard]] Position operator_position(const Binary& binary) const;

  std::string_view text_;
  std::vector<ParseError>& errors_;
};

ValueType TypeChecker::check(Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVectorSelector:
      check_selector(as<VectorSelector>(expr));
      break;
    case ExprKind::kMatrixSelector:
      check_selector(*as<MatrixSelector>(expr).selector);
      break;
    case ExprKind::kSubquery: {
      const ValueType inner = check(*as<Subquery>(expr).expr);
      if (inner != ValueType::kVector) {
        complain(expr.position, "subquery is only allowed on instant vector, got {} instead",
                 value_type_text(inner));
      }
      break;
    }
    case ExprKind::kCall:
      return check_call(as<Call>(expr));
    case ExprKind::kAggregate:
      check_aggregate(as<Aggregate>(expr));
      break;
    case ExprKind::kBinary:
      return check_binary(as<Binary>(expr));
    case ExprKind::kUnary: {
      const ValueType type = check(*as<Unary>(expr).expr);
      if (type != ValueType::kScalar && type != ValueType::kVector) {
        complain(expr.position,
                 "unary expression only allowed on expressions of type scalar or instant vector, "
                 "got \"{}\"",
                 value_type_title(type));
      }
      return type;
    }
    case ExprKind::kParen:
      return check(*as<Paren>(expr).expr);
    case ExprKind::kNumber:
    case ExprKind::kString:
    case ExprKind::kDuration:
      break;
  }
  return value_type(expr);
}

void TypeChecker::expect(Expr& expr, ValueType wanted, std::string_view where) {
  const ValueType type = check(expr);
  if (type == wanted) return;
  complain(expr.position, "expected type {} in {}, got {}", value_type_title(wanted), where,
           value_type_title(type));
}

void TypeChecker::check_arity(const Call& call) {
  const Arity arity = call.function->arity;
  const std::size_t count = call.args.size();
  const std::string name = model::quoted(call.function->name);
  if (arity.min == arity.max) {
    if (count != arity.min) {
      complain(call.position, "expected {} argument(s) in call to {}, got {}", arity.min, name,
               count);
    }
  } else if (count < arity.min) {
    complain(call.position, "expected at least {} argument(s) in call to {}, got {}", arity.min,
             name, count);
  } else if (arity.max != Arity::kUnlimited && count > arity.max) {
    complain(call.position, "expected at most {} argument(s) in call to {}, got {}", arity.max,
             name, count);
  }
}

ValueType TypeChecker::check_call(Call& call) {
  const FunctionSignature& function = *call.function;
  check_arity(call);
  if (function.id == FunctionId::kInfo && call.args.size() > 1) check_info_selector(*call.args[1]);
  const std::string where = fmt::format("call to function \"{}\"", function.name);
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    if (i >= function.arity.max && function.arity.max != Arity::kUnlimited) break;
    expect(*call.args[i], function.argument_type(i), where);
  }
  return function.returns;
}

void TypeChecker::check_info_selector(Expr& arg) {
  auto* selector = as_if<VectorSelector>(&arg);
  if (selector == nullptr) {
    complain(arg.position, "expected label selectors only");
    return;
  }
  if (!selector->name.empty()) {
    complain(arg.position, "expected label selectors only, got vector selector instead");
  }
  selector->may_match_empty = true;
}

void TypeChecker::check_aggregate(Aggregate& aggregate) {
  expect(*aggregate.expr, ValueType::kVector, "aggregation expression");
  if (aggregate.param == nullptr) return;
  const bool text = aggregate.op == AggregateOp::kCountValues;
  expect(*aggregate.param, text ? ValueType::kString : ValueType::kScalar, "aggregation parameter");
}

Position TypeChecker::operator_position(const Binary& binary) const {
  std::size_t start = binary.lhs->position.end;
  while (start < text_.size() && is_blank(text_[start])) ++start;
  std::size_t end = binary.rhs->position.start;
  while (end > start + 1 && is_blank(text_[end - 1])) --end;
  return {static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(end - 1)};
}

ValueType TypeChecker::check_binary(Binary& binary) {
  const ValueType lhs = check(*binary.lhs);
  const ValueType rhs = check(*binary.rhs);
  check_operator(binary, lhs, rhs);
  check_matching_labels(binary);
  for (const auto& [side, type] : {std::pair(&binary.lhs, lhs), std::pair(&binary.rhs, rhs)}) {
    if (type != ValueType::kScalar && type != ValueType::kVector) {
      complain((*side)->position,
               "binary expression must contain only scalar and instant vector types");
    }
  }
  const bool scalar = lhs == ValueType::kScalar || rhs == ValueType::kScalar;
  if (lhs != ValueType::kVector || rhs != ValueType::kVector) {
    check_scalar_side(binary);
  } else if (is_set_operator(binary.op)) {
    check_set_operator(binary);
  }
  if (scalar && is_set_operator(binary.op)) {
    complain(binary.position, "set operator \"{}\" not allowed in binary scalar expression",
             binary_op_text(binary.op));
  }
  return lhs == ValueType::kScalar && rhs == ValueType::kScalar ? ValueType::kScalar
                                                                : ValueType::kVector;
}

void TypeChecker::check_operator(const Binary& binary, ValueType lhs, ValueType rhs) {
  if (binary.return_bool && !is_comparison(binary.op)) {
    complain(operator_position(binary), "bool modifier can only be used on comparison operators");
  }
  const bool scalars = lhs == ValueType::kScalar && rhs == ValueType::kScalar;
  if (scalars && is_comparison(binary.op) && !binary.return_bool) {
    complain(operator_position(binary), "comparisons between scalars must use BOOL modifier");
  }
}

void TypeChecker::check_matching_labels(const Binary& binary) {
  const VectorMatching& matching = *binary.matching;
  if (!matching.on) return;
  std::vector<std::string_view> included(matching.include.begin(), matching.include.end());
  std::ranges::sort(included);
  for (const std::string& label : matching.labels) {
    if (std::ranges::binary_search(included, std::string_view(label))) {
      complain(operator_position(binary), "label {} must not occur in ON and GROUP clause at once",
               model::quoted(label));
    }
  }
}

void TypeChecker::check_scalar_side(Binary& binary) {
  const VectorMatching& matching = *binary.matching;
  if (!matching.labels.empty()) {
    complain(binary.position, "vector matching only allowed between instant vectors");
  }
  if (matching.fill_left || matching.fill_right) {
    complain(binary.position, "filling in missing series only allowed between instant vectors");
  }
  binary.matching.reset();
}

void TypeChecker::check_set_operator(const Binary& binary) {
  const VectorMatching& matching = *binary.matching;
  if (matching.cardinality != Cardinality::kManyToMany) {
    complain(binary.position, "no grouping allowed for \"{}\" operation",
             binary_op_text(binary.op));
    complain(binary.position, "set operations must always be many-to-many");
  }
  if (matching.fill_left || matching.fill_right) {
    complain(binary.position, "filling in missing series not allowed for set operators");
  }
}

void TypeChecker::check_selector(const VectorSelector& selector) {
  if (!selector.name.empty()) {
    for (std::size_t i = 0; i + 1 < selector.matchers.size(); ++i) {
      const model::Matcher& matcher = selector.matchers[i];
      if (matcher.name() != model::kMetricName) continue;
      complain(selector.position, "metric name must not be set twice: {} or {}",
               model::quoted(selector.name), model::quoted(matcher.value()));
    }
    return;
  }
  if (selector.may_match_empty) return;
  const bool selective = std::ranges::any_of(
      selector.matchers, [](const model::Matcher& matcher) { return !matcher.matches_empty(); });
  if (!selective) {
    complain(selector.position, "vector selector must contain at least one non-empty matcher");
  }
}

}  // namespace

void check_types(Expr& root, std::string_view text, std::vector<ParseError>& errors) {
  TypeChecker(text, errors).check(root);
}

}  // namespace narthex::promql
