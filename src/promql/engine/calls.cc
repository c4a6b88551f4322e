// Plan's function calls on instant vectors: which operator each function is.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/model/regex.h"
#include "narthex/util/check.h"

#include "promql/engine/elementwise.h"
#include "promql/engine/histogram_functions.h"
#include "promql/engine/info.h"
#include "promql/engine/plan.h"
#include "promql/engine/range_function.h"
#include "promql/engine/sorting.h"

namespace narthex::promql {
namespace {

constexpr double kMillisecondsPerSecond = 1000.0;

// 1 at each step whose bit is not set.
class AbsentOp final : public LabelledOp {
 public:
  AbsentOp(model::Labels labels, std::vector<std::uint64_t> present)
      : LabelledOp({Series{std::move(labels), false}}), present_(std::move(present)) {}
  util::Result<void> fill(std::size_t, Scratch&, ColumnRef out) const override {
    for (std::size_t step = 0; step < out.steps(); ++step) {
      if ((present_[step / 64] >> (step % 64) & 1U) == 0) out.set(step, 1);
    }
    return {};
  }

 private:
  std::vector<std::uint64_t> present_;
};

// What is known about the series that are not there: labels that one equality matcher names.
model::Labels absent_labels(const Expr& argument) {
  const Expr& bare = unwrap_parens(argument);
  const VectorSelector* selector = as_if<VectorSelector>(&bare);
  if (const auto* matrix = as_if<MatrixSelector>(&bare)) selector = matrix->selector.get();
  model::LabelsBuilder builder;
  if (selector == nullptr) return builder.build();
  const auto matchers_of = [&](const std::string& name) {
    return std::ranges::count_if(selector->matchers,
                                 [&](const model::Matcher& m) { return m.name() == name; });
  };
  for (const model::Matcher& matcher : selector->matchers) {
    const bool certain = matcher.op() == model::MatchOp::kEqual && matchers_of(matcher.name()) == 1;
    if (certain && matcher.name() != model::kMetricName)
      builder.set(matcher.name(), matcher.value());
  }
  return builder.build();
}

util::Result<std::vector<std::uint64_t>> presence_of(QueryContext& context, const VectorOp& op,
                                                     std::size_t steps) {
  std::vector<std::uint64_t> present(presence_words(steps));
  const ScratchPool::Loan loan = context.scratches.take();
  Scratch& scratch = *loan;
  for (std::size_t i = 0; i < op.size(); ++i) {
    NX_TRY(context.check());
    auto column = scratch.column(steps);
    NX_TRY(op.fill(i, scratch, column->ref()));
    const auto words = column->ref().present();
    for (std::size_t w = 0; w < present.size(); ++w) present[w] |= words[w];
    for (const HistogramPoint& point : column->ref().histograms()) {
      present[point.step / 64] |= std::uint64_t{1} << (point.step % 64);
    }
  }
  return present;
}

// No series at all.
class NothingOp final : public LabelledOp {
 public:
  NothingOp() : LabelledOp({}) {}
  util::Result<void> fill(std::size_t, Scratch&, ColumnRef) const override { return {}; }
};

// The evaluation time wherever the input has anything.
class EvaluationTimeOp final : public DerivedOp {
 public:
  EvaluationTimeOp(VectorOpPtr input, const StepGrid& grid)
      : DerivedOp(std::move(input)), grid_(grid) {}
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    NX_TRY(input().fill(index, scratch, out));
    for (const HistogramPoint& point : out.histograms()) out.set(point.step, 0);
    out.histograms().clear();
    map_floats(out, [this](double, std::size_t step) {
      return static_cast<double>(grid_.at(step)) / kMillisecondsPerSecond;
    });
    return {};
  }

 private:
  StepGrid grid_;
};

// Other labels, the same values.
class RelabelledOp final : public LabelledOp {
 public:
  RelabelledOp(VectorOpPtr input, std::vector<Series> series, BytesCharge charge)
      : LabelledOp(std::move(series)), input_(std::move(input)), charge_(std::move(charge)) {}
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    return input_->fill(index, scratch, out);
  }

 private:
  VectorOpPtr input_;
  BytesCharge charge_;  // Of the labels.
};

