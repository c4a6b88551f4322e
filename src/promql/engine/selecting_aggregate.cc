#include "promql/engine/selecting_aggregate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/hash.h"
#include "narthex/util/number.h"

#include "promql/engine/grouping.h"
#include "promql/functions/column_math.h"
#include "promql/functions/histogram_math.h"

namespace narthex::promql {
namespace {

std::string general(double value) {
  std::string out;
  util::append_general(out, value);
  return out;
}

// k of each step: truncated, at most `series_count`; 0 selects nothing.
util::Result<std::vector<std::uint32_t>> counts_from(const std::vector<double>& param,
                                                     std::size_t series_count) {
  constexpr double kInt64Limit = 9223372036854775808.0;
  std::vector<std::uint32_t> counts(param.size());
  for (std::size_t step = 0; step < param.size(); ++step) {
    const double k = param[step];
    if (std::isnan(k)) return fail_execution("Parameter value is NaN");
    if (k <= -kInt64Limit)
      return fail_execution(fmt::format("Scalar value {} underflows int64", general(k)));
    if (k >= kInt64Limit)
      return fail_execution(fmt::format("Scalar value {} overflows int64", general(k)));
    counts[step] =
        k < 1 ? 0 : static_cast<std::uint32_t>(std::min(k, static_cast<double>(series_count)));
  }
  return counts;
}

void inform_ignored(QueryContext& context, const Aggregate& aggregate) {
  context.annotations.inform(
      aggregate.expr->position,
      fmt::format("ignored histogram in {} aggregation", aggregate_op_text(aggregate.op)));
}

// --- topk, bottomk ---

struct Candidate {
  double value;
  std::uint32_t series;
};

// The best k of one step: a heap with the worst in front.
class Best {
 public:
  explicit Best(bool largest) : largest_(largest) {}

  void offer(const Candidate& candidate, std::size_t k) {
    const auto better = [this](const Candidate& a, const Candidate& b) { return is_better(a, b); };
    if (heap_.size() < k) {
      heap_.push_back(candidate);
      std::ranges::push_heap(heap_, better);
      return;
    }
    if (k == 0 || !is_better(candidate, heap_.front())) return;
    std::ranges::pop_heap(heap_, better);
    heap_.back() = candidate;
    std::ranges::push_heap(heap_, better);
  }
  // Best first.
  std::vector<Candidate> take_sorted() {
    std::ranges::sort(heap_,
                      [this](const Candidate& a, const Candidate& b) { return is_better(a, b); });
    return std::move(heap_);
  }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

 private:
  // NaN is worse than anything; of equals, the series that came first is better.
  [[nodiscard]] bool is_better(const Candidate& a, const Candidate& b) const noexcept {
    if (std::isnan(a.value) || std::isnan(b.value)) {
      if (std::isnan(a.value) != std::isnan(b.value)) return std::isnan(b.value);
    } else if (a.value != b.value) {
      return largest_ == (a.value > b.value);
    }
    return a.series < b.series;
  }

  bool largest_;
  std::vector<Candidate> heap_;
};

struct Selected {
  std::uint32_t series;
  std::uint32_t step;
  double value;
};

class TopK {
 public:
  TopK(QueryContext& context, const Aggregate& aggregate, const AggregateInput& input,
       std::size_t steps)
      : context_(context), aggregate_(aggregate), input_(input), steps_(steps) {}

  util::Result<VectorOpPtr> run(std::uint64_t mark) {
    NX_ASSIGN(counts_, counts_from(input_.param, input_.op->size()));
    NX_ASSIGN(grouping_, group_series(context_, aggregate_, *input_.op));
    std::vector<std::vector<Selected>> by_group(grouping_.count());
    const auto body = [&](std::size_t, std::size_t begin, std::size_t end,
                          Scratch& scratch) -> util::Result<void> {
      for (std::size_t g = begin; g < end; ++g) {
        NX_TRY(select(g, scratch, by_group[g]));
      }
      return {};
    };
    // A group is one piece of work: its heaps see its series in order.
    NX_TRY(for_ranges(context_,
                      Cut{grouping_.count(), std::min<std::size_t>(grouping_.count(), 64)}, body));
    return assemble(by_group, mark);
  }

 private:
  util::Result<void> select(std::size_t group, Scratch& scratch, std::vector<Selected>& out) {
    std::vector<Best> best(steps_, Best(aggregate_.op == AggregateOp::kTopk));
    const std::span members(grouping_.members.begin() + grouping_.group_begin[group],
                            grouping_.members.begin() + grouping_.group_begin[group + 1]);
    const std::uint32_t k_max = *std::ranges::max_element(counts_);
    const std::uint64_t held_max =
        std::uint64_t{std::min<std::uint64_t>(k_max, members.size())} * steps_;
    NX_ASSIGN(const BytesCharge charge,
              BytesCharge::take(context_.budget, held_max * sizeof(Candidate)));
    for (const std::uint32_t member : members) {
      NX_TRY(context_.check());
      auto column = scratch.column(steps_);
      const ColumnRef row = column->ref();
      NX_TRY(input_.op->fill(member, scratch, row));
      row.for_each_float(
          [&](std::size_t step) { best[step].offer({row.values()[step], member}, counts_[step]); });
      if (!row.histograms().empty()) inform_ignored(context_, aggregate_);
    }
    for (std::size_t step = 0; step < steps_; ++step) {
      for (const Candidate& candidate : best[step].take_sorted()) {
        out.push_back({candidate.series, static_cast<std::uint32_t>(step), candidate.value});
      }
    }
    return {};
  }

