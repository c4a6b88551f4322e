#include "promql/engine/plan.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "narthex/util/check.h"

#include "promql/engine/aggregate.h"
#include "promql/engine/binary.h"
#include "promql/engine/elementwise.h"
#include "promql/engine/range_function.h"

namespace narthex::promql {
namespace {

constexpr double kMillisecondsPerSecond = 1000.0;

// Their value depends on the evaluation time even when all their arguments are pinned (PQ-E4).
bool depends_on_time(FunctionId id) noexcept {
  constexpr std::array kFunctions = {
      FunctionId::kDaysInMonth, FunctionId::kDayOfMonth, FunctionId::kDayOfWeek,
      FunctionId::kDayOfYear,   FunctionId::kHour,       FunctionId::kMinute,
      FunctionId::kMonth,       FunctionId::kYear,       FunctionId::kPredictLinear,
      FunctionId::kTime,        FunctionId::kTimestamp,  FunctionId::kStartTimestamp,
      FunctionId::kStart,       FunctionId::kEnd,        FunctionId::kStep,
      FunctionId::kRange};
  return std::ranges::find(kFunctions, id) != kFunctions.end();
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b < 0 ? 1 : 0);
}

// One column for all steps.
class RepeatOp final : public DerivedOp {
 public:
  using DerivedOp::DerivedOp;
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    auto column = scratch.column(1);
    const ColumnRef once = column->ref();
    NX_TRY(input().fill(index, scratch, once));
    if (once.has_float(0)) {
      std::fill_n(out.values(), out.steps(), once.values()[0]);
      out.set_all_present();
    } else if (!once.histograms().empty()) {
      for (std::size_t step = 0; step < out.steps(); ++step)
        out.add(step, once.histograms().front().histogram);
    }
    return {};
  }
};

// vector(s), and what has no series behind it.
class ScalarVectorOp final : public LabelledOp {
 public:
  explicit ScalarVectorOp(ScalarColumn values)
      : LabelledOp({Series{}}), values_(std::move(values)) {}
  util::Result<void> fill(std::size_t, Scratch&, ColumnRef out) const override {
    std::ranges::copy(values_, out.values());
    out.set_all_present();
    return {};
  }

 private:
  ScalarColumn values_;
};

bool names_one_metric(const model::Matchers& matchers) {
  return std::ranges::any_of(matchers, [](const model::Matcher& m) {
    return m.op() == model::MatchOp::kEqual && m.name() == model::kMetricName && !m.value().empty();
  });
}

}  // namespace

VectorOpPtr make_scalar_vector(ScalarColumn values) {
  return std::make_unique<ScalarVectorOp>(std::move(values));
}

bool Plan::is_invariant(const Expr& expr) const {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
    case ExprKind::kDuration:
      return true;
    case ExprKind::kVectorSelector:
      return as<VectorSelector>(expr).time.at != AtKind::kNone;
    case ExprKind::kMatrixSelector:
      return as<MatrixSelector>(expr).selector->time.at != AtKind::kNone;
    case ExprKind::kSubquery:
      return as<Subquery>(expr).time.at != AtKind::kNone;
    case ExprKind::kParen:
      return is_invariant(*as<Paren>(expr).expr);
    case ExprKind::kUnary:
      return is_invariant(*as<Unary>(expr).expr);
    case ExprKind::kBinary:
      return is_invariant(*as<Binary>(expr).lhs) && is_invariant(*as<Binary>(expr).rhs);
    case ExprKind::kAggregate: {
      const auto& aggregate = as<Aggregate>(expr);
      return is_invariant(*aggregate.expr) && (!aggregate.param || is_invariant(*aggregate.param));
    }
    case ExprKind::kCall: {
      const auto& call = as<Call>(expr);
      const bool bare_timestamp =
          call.function->id == FunctionId::kTimestamp && !call.args.empty() &&
          unwrap_parens(*call.args.front()).kind == ExprKind::kVectorSelector;
      if (depends_on_time(call.function->id) && !bare_timestamp) return false;
      return std::ranges::all_of(call.args,
                                 [this](const ExprPtr& arg) { return is_invariant(*arg); });
    }
  }
  return false;
}

bool Plan::computes_once(const Expr& expr, const StepGrid& grid) const {
  return grid.count > 1 && is_invariant(expr);
}

util::Result<std::int64_t> Plan::positive_duration(const DurationExpr* expr,
                                                   std::int64_t literal_ms) const {
  if (expr == nullptr) return literal_ms;
  NX_ASSIGN(const std::int64_t ms, evaluate_duration(context_, *expr));
  if (ms <= 0) {
    return fail_execution(fmt::format("{}:{}: duration must be greater than 0",
                                      expr->position.start, expr->position.end));
  }
  return ms;
}