// Nested calls can double a label's length each time: an error long before memory ends.
util::Result<void> check_label_bytes(std::uint64_t bytes) {
  if (bytes <= model::kLabelBytesMax) return {};
  return fail_execution(fmt::format("label value of {} bytes is too long, the limit is {}", bytes,
                                    model::kLabelBytesMax));
}

// Rewrites the label `destination` of every series to change(labels), where that is not nullopt.
template <class Change>
util::Result<VectorOpPtr> relabel(QueryContext& context, VectorOpPtr input, std::size_t steps,
                                  const std::string& destination, Change change) {
  std::vector<LabelledOp::Series> series;
  BytesCharge charge;
  series.reserve(input->size());
  for (std::size_t i = 0; i < input->size(); ++i) {
    NX_TRY(context.check());
    LabelledOp::Series one{input->labels(i), input->loses_name(i)};
    NX_ASSIGN(const std::optional<std::string> value, change(one.labels));
    if (value) {
      model::LabelsBuilder builder(one.labels);
      builder.set(destination, *value);
      one.labels = builder.build();
      if (destination == model::kMetricName) one.loses_name = false;
    }
    // Once more as keys, when equal ones are looked for.
    NX_TRY(charge.grow(context.budget, sizeof one + 2 * one.labels.bytes().size()));
    series.push_back(std::move(one));
  }
  auto relabelled =
      std::make_unique<RelabelledOp>(std::move(input), std::move(series), std::move(charge));
  return merge_duplicates(context, std::move(relabelled), steps, Duplicates::kMergeSteps);
}

util::Result<VectorOpPtr> label_replace(QueryContext& context, const Call& call, VectorOpPtr input,
                                        std::size_t steps) {
  const std::string destination = Plan::string(*call.args[1]);
  const std::string replacement = Plan::string(*call.args[2]);
  const std::string source = Plan::string(*call.args[3]);
  const std::string pattern = Plan::string(*call.args[4]);
  const auto regex = model::Regex::compile(pattern);
  if (!regex) return fail_execution("invalid regular expression in label_replace(): " + pattern);
  if (!model::is_valid_label_name(destination, model::NameScheme::kUtf8)) {
    return fail_execution("invalid destination label name in label_replace(): " + destination);
  }
  const auto groups = static_cast<std::uint64_t>(std::ranges::count(replacement, '$'));
  using Value = util::Result<std::optional<std::string>>;
  return relabel(context, std::move(input), steps, destination,
                 [&](const model::Labels& labels) -> Value {
                   const std::string_view text = labels.get(source);
                   NX_TRY(check_label_bytes(replacement.size() + groups * text.size()));
                   return regex->expand(text, replacement);
                 });
}

util::Result<VectorOpPtr> label_join(QueryContext& context, const Call& call, VectorOpPtr input,
                                     std::size_t steps) {
  const std::string destination = Plan::string(*call.args[1]);
  const std::string separator = Plan::string(*call.args[2]);
  std::vector<std::string> sources;
  for (std::size_t i = 3; i < call.args.size(); ++i) sources.push_back(Plan::string(*call.args[i]));
  for (const std::string& source : sources) {
    if (!model::is_valid_label_name(source, model::NameScheme::kUtf8)) {
      return fail_execution("invalid source label name in label_join(): " + source);
    }
  }
  if (!model::is_valid_label_name(destination, model::NameScheme::kUtf8)) {
    return fail_execution("invalid destination label name in label_join(): " + destination);
  }
  using Value = util::Result<std::optional<std::string>>;
  const auto join = [&](const model::Labels& labels) -> Value {
    std::uint64_t bytes = separator.size() * sources.size();
    for (const std::string& name : sources) bytes += labels.get(name).size();
    NX_TRY(check_label_bytes(bytes));
    std::string joined;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (i > 0) joined += separator;
      joined += labels.get(sources[i]);
    }
    return std::optional<std::string>(std::move(joined));
  };
  return relabel(context, std::move(input), steps, destination, join);
}

bool is_date_function(FunctionId id) noexcept {
  using enum FunctionId;
  return id == kDayOfMonth || id == kDayOfWeek || id == kDayOfYear || id == kDaysInMonth ||
         id == kHour || id == kMinute || id == kMonth || id == kYear;
}

}  // namespace

