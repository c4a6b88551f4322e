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

bool has_selector(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kVectorSelector:
    case ExprKind::kMatrixSelector:
    case ExprKind::kSubquery:
      return true;
    case ExprKind::kParen:
      return has_selector(*as<Paren>(expr).expr);
    case ExprKind::kUnary:
      return has_selector(*as<Unary>(expr).expr);
    case ExprKind::kAggregate:
      return has_selector(*as<Aggregate>(expr).expr);
    case ExprKind::kBinary:
      return has_selector(*as<Binary>(expr).lhs) || has_selector(*as<Binary>(expr).rhs);
    case ExprKind::kCall:
      return std::ranges::any_of(as<Call>(expr).args,
                                 [](const ExprPtr& argument) { return has_selector(*argument); });
    default:
      return false;
  }
}

// Anchored and smoothed ranges are for functions that know boundaries.
util::Result<void> check_extension(const Call& call) {
  for (const ExprPtr& argument : call.args) {
    const auto* matrix = as_if<MatrixSelector>(&unwrap_parens(*argument));
    if (matrix == nullptr || matrix->selector->extension == Extension::kNone) continue;
    const Extension extension = matrix->selector->extension;
    if (extends(call.function->id, extension)) continue;
    const bool anchored = extension == Extension::kAnchored;
    return fail_execution(fmt::format(
        "{} modifier can only be used with: {} - not with {}", anchored ? "anchored" : "smoothed",
        anchored ? "changes, delta, increase, rate, resets" : "delta, increase, rate",
        call.function->name));
  }
  return {};
}

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
  return refs_of(time, RefGrid{grid.start, grid.step_ms, grid.count});
}

util::Result<RefGrid> Plan::refs_of(const TimeModifiers& time, const RefGrid& outer) const {
  std::int64_t offset_ms = time.offset.count();
  if (time.offset_expr) {
    NX_ASSIGN(offset_ms, evaluate_duration(context_, *time.offset_expr));
  }
  switch (time.at) {
    case AtKind::kNone:
      return RefGrid{model::sub_saturated(outer.start, offset_ms), outer.step_ms, outer.count};
    case AtKind::kTimestamp:
      return RefGrid{model::sub_saturated(time.at_timestamp, offset_ms), 0, outer.count};
    case AtKind::kStart:
      return RefGrid{model::sub_saturated(context_.grid.start, offset_ms), 0, outer.count};
    case AtKind::kEnd:
      return RefGrid{model::sub_saturated(context_.end, offset_ms), 0, outer.count};
  }
  return RefGrid{};
}

model::TimeRange Plan::fetch_range(const RefGrid& refs, std::int64_t window_ms,
                                   Extension extension) const noexcept {
  model::TimestampMs last = refs.count == 0 ? refs.start : refs.at(refs.count - 1);
  if (extension == Extension::kSmoothed) last = model::add_saturated(last, context_.lookback_ms);
  return {model::add_saturated(model::sub_saturated(refs.start, window_ms), 1), last};
}

util::Result<StepGrid> Plan::subquery_grid(const Subquery& subquery, const StepGrid& grid) const {
  NX_ASSIGN(const RefGrid refs, refs_of(subquery.time, grid));
  NX_ASSIGN(const std::int64_t range_ms,
            positive_duration(subquery.range_expr.get(), subquery.range.count()));
  NX_ASSIGN(std::int64_t step_ms,
            positive_duration(subquery.step_expr.get(), subquery.step.count()));
  if (step_ms == 0) step_ms = context_.subquery_step_ms;
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

util::Result<void> Plan::announce_matrix(const MatrixSelector& matrix, const StepGrid& grid) {
  const VectorSelector& selector = *matrix.selector;
  NX_ASSIGN(const RefGrid refs, refs_of(selector.time, grid));
  NX_ASSIGN(const std::int64_t range_ms,
            positive_duration(matrix.range_expr.get(), matrix.range.count()));
  const std::int64_t reach_ms = selector.extension == Extension::kNone ? 0 : context_.lookback_ms;
  selections_.announce(
      selector.matchers,
      fetch_range(refs, model::add_saturated(range_ms, reach_ms), selector.extension));
  return {};
}

util::Result<RefGrid> Plan::first_refs(const Expr& expr, const RefGrid& outer) const {
  switch (expr.kind) {
    case ExprKind::kVectorSelector:
      return refs_of(as<VectorSelector>(expr).time, outer);
    case ExprKind::kMatrixSelector:
      return refs_of(as<MatrixSelector>(expr).selector->time, outer);
    case ExprKind::kSubquery: {
      NX_ASSIGN(const RefGrid refs, refs_of(as<Subquery>(expr).time, outer));
      return first_refs(*as<Subquery>(expr).expr, refs);
    }
    case ExprKind::kParen:
      return first_refs(*as<Paren>(expr).expr, outer);
    case ExprKind::kUnary:
      return first_refs(*as<Unary>(expr).expr, outer);
    case ExprKind::kAggregate:
      return first_refs(*as<Aggregate>(expr).expr, outer);
    case ExprKind::kBinary: {
      const auto& binary = as<Binary>(expr);
      return first_refs(has_selector(*binary.lhs) ? *binary.lhs : *binary.rhs, outer);
    }
    case ExprKind::kCall: {
      for (const ExprPtr& argument : as<Call>(expr).args) {
        if (has_selector(*argument)) return first_refs(*argument, outer);
      }
      return outer;
    }
    default:
      return outer;
  }
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
      NX_ASSIGN(const RefGrid refs, refs_of(selector.time, grid));
      selections_.announce(selector.matchers,
                           fetch_range(refs, context_.lookback_ms, selector.extension));
      return {};
    }
    case ExprKind::kMatrixSelector:
      return announce_matrix(as<MatrixSelector>(expr), grid);
    case ExprKind::kSubquery: {
      NX_ASSIGN(const StepGrid inner, subquery_grid(as<Subquery>(expr), grid));
      return announce(*as<Subquery>(expr).expr, inner);
    }
    case ExprKind::kParen:
      return announce(*as<Paren>(expr).expr, grid);
    case ExprKind::kUnary:
      return announce(*as<Unary>(expr).expr, grid);
    case ExprKind::kBinary: {
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
      const auto& call = as<Call>(expr);
      NX_TRY(check_extension(call));
      // The second argument of info() says which series to look up, once the first is known.
      const bool is_info = call.function->id == FunctionId::kInfo;
      for (std::size_t i = 0; i < (is_info ? 1 : call.args.size()); ++i) {
        NX_TRY(announce(*call.args[i], grid));
      }
      return {};
    }
  }
  return {};
}

