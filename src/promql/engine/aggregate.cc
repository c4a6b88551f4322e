#include "promql/engine/aggregate.h"

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/mutex.h"

#include "promql/engine/accumulators.h"
#include "promql/engine/grouping.h"
#include "promql/engine/selecting_aggregate.h"

namespace narthex::promql {
namespace {

// Folds each group into one column. Members are visited group by group; a range of them that begins
// or ends inside a group leaves a partial state behind, and those are merged in order.
class Fold {
 public:
  Fold(QueryContext& context, const Aggregate& aggregate, const AggregateInput& input,
       Grouping grouping, std::size_t steps)
      : context_(context),
        aggregate_(aggregate),
        input_(input),
        grouping_(std::move(grouping)),
        steps_(steps),
        cut_(cut_series(grouping_.members.size(), steps)),
        partials_(cut_.ranges),
        loses_name_(grouping_.count()) {}

  util::Result<VectorOpPtr> run(std::uint64_t mark) {
    NX_ASSIGN(out_, make_block(context_, grouping_.count(), steps_));
    const auto body = [this](std::size_t range, std::size_t begin, std::size_t end,
                             Scratch& scratch) { return fold_range(range, begin, end, scratch); };
    NX_TRY(for_ranges(context_, cut_, body));
    merge_partials();
    annotate();
    std::vector<LabelledOp::Series> series(grouping_.count());
    std::uint64_t points = 0;
    for (std::size_t g = 0; g < grouping_.count(); ++g) {
      series[g] = {std::move(grouping_.labels[g]), loses_name_[g].load() != 0};
      points += samples_worth(out_.block.row(g));
    }
    context_.budget.release_samples_to(mark);
    NX_TRY(context_.budget.charge_samples(points));
    return std::make_unique<MaterializedOp>(std::move(series), std::move(out_.block),
                                            std::move(out_.charge));
  }

 private:
  struct Partial {
    std::uint32_t group;
    std::unique_ptr<Accumulator> state;
  };

  util::Result<void> fold_range(std::size_t range, std::size_t begin, std::size_t end,
                                Scratch& scratch) {
    std::unique_ptr<Accumulator> state;
    BytesCharge charge;
    AggregateNotes notes;
    for (std::size_t at = begin; at < end;) {
      const std::uint32_t group = grouping_.group_of[grouping_.members[at]];
      const std::size_t group_end = grouping_.group_begin[group + 1];
      const std::size_t stop = std::min<std::size_t>(end, group_end);
      if (state) {
        state->reset();
      } else {
        state = make_accumulator(aggregate_.op, steps_, input_.param);
      }
      if (state->bytes_per_column() > 0) {
        NX_ASSIGN(charge,
                  BytesCharge::take(context_.budget, state->bytes_per_column() * (stop - at)));
      }
      NX_TRY(fold_members(*state, group, at, stop, scratch));
      const bool whole = at == grouping_.group_begin[group] && stop == group_end;
      if (whole) {
        state->finish(out_.block.row(group), notes);
      } else {
        partials_[range].push_back({group, std::move(state)});
        const util::MutexLock lock(mutex_);
        charges_.push_back(std::move(charge));
      }
      at = stop;
    }
    add_notes(notes);
    return {};
  }

  util::Result<void> fold_members(Accumulator& state, std::uint32_t group, std::size_t begin,
                                  std::size_t end, Scratch& scratch) {
    for (std::size_t at = begin; at < end; ++at) {
      NX_TRY(context_.check());
      const std::uint32_t member = grouping_.members[at];
      auto column = scratch.column(steps_);
      NX_TRY(input_.op->fill(member, scratch, column->ref()));
      if (column->ref().empty()) continue;
      state.add(column->ref());
      if (input_.op->loses_name(member)) loses_name_[group].store(1);
    }
    return {};
  }

