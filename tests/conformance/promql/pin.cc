#include "conformance/promql/pin.h"

#include <algorithm>
#include <array>

#include "narthex/promql/printer.h"

namespace narthex::conformance {
namespace {

using namespace narthex::promql;  // NOLINT(google-build-using-namespace): every name here is one of
                                  // its.

bool depends_on_time(FunctionId function) {
  using enum FunctionId;
  constexpr std::array kFunctions = {
      kDaysInMonth,      kDayOfMonth, kDayOfWeek, kDayOfYear,     kEnd,   kHour,
      kMinute,           kMonth,      kYear,      kPredictLinear, kRange, kStart,
      FunctionId::kStep, kTime,       kTimestamp};
  return std::ranges::find(kFunctions, function) != kFunctions.end();
}

void pin_time(TimeModifiers& modifiers, model::TimestampMs time) {
  if (modifiers.at != AtKind::kNone) return;
  modifiers.at = AtKind::kTimestamp;
  modifiers.at_timestamp = time;
}

// False: depends on the time. `inside` a pinned subquery nothing changes any more.
bool pin(Expr& expr, model::TimestampMs time, bool inside) {
  switch (expr.kind) {
    case ExprKind::kVectorSelector:
      if (!inside) pin_time(as<VectorSelector>(expr).time, time);
      return true;
    case ExprKind::kMatrixSelector:
      if (!inside) pin_time(as<MatrixSelector>(expr).selector->time, time);
      return true;
    case ExprKind::kSubquery:
      if (!inside) pin_time(as<Subquery>(expr).time, time);
      return pin(*as<Subquery>(expr).expr, time, true);
    case ExprKind::kCall:
      return !depends_on_time(as<Call>(expr).function->id) &&
             std::ranges::all_of(as<Call>(expr).args,
                                 [&](ExprPtr& arg) { return pin(*arg, time, inside); });
    case ExprKind::kAggregate: {
      auto& aggregate = as<Aggregate>(expr);
      return (aggregate.param == nullptr || pin(*aggregate.param, time, inside)) &&
             pin(*aggregate.expr, time, inside);
    }
    case ExprKind::kBinary:
      return pin(*as<Binary>(expr).lhs, time, inside) && pin(*as<Binary>(expr).rhs, time, inside);
    case ExprKind::kUnary:
      return pin(*as<Unary>(expr).expr, time, inside);
    case ExprKind::kParen:
      return pin(*as<Paren>(expr).expr, time, inside);
    case ExprKind::kNumber:
    case ExprKind::kString:
    case ExprKind::kDuration:
      break;
  }
  return true;
}

}  // namespace

std::optional<std::string> pinned(const Expr& expr, model::TimestampMs time) {
  const ExprPtr copy = clone(expr);
  if (!pin(*copy, time, false)) return std::nullopt;
  return to_string(*copy);
}

}  // namespace narthex::conformance
