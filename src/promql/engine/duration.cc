// Arithmetic on durations: computed once per query, in seconds.
#include <cmath>

#include <fmt/format.h>

#include "promql/engine/plan.h"
#include "promql/functions/column_math.h"

namespace narthex::promql {
namespace {

constexpr double kMillisecondsPerSecond = 1000.0;

std::unexpected<util::Error> fail_at(const Expr& expr, std::string_view what) {
  return fail_execution(fmt::format("{}:{}: {}", expr.position.start, expr.position.end, what));
}

double step_seconds(const QueryContext& context) {
  return context.is_range ? static_cast<double>(context.grid.step_ms) / kMillisecondsPerSecond : 0;
}

util::Result<double> seconds_of(const QueryContext& context, const Expr& expr);

util::Result<double> apply(const QueryContext& context, const DurationExpr& expr) {
  if (expr.op == DurationOp::kStep) return step_seconds(context);
  if (expr.op == DurationOp::kRange) {
    return static_cast<double>(context.end - context.grid.start) / kMillisecondsPerSecond;
  }
  NX_ASSIGN(const double right, seconds_of(context, *expr.rhs));
  if (!expr.lhs) return expr.op == DurationOp::kSub ? -right : right;
  NX_ASSIGN(const double left, seconds_of(context, *expr.lhs));
  switch (expr.op) {
    case DurationOp::kAdd:
      return left + right;
    case DurationOp::kSub:
      return left - right;
    case DurationOp::kMul:
      return left * right;
    case DurationOp::kDiv:
      if (right == 0) return fail_at(expr, "division by zero");
      return left / right;
    case DurationOp::kMod:
      if (right == 0) return fail_at(expr, "modulo by zero");
      return std::fmod(left, right);
    case DurationOp::kPow:
      return std::pow(left, right);
    case DurationOp::kMinOf:
      return min_with_nan(left, right);
    case DurationOp::kMaxOf:
      return max_with_nan(left, right);
    default:
      break;
  }
  return left;
}

util::Result<double> seconds_of(const QueryContext& context, const Expr& expr) {
  if (const auto* number = as_if<NumberLiteral>(&expr)) return number->value;
  return apply(context, as<DurationExpr>(expr));
}

}  // namespace

util::Result<std::int64_t> evaluate_duration(const QueryContext& context,
                                             const DurationExpr& expr) {
  // A duration has to fit in 64 bits of nanoseconds.
  constexpr double kSecondsMax = 9223372036.854775;
  NX_ASSIGN(const double seconds, apply(context, expr));
  if (!std::isfinite(seconds)) return fail_at(expr, "duration is NaN or infinite");
  if (std::fabs(seconds) > kSecondsMax) return fail_at(expr, "duration is out of range");
  return static_cast<std::int64_t>(seconds * kMillisecondsPerSecond);
}

}  // namespace narthex::promql