util::Result<RefGrid> Plan::refs_of(const TimeModifiers& time, const StepGrid& grid) const {
  std::int64_t offset_ms = time.offset.count();
  if (time.offset_expr) {
    NX_ASSIGN(offset_ms, evaluate_duration(context_, *time.offset_expr));
  }
  switch (time.at) {
    case AtKind::kNone:
      return RefGrid{model::sub_saturated(grid.start, offset_ms), grid.step_ms, grid.count};
    case AtKind::kTimestamp:
      return RefGrid{model::sub_saturated(time.at_timestamp, offset_ms), 0, grid.count};
    case AtKind::kStart:
      return RefGrid{model::sub_saturated(context_.grid.start, offset_ms), 0, grid.count};
    case AtKind::kEnd:
      return RefGrid{model::sub_saturated(context_.end, offset_ms), 0, grid.count};
  }
  return RefGrid{};
}

model::TimeRange Plan::fetch_range(const RefGrid& refs, std::int64_t window_ms) const noexcept {
  const model::TimestampMs last = refs.count == 0 ? refs.start : refs.at(refs.count - 1);
  return {model::add_saturated(model::sub_saturated(refs.start, window_ms), 1), last};
}

util::Result<StepGrid> Plan::subquery_grid(const Subquery& subquery, const StepGrid& grid) const {
  NX_ASSIGN(const RefGrid refs, refs_of(subquery.time, grid));
  NX_ASSIGN(const std::int64_t range_ms,
            positive_duration(subquery.range_expr.get(), subquery.range.count()));
  NX_ASSIGN(std::int64_t step_ms,
            positive_duration(subquery.step_expr.get(), subquery.step.count()));
  if (step_ms == 0) step_ms = context_.options.subquery_step_default.count();
  const model::TimestampMs before = model::sub_saturated(refs.start, range_ms);
  const model::TimestampMs last = refs.count == 0 ? refs.start : refs.at(refs.count - 1);
  // The smallest multiple of the step after `before`; beyond the end of time there is none.
  model::TimestampMs first = 0;
  const bool beyond = __builtin_mul_overflow(floor_divide(before, step_ms) + 1, step_ms, &first);
  const std::uint64_t width = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first);
  const std::size_t count =
      beyond || first > last ? 0 : width / static_cast<std::uint64_t>(step_ms) + 1;
  // Columns of that length must be affordable before anyone asks for the first.
  const std::uint64_t column_bytes = ColumnBlock::bytes_for(1, count);
  NX_ASSIGN(const BytesCharge probe, BytesCharge::take(context_.budget, column_bytes));
  return StepGrid{first, step_ms, count};
}

util::Result<void> Plan::announce(const Expr& root) {
  return announce(root, context_.grid);
}

util::Result<void> Plan::announce(const Expr& expr, const StepGrid& outer) {
  const StepGrid grid =
      computes_once(expr, outer) ? StepGrid{outer.start, outer.step_ms, 1} : outer;
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kString:
    case ExprKind::kDuration:
      return {};
    case ExprKind::kVectorSelector: {
      const auto& selector = as<VectorSelector>(expr);
      if (selector.extension != Extension::kNone) {
        return util::fail(util::Code::kUnsupported,
                          "anchored and smoothed selectors are not supported yet");
      }
      NX_ASSIGN(const RefGrid refs, refs_of(selector.time, grid));
      selections_.announce(selector.matchers, fetch_range(refs, context_.lookback_ms));
      return {};
    }
    case ExprKind::kMatrixSelector: {
      const auto& matrix = as<MatrixSelector>(expr);
      if (matrix.selector->extension != Extension::kNone) {
        return util::fail(util::Code::kUnsupported,
                          "anchored and smoothed selectors are not supported yet");
      }
      NX_ASSIGN(const RefGrid refs, refs_of(matrix.selector->time, grid));
      NX_ASSIGN(const std::int64_t range_ms,
                positive_duration(matrix.range_expr.get(), matrix.range.count()));
      selections_.announce(matrix.selector->matchers, fetch_range(refs, range_ms));
      return {};
    }
    case ExprKind::kSubquery: {
      NX_ASSIGN(const StepGrid inner, subquery_grid(as<Subquery>(expr), grid));
      return announce(*as<Subquery>(expr).expr, inner);
    }
    case ExprKind::kParen:
      return announce(*as<Paren>(expr).expr, grid);
    case ExprKind::kUnary:
      return announce(*as<Unary>(expr).expr, grid);
    case ExprKind::kBinary: {
      if (is_trim(as<Binary>(expr).op)) {
        return util::fail(util::Code::kUnsupported,
                          "the operators </ and >/ are not supported yet");
      }
      NX_TRY(announce(*as<Binary>(expr).lhs, grid));
      return announce(*as<Binary>(expr).rhs, grid);
    }
    case ExprKind::kAggregate: {
      const auto& aggregate = as<Aggregate>(expr);
      if (aggregate.param) {
        NX_TRY(announce(*aggregate.param, grid));
      }
      return announce(*aggregate.expr, grid);
    }
    case ExprKind::kCall: {
      for (const ExprPtr& arg : as<Call>(expr).args) {
        NX_TRY(announce(*arg, grid));
      }
      return {};
    }
  }
  return {};
}

