// Operators. One stands for a part of the plan and is worth a set of series; each series' column is
// computed when somebody asks for it, straight from its inputs' columns, so that a chain such as
// rate → abs → sum holds one series at a time. Operators that must see all of their input first
// (aggregations, sorting) do that when they are made.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/promql/column.h"
#include "narthex/util/result.h"

#include "promql/engine/budget.h"
#include "promql/engine/context.h"
#include "promql/engine/scratch.h"

namespace narthex::promql {

// The labels of a set of series. Threads: immutable once made.
class SeriesLabels {
 public:
  virtual ~SeriesLabels() = default;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  [[nodiscard]] virtual model::Labels labels(std::size_t index) const = 0;
  // Valid for the life of this object. Cheaper than labels() where few labels matter.
  [[nodiscard]] virtual std::string_view label_value(std::size_t index,
                                                     std::string_view name) const = 0;
  // Delayed name removal: the name is still there, and will go at the end.
  [[nodiscard]] virtual bool loses_name(std::size_t index) const noexcept = 0;
  // All series have the same metric name, type and unit, or none; so dropping them cannot make two
  // series alike.
  [[nodiscard]] virtual bool same_name() const noexcept = 0;
};

class VectorOp : public SeriesLabels {
 public:
  // Writes series `index` into `out`, an empty column of the plan's steps. Series without any point
  // are not series of the result: consumers skip empty columns.
  virtual util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const = 0;
};
using VectorOpPtr = std::unique_ptr<VectorOp>;

// Keeps its labels in a list. Threads: immutable once made.
class LabelledOp : public VectorOp {
 public:
  struct Series {
    model::Labels labels;
    bool loses_name = false;
  };
  explicit LabelledOp(std::vector<Series> series) : series_(std::move(series)) {}
  [[nodiscard]] std::size_t size() const noexcept override { return series_.size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return series_[index].labels;
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return series_[index].labels.get(name);
  }
  [[nodiscard]] bool loses_name(std::size_t index) const noexcept override {
    return series_[index].loses_name;
  }
  [[nodiscard]] bool same_name() const noexcept override { return series_.size() < 2; }

 private:
  std::vector<Series> series_;
};

// Has its input's series, one to one. Threads: immutable once made.
class DerivedOp : public VectorOp {
 public:
  explicit DerivedOp(VectorOpPtr input) : input_(std::move(input)) {}
  [[nodiscard]] std::size_t size() const noexcept override { return input_->size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return input_->labels(index);
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return input_->label_value(index, name);
  }
  [[nodiscard]] bool loses_name(std::size_t index) const noexcept override {
    return input_->loses_name(index);
  }
  [[nodiscard]] bool same_name() const noexcept override { return input_->same_name(); }

 protected:
  [[nodiscard]] const VectorOp& input() const noexcept { return *input_; }

 private:
  VectorOpPtr input_;
};

// Columns that have been computed already. Threads: immutable once made.
class MaterializedOp final : public LabelledOp {
 public:
  MaterializedOp(std::vector<Series> series, ColumnBlock block, BytesCharge charge)
      : LabelledOp(std::move(series)), block_(std::move(block)), charge_(std::move(charge)) {}
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override;
  [[nodiscard]] ColumnRef row(std::size_t index) const noexcept { return block_.row(index); }

 private:
  ColumnBlock block_;
  BytesCharge charge_;
};

void copy_column(ColumnRef from, ColumnRef to);
// Adds the points of `from` to `to`. False if both have one at the same step; `to` is then half
// done.
[[nodiscard]] bool merge_column(ColumnRef from, ColumnRef to);
// What a column counts: 1 for a float, more for a histogram.
[[nodiscard]] std::uint64_t samples_worth(ColumnRef column) noexcept;

struct ChargedBlock {
  ColumnBlock block;
  BytesCharge charge;
};
// An empty block, charged to the query.
util::Result<ChargedBlock> make_block(QueryContext& context, std::size_t rows, std::size_t steps);

// All columns of `op`, in its order, empty ones included. Charges the points as samples.
util::Result<std::unique_ptr<MaterializedOp>> materialize(QueryContext& context, const VectorOp& op,
                                                          std::size_t steps);

// __name__, __type__, __unit__: what "dropping the name" removes.
[[nodiscard]] bool is_name_label(std::string_view name) noexcept;
[[nodiscard]] model::Labels without_name_labels(const model::Labels& labels);

enum class Duplicates : std::uint8_t {
  kMergeSteps,  // Equal series are one as long as they never have a point at the same step.
  kRefuse,      // Two equal series that both have points are an error.
};
enum class NameLabels : std::uint8_t {
  kAll,
  kMetricNameAlone,  // Type and unit stay.
};
// `op` without the name labels: at once, or by flag with delayed name removal (which is for all of
// them).
util::Result<VectorOpPtr> drop_names(QueryContext& context, VectorOpPtr op, std::size_t steps,
                                     Duplicates duplicates, NameLabels which = NameLabels::kAll);
// `op` with equal label sets made one. kExecution as PQ-E8 words it.
util::Result<VectorOpPtr> merge_duplicates(QueryContext& context, VectorOpPtr op, std::size_t steps,
                                           Duplicates duplicates);
inline constexpr std::string_view kSameLabelset =
    "vector cannot contain metrics with the same labelset";

}  // namespace narthex::promql