util::Result<VectorOpPtr> Plan::call(const Call& call, const StepGrid& grid) {
  using enum FunctionId;
  const FunctionId id = call.function->id;
  if (is_range_function(id)) return range_call(call, grid);
  switch (id) {
    case kVector: {
      NX_ASSIGN(ScalarColumn values, scalar(*call.args[0], grid));
      return make_scalar_vector(std::move(values));
    }
    case kAbsent:
    case kAbsentOverTime:
      return absent_call(call, grid);
    case kInfo:
      return info_call(call, grid);
    case kTimestamp:
    case kStartTimestamp:
      return timestamp_call(call, grid);
    case kLabelReplace:
    case kLabelJoin:
      return label_call(call, grid);
    case kSort:
    case kSortDesc:
    case kSortByLabel:
    case kSortByLabelDesc:
      return sort_call(call, grid);
    case kHistogramQuantile:
    case kHistogramQuantiles:
    case kHistogramFraction:
    case kHistogramCount:
    case kHistogramSum:
    case kHistogramAvg:
    case kHistogramStddev:
    case kHistogramStdvar:
      return histogram_call(call, grid);
    default:
      break;
  }
  if (is_elementwise_function(id)) return elementwise_call(call, grid);
  NX_CHECK(false, "function {} gives no vector", call.function->name);
}

util::Result<VectorOpPtr> Plan::range_call(const Call& call, const StepGrid& grid) {
  RangeCall spec{.function = call.function->id, .tally = tally()};
  const Expr* vector_argument = nullptr;
  for (const ExprPtr& argument : call.args) {
    if (value_type(*argument) == ValueType::kMatrix) {
      vector_argument = argument.get();
      continue;
    }
    NX_ASSIGN(ScalarColumn values, scalar(*argument, grid));
    if (spec.first.empty()) {
      spec.first = std::move(values);
      spec.parameter = argument->position;
    } else {
      spec.second = std::move(values);
    }
  }
  spec.argument = vector_argument->position;
  NX_ASSIGN(Range input, range(*vector_argument, grid));
  spec.extended = input.extended;
  const bool keeps_name = range_function_keeps_name(spec.function);
  NX_ASSIGN(VectorOpPtr op,
            make_range_function(context_, std::move(input.source), input.windows, std::move(spec)));
  if (keeps_name) return op;
  return drop_names(context_, std::move(op), grid.count, Duplicates::kRefuse);
}

util::Result<VectorOpPtr> Plan::absent_call(const Call& call, const StepGrid& grid) {
  const Expr& argument = *call.args[0];
  const std::uint64_t mark = context_.budget.sample_mark();
  std::vector<std::uint64_t> present;
  if (call.function->id == FunctionId::kAbsentOverTime) {
    NX_ASSIGN(const Range input, range(argument, grid));
    NX_ASSIGN(present, presence_in_windows(context_, *input.source, input.windows, tally()));
  } else {
    NX_ASSIGN(const VectorOpPtr input, vector(argument, grid));
    NX_ASSIGN(present, presence_of(context_, *input, grid.count));
  }
  context_.budget.release_samples_to(mark);
  return std::make_unique<AbsentOp>(absent_labels(argument), std::move(present));
}

util::Result<VectorOpPtr> Plan::timestamp_call(const Call& call, const StepGrid& grid) {
  const Expr& bare = unwrap_parens(*call.args[0]);
  VectorOpPtr op;
  const bool wants_start = call.function->id == FunctionId::kStartTimestamp;
  if (wants_start &&
      (bare.kind != ExprKind::kVectorSelector || !context_.options.use_start_timestamps))
    return std::make_unique<NothingOp>();
  if (const auto* selected = as_if<VectorSelector>(&bare)) {
    NX_ASSIGN(op,
              selector(*selected, grid,
                       wants_start ? SelectorValue::kStartTimestamp : SelectorValue::kTimestamp));
  } else {
    NX_ASSIGN(VectorOpPtr input, vector(*call.args[0], grid));
    op = std::make_unique<EvaluationTimeOp>(std::move(input), grid);
  }
  return drop_names(context_, std::move(op), grid.count, Duplicates::kMergeSteps);
}