  void merge_partials() {
    AggregateNotes notes;
    std::unique_ptr<Accumulator> merged;
    std::uint32_t group = 0;
    const auto flush = [&] {
      if (merged) merged->finish(out_.block.row(group), notes);
    };
    for (std::vector<Partial>& of_range : partials_) {
      for (Partial& partial : of_range) {
        if (merged && partial.group == group) {
          merged->merge(*partial.state);
          continue;
        }
        flush();
        merged = std::move(partial.state);
        group = partial.group;
      }
    }
    flush();
    add_notes(notes);
  }

  void add_notes(const AggregateNotes& notes) {
    const util::MutexLock lock(mutex_);
    notes_.histograms_ignored = notes_.histograms_ignored || notes.histograms_ignored;
    notes_.mixed_kinds = notes_.mixed_kinds || notes.mixed_kinds;
    notes_.mixed_schemas = notes_.mixed_schemas || notes.mixed_schemas;
    notes_.bounds_reconciled = notes_.bounds_reconciled || notes.bounds_reconciled;
    notes_.conflicting_resets = notes_.conflicting_resets || notes.conflicting_resets;
  }

  void annotate() {
    const util::MutexLock lock(mutex_);
    const Position where = aggregate_.expr->position;
    AnnotationSink& sink = context_.annotations;
    if (notes_.histograms_ignored) {
      sink.inform(where, fmt::format("ignored histogram in {} aggregation",
                                     aggregate_op_text(aggregate_.op)));
    }
    if (notes_.mixed_kinds)
      sink.warn(where, "encountered a mix of histograms and floats for aggregation");
    if (notes_.mixed_schemas) {
      const std::string_view name = input_.op->size() > 0
                                        ? input_.op->label_value(0, model::kMetricName)
                                        : std::string_view{};
      sink.warn(where, fmt::format("vector contains a mix of histograms with exponential and "
                                   "custom buckets schemas for metric name {}",
                                   model::quoted(name)));
    }
    if (notes_.bounds_reconciled)
      sink.inform(where, "mismatched custom buckets were reconciled during aggregation");
    if (notes_.conflicting_resets)
      sink.warn(where, "conflicting counter resets during histogram aggregation");
  }

  QueryContext& context_;
  const Aggregate& aggregate_;
  const AggregateInput& input_;
  Grouping grouping_;
  const std::size_t steps_;
  const Cut cut_;
  ChargedBlock out_;
  std::vector<std::vector<Partial>> partials_;         // By range.
  std::vector<std::atomic<std::uint8_t>> loses_name_;  // By group.
  util::Mutex mutex_;
  std::vector<BytesCharge> charges_ NX_GUARDED_BY(mutex_);  // Of partial states.
  AggregateNotes notes_ NX_GUARDED_BY(mutex_);
};

void warn_odd_quantiles(QueryContext& context, const Aggregate& aggregate,
                        const std::vector<double>& quantiles) {
  for (const double q : quantiles) {
    if (!(q >= 0 && q <= 1)) context.annotations.warn_quantile(aggregate.param->position, q);
  }
}

}  // namespace

util::Result<VectorOpPtr> make_aggregate(QueryContext& context, const Aggregate& aggregate,
                                         AggregateInput input, const StepGrid& grid,
                                         std::uint64_t mark) {
  switch (aggregate.op) {
    case AggregateOp::kTopk:
    case AggregateOp::kBottomk:
    case AggregateOp::kLimitk:
    case AggregateOp::kLimitRatio:
    case AggregateOp::kCountValues:
      return make_selecting_aggregate(context, aggregate, std::move(input), grid, mark);
    default:
      break;
  }
  if (aggregate.op == AggregateOp::kQuantile) warn_odd_quantiles(context, aggregate, input.param);
  NX_ASSIGN(Grouping grouping, group_series(context, aggregate, *input.op));
  return Fold(context, aggregate, input, std::move(grouping), grid.count).run(mark);
}

}  // namespace narthex::promql