util::Result<VectorOpPtr> Plan::vector(const Expr& expr, const StepGrid& grid) {
  if (computes_once(expr, grid)) {
    NX_ASSIGN(VectorOpPtr once, vector(expr, StepGrid{grid.start, grid.step_ms, 1}));
    return std::make_unique<RepeatOp>(std::move(once));
  }
  switch (expr.kind) {
    case ExprKind::kParen:
      return vector(*as<Paren>(expr).expr, grid);
    case ExprKind::kVectorSelector:
      return selector(as<VectorSelector>(expr), grid, SelectorValue::kValue);
    case ExprKind::kCall:
      return call(as<Call>(expr), grid);
    case ExprKind::kAggregate:
      return aggregate(as<Aggregate>(expr), grid);
    case ExprKind::kBinary:
      return binary(as<Binary>(expr), grid);
    case ExprKind::kUnary:
      return unary(as<Unary>(expr), grid);
    default:
      break;
  }
  NX_CHECK(false, "expression of kind {} is no vector", static_cast<int>(expr.kind));
}

std::string Plan::string(const Expr& expr) {
  return as<StringLiteral>(unwrap_parens(expr)).value;
}

util::Result<Plan::Range> Plan::range(const Expr& expr, const StepGrid& grid) {
  const Expr& bare = unwrap_parens(expr);
  if (const auto* matrix = as_if<MatrixSelector>(&bare)) {
    NX_ASSIGN(const RefGrid refs, refs_of(matrix->selector->time, grid));
    NX_ASSIGN(const std::int64_t range_ms,
              positive_duration(matrix->range_expr.get(), matrix->range.count()));
    const model::Matchers& matchers = matrix->selector->matchers;
    NX_ASSIGN(const Selection* selection,
              selections_.get(context_, matchers, fetch_range(refs, range_ms)));
    return Range{make_matrix_source(context_, *selection, names_one_metric(matchers)),
                 {refs.start, refs.step_ms, grid.count, range_ms, grid}};
  }
  const auto& subquery = as<Subquery>(bare);
  NX_ASSIGN(const RefGrid refs, refs_of(subquery.time, grid));
  NX_ASSIGN(const std::int64_t range_ms,
            positive_duration(subquery.range_expr.get(), subquery.range.count()));
  NX_ASSIGN(const StepGrid inner, subquery_grid(subquery, grid));
  NX_ASSIGN(VectorOpPtr op, vector(*subquery.expr, inner));
  return Range{make_subquery_source(std::move(op), inner),
               {refs.start, refs.step_ms, grid.count, range_ms, grid}};
}

util::Result<VectorOpPtr> Plan::selector(const VectorSelector& selector, const StepGrid& grid,
                                         SelectorValue what) {
  NX_ASSIGN(const RefGrid refs, refs_of(selector.time, grid));
  NX_ASSIGN(const Selection* selection,
            selections_.get(context_, selector.matchers, fetch_range(refs, context_.lookback_ms)));
  return make_instant_selector(context_, *selection, names_one_metric(selector.matchers), refs,
                               what);
}

util::Result<VectorOpPtr> Plan::unary(const Unary& unary, const StepGrid& grid) {
  NX_ASSIGN(VectorOpPtr input, vector(*unary.expr, grid));
  if (!unary.negative) return input;
  return drop_names(context_, make_negation(std::move(input)), grid.count, Duplicates::kMergeSteps);
}