util::Result<VectorOpPtr> Plan::info_call(const Call& call, const StepGrid& grid) {
  NX_ASSIGN(const InfoMatchers matchers,
            info_matchers(call.args.size() > 1 ? call.args[1].get() : nullptr));
  const std::uint64_t mark = context_.budget.sample_mark();
  NX_ASSIGN(VectorOpPtr input, vector(*call.args[0], grid));
  NX_ASSIGN(const auto base, materialize(context_, *input, grid.count));
  input.reset();
  // The info series are read at the times at which the base series were.
  NX_ASSIGN(const RefGrid refs, first_refs(*call.args[0], {grid.start, grid.step_ms, grid.count}));
  model::Matchers wanted = matchers.name;
  wanted.insert(wanted.end(), matchers.data.begin(), matchers.data.end());
  NX_ASSIGN(const Selection* selection,
            selections_.open_now(context_, std::move(wanted),
                                 fetch_range(refs, context_.lookback_ms, Extension::kNone)));
  const InfoSeries info{
      make_instant_selector(context_, *selection, false, refs, {SelectorValue::kValue}, tally()),
      make_instant_selector(context_, *selection, false, refs, {SelectorValue::kTimestamp},
                            SampleTally(context_.samples, CountsFor::kNoStep))};
  NX_ASSIGN(VectorOpPtr joined, make_info(context_, matchers, *base, info, grid.count));
  context_.budget.release_samples_to(mark);
  return joined;
}

util::Result<VectorOpPtr> Plan::label_call(const Call& call, const StepGrid& grid) {
  NX_ASSIGN(VectorOpPtr input, vector(*call.args[0], grid));
  if (call.function->id == FunctionId::kLabelReplace) {
    return label_replace(context_, call, std::move(input), grid.count);
  }
  return label_join(context_, call, std::move(input), grid.count);
}

util::Result<VectorOpPtr> Plan::elementwise_call(const Call& call, const StepGrid& grid) {
  const FunctionId id = call.function->id;
  if (call.args.empty()) {
    NX_CHECK(is_date_function(id), "{}() without arguments", call.function->name);
    ScalarColumn times(grid.count);
    for (std::size_t step = 0; step < grid.count; ++step) {
      times[step] = static_cast<double>(grid.at(step)) / kMillisecondsPerSecond;
    }
    return make_elementwise(id, make_scalar_vector(std::move(times)), {});
  }
  NX_ASSIGN(VectorOpPtr input, vector(*call.args[0], grid));
  std::vector<ScalarColumn> arguments;
  for (std::size_t i = 1; i < call.args.size(); ++i) {
    NX_ASSIGN(ScalarColumn values, scalar(*call.args[i], grid));
    arguments.push_back(std::move(values));
  }
  return drop_names(context_, make_elementwise(id, std::move(input), std::move(arguments)),
                    grid.count, Duplicates::kMergeSteps);
}

util::Result<VectorOpPtr> Plan::sort_call(const Call& call, const StepGrid& grid) {
  using enum FunctionId;
  const FunctionId id = call.function->id;
  if (context_.is_range) {
    context_.annotations.warn(
        call.position,
        "sort is ineffective for range queries since results are always ordered by labels");
  }
  const std::uint64_t mark = context_.budget.sample_mark();
  NX_ASSIGN(VectorOpPtr input, vector(*call.args[0], grid));
  const SortOrder order =
      id == kSortDesc || id == kSortByLabelDesc ? SortOrder::kDescending : SortOrder::kAscending;
  if (id == kSort || id == kSortDesc)
    return sort_by_value(context_, std::move(input), grid.count, order, mark);
  std::vector<std::string> names;
  for (std::size_t i = 1; i < call.args.size(); ++i) names.push_back(string(*call.args[i]));
  return sort_by_label(std::move(input), std::move(names), order);
}

util::Result<VectorOpPtr> Plan::histogram_call(const Call& call, const StepGrid& grid) {
  const FunctionId id = call.function->id;
  const bool totals = id == FunctionId::kHistogramCount || id == FunctionId::kHistogramSum ||
                      id == FunctionId::kHistogramAvg;
  const Override scope(detail_, totals ? HistogramDetail::kTotals : HistogramDetail::kAll);
  return make_histogram_function(context_, *this, call, grid);
}

}  // namespace narthex::promql