  // One row for each series that was selected at some step. With one step, rows stay in order of
  // value.
  util::Result<VectorOpPtr> assemble(const std::vector<std::vector<Selected>>& by_group,
                                     std::uint64_t mark) {
    std::vector<std::uint32_t> row_of(input_.op->size(), std::numeric_limits<std::uint32_t>::max());
    std::vector<LabelledOp::Series> series;
    std::uint64_t points = 0;
    for (const std::vector<Selected>& selected : by_group) {
      points += selected.size();
      for (const Selected& point : selected) {
        if (row_of[point.series] != std::numeric_limits<std::uint32_t>::max()) continue;
        row_of[point.series] = static_cast<std::uint32_t>(series.size());
        series.push_back({input_.op->labels(point.series), input_.op->loses_name(point.series)});
      }
    }
    NX_ASSIGN(ChargedBlock out, make_block(context_, series.size(), steps_));
    for (const std::vector<Selected>& selected : by_group) {
      for (const Selected& point : selected)
        out.block.row(row_of[point.series]).set(point.step, point.value);
    }
    context_.budget.release_samples_to(mark);
    NX_TRY(context_.budget.charge_samples(points));
    return std::make_unique<MaterializedOp>(std::move(series), std::move(out.block),
                                            std::move(out.charge));
  }

  QueryContext& context_;
  const Aggregate& aggregate_;
  const AggregateInput& input_;
  const std::size_t steps_;
  std::vector<std::uint32_t> counts_;
  Grouping grouping_;
};

// --- limitk, limit_ratio ---

// Removes the points of the steps for which keep(step) is false.
template <class Keep>
void filter_points(ColumnRef column, Keep keep) {
  filter_floats(column, [&](double, std::size_t step) { return keep(step); });
  std::erase_if(column.histograms(),
                [&](const HistogramPoint& point) { return !keep(point.step); });
}

util::Result<VectorOpPtr> make_limitk(QueryContext& context, const Aggregate& aggregate,
                                      AggregateInput input, std::size_t steps, std::uint64_t mark) {
  NX_ASSIGN(const std::vector<std::uint32_t> counts, counts_from(input.param, input.op->size()));
  const std::uint32_t k_max = *std::ranges::max_element(counts);
  NX_ASSIGN(const Grouping grouping, group_series(context, aggregate, *input.op));
  std::vector<LabelledOp::Series> series;
  std::vector<std::unique_ptr<Column>> columns;
  const ScratchPool::Loan loan = context.scratches.take();
  Scratch& scratch = *loan;
  std::uint64_t points = 0;
  for (std::size_t g = 0; g < grouping.count() && k_max > 0; ++g) {
    std::vector<std::uint32_t> taken(steps, 0);
    for (std::size_t at = grouping.group_begin[g]; at < grouping.group_begin[g + 1]; ++at) {
      NX_TRY(context.check());
      const bool full = std::ranges::equal(taken, counts, std::ranges::greater_equal{});
      if (full) break;
      const std::uint32_t member = grouping.members[at];
      auto column = std::make_unique<Column>(steps);
      NX_TRY(input.op->fill(member, scratch, column->ref()));
      filter_points(column->ref(), [&](std::size_t step) { return taken[step]++ < counts[step]; });
      if (column->ref().empty()) continue;
      NX_TRY(context.budget.charge_bytes(ColumnBlock::bytes_for(1, steps)));
      points += samples_worth(column->ref());
      series.push_back({input.op->labels(member), input.op->loses_name(member)});
      columns.push_back(std::move(column));
    }
  }
  NX_ASSIGN(ChargedBlock out, make_block(context, series.size(), steps));
  for (std::size_t i = 0; i < columns.size(); ++i) copy_column(columns[i]->ref(), out.block.row(i));
  context.budget.release_bytes(ColumnBlock::bytes_for(1, steps) * columns.size());
  context.budget.release_samples_to(mark);
  NX_TRY(context.budget.charge_samples(points));
  return std::make_unique<MaterializedOp>(std::move(series), std::move(out.block),
                                          std::move(out.charge));
}

// A fixed share of all series, by a hash of their labels: the same ones whatever their values.
class LimitRatioOp final : public DerivedOp {
 public:
  LimitRatioOp(VectorOpPtr input, std::vector<double> ratios)
      : DerivedOp(std::move(input)), ratios_(std::move(ratios)) {}
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    NX_TRY(input().fill(index, scratch, out));
    constexpr double kHashEnd = 18446744073709551616.0;
    const double place = static_cast<double>(util::xxh64(input().labels(index).bytes())) / kHashEnd;
    filter_points(out, [&](std::size_t step) {
      const double ratio = ratios_[step];
      return ratio >= 0 ? place < ratio : place >= 1 + ratio;
    });
    return {};
  }

