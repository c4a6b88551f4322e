#include "promql/engine/query_weight.h"

#include <algorithm>

#include "narthex/model/timestamp.h"

namespace narthex::promql {
namespace {

constexpr std::int64_t kLightReachMs = 2 * std::int64_t{3600} * 1000;

// How long before a step the farthest selector looks, in ms. Ranges that are expressions count
// with what the parser made of them, nothing at worst.
std::int64_t reach_ms(const Expr& expr) noexcept {
  switch (expr.kind) {
    case ExprKind::kMatrixSelector:
      return as<MatrixSelector>(expr).range.count();
    case ExprKind::kSubquery: {
      const auto& subquery = as<Subquery>(expr);
      return model::add_saturated(reach_ms(*subquery.expr), subquery.range.count());
    }
    case ExprKind::kCall: {
      std::int64_t farthest = 0;
      for (const ExprPtr& arg : as<Call>(expr).args) farthest = std::max(farthest, reach_ms(*arg));
      return farthest;
    }
    case ExprKind::kAggregate:
      return reach_ms(*as<Aggregate>(expr).expr);
    case ExprKind::kBinary: {
      const auto& binary = as<Binary>(expr);
      return std::max(reach_ms(*binary.lhs), reach_ms(*binary.rhs));
    }
    case ExprKind::kUnary:
      return reach_ms(*as<Unary>(expr).expr);
    case ExprKind::kParen:
      return reach_ms(*as<Paren>(expr).expr);
    case ExprKind::kNumber:
    case ExprKind::kString:
    case ExprKind::kDuration:
    case ExprKind::kVectorSelector:
      break;
  }
  return 0;
}

}  // namespace

QueryWeight weigh(const Expr& expr, const StepGrid& grid) noexcept {
  const std::int64_t steps_ms = grid.count == 0 ? 0 : model::sub_saturated(grid.last(), grid.start);
  return model::add_saturated(steps_ms, reach_ms(expr)) > kLightReachMs ? QueryWeight::kHeavy
                                                                        : QueryWeight::kLight;
}

}  // namespace narthex::promql