util::Result<VectorOpPtr> Plan::vector(const Expr& expr, const StepGrid& grid) {
  if (computes_once(expr, grid)) {
    const Override once_for_all(counts_for_, counts_for_once());
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
    const Extension extension = matrix->selector->extension;
    std::optional<ExtendedRange> extended;
    if (extension != Extension::kNone) extended = ExtendedRange{extension, context_.lookback_ms};
    const std::int64_t reach_ms = extended ? extended->lookback_ms : 0;
    NX_ASSIGN(
        const Selection* selection,
        selections_.get(context_, matchers,
                        fetch_range(refs, model::add_saturated(range_ms, reach_ms), extension)));
    // Boundaries are interpolated between whole histograms.
    const HistogramDetail detail = extended ? HistogramDetail::kAll : detail_;
    return Range{make_matrix_source(context_, *selection, names_one_metric(matchers), detail),
                 {refs.start, refs.step_ms, grid.count, range_ms, grid},
                 extended};
  }
  const auto& subquery = as<Subquery>(bare);
  NX_ASSIGN(const RefGrid refs, refs_of(subquery.time, grid));
  NX_ASSIGN(const std::int64_t range_ms,
            positive_duration(subquery.range_expr.get(), subquery.range.count()));
  NX_ASSIGN(const StepGrid inner, subquery_grid(subquery, grid));
  const Override counted_by_windows(counts_for_, CountsFor::kNoStep);
  NX_ASSIGN(VectorOpPtr op, vector(*subquery.expr, inner));
  return Range{make_subquery_source(std::move(op), inner),
               {refs.start, refs.step_ms, grid.count, range_ms, grid}};
}

util::Result<VectorOpPtr> Plan::selector(const VectorSelector& selector, const StepGrid& grid,
                                         SelectorValue what) {
  NX_ASSIGN(const RefGrid refs, refs_of(selector.time, grid));
  NX_ASSIGN(const Selection* selection,
            selections_.get(context_, selector.matchers,
                            fetch_range(refs, context_.lookback_ms, selector.extension)));
  const bool same_name = names_one_metric(selector.matchers);
  if (selector.extension == Extension::kSmoothed && what == SelectorValue::kValue) {
    return make_smoothed_selector(context_, *selection, same_name, refs, selector.position,
                                  tally());
  }
  return make_instant_selector(context_, *selection, same_name, refs, {what, detail_}, tally());
}

util::Result<VectorOpPtr> Plan::unary(const Unary& unary, const StepGrid& grid) {
  NX_ASSIGN(VectorOpPtr input, vector(*unary.expr, grid));
  if (!unary.negative) return input;
  return drop_names(context_, make_negation(std::move(input)), grid.count, Duplicates::kMergeSteps);
}

util::Result<VectorOpPtr> Plan::binary(const Binary& binary, const StepGrid& grid) {
  // Operators may look at buckets.
  const Override whole(detail_, HistogramDetail::kAll);
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
    const Override once_for_all(counts_for_, counts_for_once());
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