 private:
  std::vector<double> ratios_;  // In [-1, 1].
};

util::Result<VectorOpPtr> make_limit_ratio(QueryContext& context, const Aggregate& aggregate,
                                           AggregateInput input) {
  for (double& ratio : input.param) {
    if (std::isnan(ratio)) return fail_execution("Ratio value is NaN");
    if (ratio >= -1 && ratio <= 1) continue;
    const double capped = ratio > 0 ? 1 : -1;
    context.annotations.warn(
        aggregate.param->position,
        fmt::format("ratio value should be between -1 and 1, got {}, capping to {}", general(ratio),
                    general(capped)));
    ratio = capped;
  }
  return std::make_unique<LimitRatioOp>(std::move(input.op), std::move(input.param));
}

// --- count_values ---

class CountValues {
 public:
  CountValues(QueryContext& context, const AggregateInput& input, std::size_t steps)
      : context_(context), input_(input), steps_(steps) {}

  util::Result<VectorOpPtr> run(const Grouping& grouping, std::uint64_t mark) {
    const ScratchPool::Loan loan = context_.scratches.take();
    Scratch& scratch = *loan;
    for (std::size_t i = 0; i < input_.op->size(); ++i) {
      NX_TRY(context_.check());
      auto column = scratch.column(steps_);
      const ColumnRef row = column->ref();
      NX_TRY(input_.op->fill(i, scratch, row));
      if (row.empty()) continue;
      NX_TRY(count(grouping.labels[grouping.group_of[i]], input_.op->loses_name(i), row));
    }
    NX_ASSIGN(ChargedBlock out, make_block(context_, series_.size(), steps_));
    std::uint64_t points = 0;
    for (std::size_t r = 0; r < counts_.size(); ++r) {
      for (std::size_t step = 0; step < steps_; ++step) {
        if (counts_[r][step] == 0) continue;
        out.block.row(r).set(step, counts_[r][step]);
        ++points;
      }
    }
    context_.budget.release_samples_to(mark);
    NX_TRY(context_.budget.charge_samples(points));
    return std::make_unique<MaterializedOp>(std::move(series_), std::move(out.block),
                                            std::move(out.charge));
  }

 private:
  util::Result<void> count(const model::Labels& group, bool loses_name, ColumnRef row) {
    util::Result<void> outcome;
    const auto count_one = [&](std::size_t step, const std::string& text) {
      if (!outcome) return;
      auto target = row_for(group, loses_name, text);
      if (target) {
        (**target)[step] += 1;
      } else {
        outcome = std::unexpected(std::move(target).error());
      }
    };
    row.for_each_float([&](std::size_t step) {
      text_.clear();
      util::append_plain(text_, row.values()[step]);
      count_one(step, text_);
    });
    for (const HistogramPoint& point : row.histograms())
      count_one(point.step, histogram_text(*point.histogram));
    return outcome;
  }

  util::Result<std::vector<double>*> row_for(const model::Labels& group, bool loses_name,
                                             const std::string& text) {
    model::LabelsBuilder builder(group);
    builder.set(input_.label, text);
    model::Labels labels = builder.build();
    const auto [it, created] =
        rows_.try_emplace(labels, static_cast<std::uint32_t>(series_.size()));
    if (created) {
      NX_ASSIGN(BytesCharge charge, BytesCharge::take(context_.budget, steps_ * sizeof(double) +
                                                                           labels.bytes().size()));
      charges_.push_back(std::move(charge));
      series_.push_back({std::move(labels), false});
      counts_.emplace_back(steps_, 0.0);
    }
    series_[it->second].loses_name = series_[it->second].loses_name || loses_name;
    return &counts_[it->second];
  }

  QueryContext& context_;
  const AggregateInput& input_;
  const std::size_t steps_;
  std::string text_;
  boost::unordered_flat_map<model::Labels, std::uint32_t, model::LabelsHasher> rows_;
  std::vector<LabelledOp::Series> series_;
  std::vector<std::vector<double>> counts_;
  std::vector<BytesCharge> charges_;
};

}  // namespace

util::Result<VectorOpPtr> make_selecting_aggregate(QueryContext& context,
                                                   const Aggregate& aggregate, AggregateInput input,
                                                   const StepGrid& grid, std::uint64_t mark) {
  if (grid.count == 0) return std::move(input.op);
  switch (aggregate.op) {
    case AggregateOp::kLimitk:
      return make_limitk(context, aggregate, std::move(input), grid.count, mark);
    case AggregateOp::kLimitRatio:
      return make_limit_ratio(context, aggregate, std::move(input));
    case AggregateOp::kCountValues: {
      if (!model::is_valid_label_name(input.label, model::NameScheme::kUtf8)) {
        return fail_execution("invalid label name " + model::quoted(input.label));
      }
      NX_ASSIGN(const Grouping grouping, group_series(context, aggregate, *input.op));
      return CountValues(context, input, grid.count).run(grouping, mark);
    }
    default:
      return TopK(context, aggregate, input, grid.count).run(mark);
  }
}

}  // namespace narthex::promql