util::Result<VectorOpPtr> Plan::binary(const Binary& binary, const StepGrid& grid) {
  const bool left_is_vector = value_type(*binary.lhs) == ValueType::kVector;
  const bool right_is_vector = value_type(*binary.rhs) == ValueType::kVector;
  if (left_is_vector && right_is_vector) {
    NX_ASSIGN(VectorOpPtr left, vector(*binary.lhs, grid));
    NX_ASSIGN(VectorOpPtr right, vector(*binary.rhs, grid));
    if (is_set_operator(binary.op)) {
      return make_set_operation(context_, binary, std::move(left), std::move(right), grid.count);
    }
    return make_vector_matching(context_, binary, std::move(left), std::move(right), grid.count);
  }
  NX_ASSIGN(VectorOpPtr input, vector(left_is_vector ? *binary.lhs : *binary.rhs, grid));
  NX_ASSIGN(ScalarColumn number, scalar(left_is_vector ? *binary.rhs : *binary.lhs, grid));
  const bool keeps_name = (is_comparison(binary.op) && !binary.return_bool) || is_trim(binary.op);
  VectorOpPtr op = make_vector_scalar(context_, binary, std::move(input), std::move(number),
                                      left_is_vector ? ScalarSide::kRight : ScalarSide::kLeft);
  if (keeps_name) return op;
  return drop_names(context_, std::move(op), grid.count, Duplicates::kMergeSteps);
}

util::Result<VectorOpPtr> Plan::aggregate(const Aggregate& aggregate, const StepGrid& grid) {
  AggregateInput input;
  if (aggregate.op == AggregateOp::kCountValues) {
    input.label = string(*aggregate.param);
  } else if (aggregate.param) {
    NX_ASSIGN(input.param, scalar(*aggregate.param, grid));
  }
  const std::uint64_t mark = context_.budget.sample_mark();
  NX_ASSIGN(input.op, vector(*aggregate.expr, grid));
  return make_aggregate(context_, aggregate, std::move(input), grid, mark);
}

util::Result<ScalarColumn> Plan::scalar(const Expr& expr, const StepGrid& grid) {
  if (computes_once(expr, grid) && expr.kind != ExprKind::kNumber) {
    NX_ASSIGN(const ScalarColumn once, scalar(expr, StepGrid{grid.start, grid.step_ms, 1}));
    return ScalarColumn(grid.count, once.front());
  }
  switch (expr.kind) {
    case ExprKind::kNumber:
      return ScalarColumn(grid.count, as<NumberLiteral>(expr).value);
    case ExprKind::kParen:
      return scalar(*as<Paren>(expr).expr, grid);
    case ExprKind::kUnary: {
      NX_ASSIGN(ScalarColumn values, scalar(*as<Unary>(expr).expr, grid));
      if (as<Unary>(expr).negative) {
        for (double& value : values) value = -value;
      }
      return values;
    }
    case ExprKind::kBinary: {
      const auto& binary = as<Binary>(expr);
      NX_ASSIGN(ScalarColumn left, scalar(*binary.lhs, grid));
      NX_ASSIGN(const ScalarColumn right, scalar(*binary.rhs, grid));
      apply_scalars(binary.op, left, right);
      return left;
    }
    case ExprKind::kCall:
      return scalar_call(as<Call>(expr), grid);
    default:
      break;
  }
  NX_CHECK(false, "expression of kind {} is no scalar", static_cast<int>(expr.kind));
}

util::Result<ScalarColumn> Plan::scalar_call(const Call& call, const StepGrid& grid) {
  ScalarColumn out(grid.count);
  const auto seconds = [](std::int64_t ms) {
    return static_cast<double>(ms) / kMillisecondsPerSecond;
  };
  switch (call.function->id) {
    case FunctionId::kPi:
      std::ranges::fill(out, M_PI);
      return out;
    case FunctionId::kTime:
      for (std::size_t step = 0; step < grid.count; ++step) out[step] = seconds(grid.at(step));
      return out;
    case FunctionId::kStart:
      std::ranges::fill(out, seconds(context_.grid.start));
      return out;
    case FunctionId::kEnd:
      std::ranges::fill(out, seconds(context_.end));
      return out;
    case FunctionId::kStep:
      std::ranges::fill(out, context_.is_range ? seconds(context_.grid.step_ms) : 0);
      return out;
    case FunctionId::kRange:
      std::ranges::fill(out, seconds(context_.end - context_.grid.start));
      return out;
    case FunctionId::kMaxOf:
    case FunctionId::kMinOf: {
      NX_ASSIGN(const ScalarColumn left, scalar(*call.args[0], grid));
      NX_ASSIGN(const ScalarColumn right, scalar(*call.args[1], grid));
      const bool want_max = call.function->id == FunctionId::kMaxOf;
      for (std::size_t step = 0; step < grid.count; ++step) {
        out[step] = want_max ? max_with_nan(left[step], right[step])
                             : min_with_nan(left[step], right[step]);
      }
      return out;
    }
    case FunctionId::kScalar: {
      const std::uint64_t mark = context_.budget.sample_mark();
      NX_ASSIGN(const VectorOpPtr op, vector(*call.args[0], grid));
      return only_float(context_, *op, grid.count, mark);
    }
    default:
      break;
  }
  NX_CHECK(false, "function {} is no scalar", call.function->name);
}

}  // namespace narthex::promql
