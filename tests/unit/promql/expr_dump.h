// A syntax tree as text that shows its shape and everything in it but positions: two trees are
// equal when their dumps are.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/promql/ast.h"

namespace narthex::promql {

inline std::string dump(const Expr& expr);

namespace dump_detail {

inline std::string optional(const Expr* expr) {
  return expr == nullptr ? "-" : dump(*expr);
}

// "(duration 3 …" becomes "(duration 3w …".
inline std::string mark_wrapped(std::string dumped) {
  constexpr std::string_view kHead = "(duration ";
  return dumped.insert(dumped.find(' ', kHead.size()), "w");
}

inline std::string list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += model::quoted(name);
  return "[" + out + "]";
}

inline std::string time(const TimeModifiers& time) {
  return fmt::format("(@{} {} offset {} {})", static_cast<int>(time.at), time.at_timestamp,
                     time.offset.count(), optional(time.offset_expr.get()));
}

inline std::string vector_selector(const VectorSelector& e) {
  std::vector<std::string> matchers;
  for (const model::Matcher& matcher : e.matchers) matchers.push_back(matcher.to_string());
  std::ranges::sort(matchers);  // Printing sorts them too.
  return fmt::format("({}{} {} {} {})", e.name, list(matchers), time(e.time),
                     static_cast<int>(e.extension), e.may_match_empty);
}

inline std::string matching(const std::optional<VectorMatching>& m) {
  if (!m) return "-";
  const auto fill = [](const std::optional<double>& v) { return v ? fmt::format("{}", *v) : "-"; };
  return fmt::format("({} {} {} {} {} {})", static_cast<int>(m->cardinality), m->on,
                     list(m->labels), list(m->include), fill(m->fill_left), fill(m->fill_right));
}

}  // namespace dump_detail

inline std::string dump(const Expr& expr) {
  namespace d = dump_detail;
  switch (expr.kind) {
    case ExprKind::kNumber:
      return fmt::format(
          "{}{}",
          std::fabs(as<NumberLiteral>(expr).value) * (as<NumberLiteral>(expr).value < 0 ? -1 : 1),
          as<NumberLiteral>(expr).is_duration ? "d" : "");
    case ExprKind::kString:
      return model::quoted(as<StringLiteral>(expr).value);
    case ExprKind::kVectorSelector:
      return d::vector_selector(as<VectorSelector>(expr));
    case ExprKind::kMatrixSelector: {
      const auto& e = as<MatrixSelector>(expr);
      return fmt::format("(range {} {} {})", d::vector_selector(*e.selector), e.range.count(),
                         d::optional(e.range_expr.get()));
    }
    case ExprKind::kSubquery: {
      const auto& e = as<Subquery>(expr);
      return fmt::format("(subquery {} {} {} {} {} {})", dump(*e.expr), e.range.count(),
                         d::optional(e.range_expr.get()), e.step.count(),
                         d::optional(e.step_expr.get()), d::time(e.time));
    }
    case ExprKind::kCall: {
      std::string out = fmt::format("(call {}", as<Call>(expr).function->name);
      for (const ExprPtr& arg : as<Call>(expr).args) out += " " + dump(*arg);
      return out + ")";
    }
    case ExprKind::kAggregate: {
      const auto& e = as<Aggregate>(expr);
      return fmt::format("({} {}{} {} {})", aggregate_op_text(e.op), e.without ? "without" : "by",
                         d::list(e.grouping), d::optional(e.param.get()), dump(*e.expr));
    }
    case ExprKind::kBinary: {
      const auto& e = as<Binary>(expr);
      return fmt::format("({}{} {} {} {})", binary_op_text(e.op), e.return_bool ? " bool" : "",
                         d::matching(e.matching), dump(*e.lhs), dump(*e.rhs));
    }
    case ExprKind::kUnary:
      return fmt::format("({} {})", as<Unary>(expr).negative ? "neg" : "pos",
                         dump(*as<Unary>(expr).expr));
    case ExprKind::kParen:
      return fmt::format("(paren {})", dump(*as<Paren>(expr).expr));
    case ExprKind::kDuration: {
      const auto& e = as<DurationExpr>(expr);
      // A plus sign in front changes nothing and is not printed.
      const bool plus = e.op == DurationOp::kAdd && e.lhs == nullptr;
      if (plus && e.rhs->kind == ExprKind::kDuration) {
        const bool wrapped = e.wrapped && !as<DurationExpr>(*e.rhs).wrapped;
        const std::string operand = dump(*e.rhs);
        return wrapped ? d::mark_wrapped(operand) : operand;
      }
      return fmt::format("(duration {}{} {} {})", static_cast<int>(e.op), e.wrapped ? "w" : "",
                         d::optional(e.lhs.get()), d::optional(e.rhs.get()));
    }
  }
  return "?";
}

}  // namespace narthex::promql
