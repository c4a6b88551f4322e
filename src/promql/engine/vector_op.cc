#include "promql/engine/vector_op.h"

#include <algorithm>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/model/metadata.h"

#include "promql/functions/histogram_math.h"

namespace narthex::promql {
namespace {

class DropNamesOp final : public DerivedOp {
 public:
  DropNamesOp(VectorOpPtr input, NameLabels which) : DerivedOp(std::move(input)), which_(which) {}
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return which_ == NameLabels::kAll ? without_name_labels(input().labels(index))
                                      : input().labels(index).without_name();
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return is_dropped(name) ? std::string_view{} : input().label_value(index, name);
  }
  [[nodiscard]] bool loses_name(std::size_t) const noexcept override { return false; }
  [[nodiscard]] bool same_name() const noexcept override { return true; }
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    return input().fill(index, scratch, out);
  }

 private:
  [[nodiscard]] bool is_dropped(std::string_view name) const noexcept {
    return which_ == NameLabels::kAll ? is_name_label(name) : name == model::kMetricName;
  }
  const NameLabels which_;
};

class FlagNamesOp final : public DerivedOp {
 public:
  using DerivedOp::DerivedOp;
  [[nodiscard]] bool loses_name(std::size_t) const noexcept override { return true; }
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    return input().fill(index, scratch, out);
  }
};

class MergeOp final : public LabelledOp {
 public:
  MergeOp(VectorOpPtr input, std::vector<Series> series,
          std::vector<std::vector<std::uint32_t>> members, std::size_t steps, Duplicates duplicates)
      : LabelledOp(std::move(series)),
        input_(std::move(input)),
        members_(std::move(members)),
        steps_(steps),
        duplicates_(duplicates) {}

  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    const std::vector<std::uint32_t>& members = members_[index];
    NX_TRY(input_->fill(members.front(), scratch, out));
    for (std::size_t i = 1; i < members.size(); ++i) {
      auto column = scratch.column(steps_);
      NX_TRY(input_->fill(members[i], scratch, column->ref()));
      const bool clash =
          duplicates_ == Duplicates::kRefuse && !out.empty() && !column->ref().empty();
      if (clash || !merge_column(column->ref(), out))
        return fail_execution(std::string(kSameLabelset));
    }
    return {};
  }

 private:
  VectorOpPtr input_;
  std::vector<std::vector<std::uint32_t>> members_;
  std::size_t steps_;
  Duplicates duplicates_;
};

}  // namespace

bool is_name_label(std::string_view name) noexcept {
  return name == model::kMetricName || name == model::kTypeLabel || name == model::kUnitLabel;
}

model::Labels without_name_labels(const model::Labels& labels) {
  constexpr std::string_view names[] = {model::kMetricName, model::kTypeLabel, model::kUnitLabel};
  return labels.without(names);
}

util::Result<void> MaterializedOp::fill(std::size_t index, Scratch&, ColumnRef out) const {
  copy_column(block_.row(index), out);
  return {};
}

void copy_column(ColumnRef from, ColumnRef to) {
  std::copy_n(from.values(), from.steps(), to.values());
  std::ranges::copy(from.present(), to.present().begin());
  to.histograms() = from.histograms();
}

bool merge_column(ColumnRef from, ColumnRef to) {
  bool clash = false;
  from.for_each_float([&](std::size_t step) {
    clash = clash || to.has_float(step);
    to.set(step, from.values()[step]);
  });
  if (from.histograms().empty() && to.histograms().empty()) return !clash;
  HistogramList merged;
  std::ranges::merge(from.histograms(), to.histograms(), std::back_inserter(merged), {},
                     &HistogramPoint::step, &HistogramPoint::step);
  for (std::size_t i = 0; i < merged.size(); ++i) {
    clash =
        clash || to.has_float(merged[i].step) || (i > 0 && merged[i].step == merged[i - 1].step);
  }
  to.histograms() = std::move(merged);
  return !clash;
}

std::uint64_t samples_worth(ColumnRef column) noexcept {
  std::uint64_t worth = column.float_count();
  for (const HistogramPoint& point : column.histograms()) worth += samples_worth(*point.histogram);
  return worth;
}

util::Result<ChargedBlock> make_block(QueryContext& context, std::size_t rows, std::size_t steps) {
  NX_ASSIGN(BytesCharge charge,
            BytesCharge::take(context.budget, ColumnBlock::bytes_for(rows, steps)));
  return ChargedBlock{ColumnBlock(rows, steps), std::move(charge)};
}

util::Result<std::unique_ptr<MaterializedOp>> materialize(QueryContext& context, const VectorOp& op,
                                                          std::size_t steps) {
  NX_ASSIGN(ChargedBlock storage, make_block(context, op.size(), steps));
  std::vector<LabelledOp::Series> series(op.size());
  const std::uint64_t mark = context.budget.sample_mark();
  std::atomic<std::uint64_t> points{0};
  const auto fill_range = [&](std::size_t, std::size_t begin, std::size_t end,
                              Scratch& scratch) -> util::Result<void> {
    for (std::size_t i = begin; i < end; ++i) {
      NX_TRY(context.check());
      const ColumnRef row = storage.block.row(i);
      NX_TRY(op.fill(i, scratch, row));
      if (row.empty()) continue;
      points.fetch_add(samples_worth(row));
      series[i] = {op.labels(i), op.loses_name(i)};
    }
    return {};
  };
  NX_TRY(for_ranges(context, cut_series(op.size(), steps), fill_range));
  context.budget.release_samples_to(mark);
  NX_TRY(context.budget.charge_samples(points.load()));
  return std::make_unique<MaterializedOp>(std::move(series), std::move(storage.block),
                                          std::move(storage.charge));
}

util::Result<VectorOpPtr> drop_names(QueryContext& context, VectorOpPtr op, std::size_t steps,
                                     Duplicates duplicates, NameLabels which) {
  if (context.options.delayed_name_removal) return std::make_unique<FlagNamesOp>(std::move(op));
  const bool unique = op->same_name();
  VectorOpPtr dropped = std::make_unique<DropNamesOp>(std::move(op), which);
  if (unique) return dropped;
  return merge_duplicates(context, std::move(dropped), steps, duplicates);
}

util::Result<VectorOpPtr> merge_duplicates(QueryContext& context, VectorOpPtr op, std::size_t steps,
                                           Duplicates duplicates) {
  boost::unordered_flat_map<model::Labels, std::uint32_t, model::LabelsHasher> by_labels;
  std::vector<LabelledOp::Series> series;
  std::vector<std::vector<std::uint32_t>> members;
  for (std::size_t i = 0; i < op->size(); ++i) {
    if (i % 1024 == 0) NX_TRY(context.check());
    const model::Labels labels = op->labels(i);
    const auto [it, created] =
        by_labels.try_emplace(labels, static_cast<std::uint32_t>(series.size()));
    if (created) {
      series.push_back({labels, op->loses_name(i)});
      members.emplace_back();
    }
    LabelledOp::Series& merged = series[it->second];
    merged.loses_name = merged.loses_name || op->loses_name(i);
    members[it->second].push_back(static_cast<std::uint32_t>(i));
  }
  if (series.size() == op->size()) return op;
  const MergeOp merged(std::move(op), std::move(series), std::move(members), steps, duplicates);
  // Now, not when somebody asks: a clash is an error even if nobody does.
  return materialize(context, merged, steps);
}

}  // namespace narthex::promql
