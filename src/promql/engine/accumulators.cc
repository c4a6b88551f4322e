#include "promql/engine/accumulators.h"

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "narthex/util/check.h"

#include "promql/functions/histogram_sum.h"
#include "promql/functions/kahan.h"
#include "promql/functions/statistics.h"

namespace narthex::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A cell is the state of one step. seen() tells whether anything was added.
struct SumCell {
  KahanSum acc;
  bool any = false;
  void add(double x) noexcept {
    if (any) {
      acc.add(x);
    } else {
      acc.sum = x;  // Not 0 + x, which would lose the sign of -0.
      any = true;
    }
  }
  void merge(const SumCell& later) noexcept {
    if (!later.any) return;
    add(later.acc.sum);
    acc.compensation += later.acc.compensation;
  }
  [[nodiscard]] bool seen() const noexcept { return any; }
  [[nodiscard]] double value() const noexcept { return acc.total(); }
};

struct MeanCell {
  KahanMean acc;
  void add(double x) noexcept { acc.add(x); }
  void merge(const MeanCell& later) noexcept {
    if (later.acc.count == 0) return;
    if (acc.count == 0) {
      acc = later.acc;
      return;
    }
    const double count = acc.count + later.acc.count;
    KahanSum sum = acc.acc;
    sum.add(later.acc.acc.sum);
    if (!acc.incremental && !later.acc.incremental && !std::isinf(sum.sum)) {
      sum.compensation += later.acc.acc.compensation;
      acc.acc = sum;
    } else {
      const double mean = acc.mean() * (acc.count / count);
      acc.acc = {mean, 0};
      acc.acc.add(later.acc.mean() * (later.acc.count / count));
      acc.incremental = true;
    }
    acc.count = count;
  }
  [[nodiscard]] bool seen() const noexcept { return acc.count > 0; }
  [[nodiscard]] double value() const noexcept { return acc.mean(); }
};

struct CountCell {
  double count = 0;
  void add(double) noexcept { count += 1; }
  void merge(const CountCell& later) noexcept { count += later.count; }
  [[nodiscard]] bool seen() const noexcept { return count > 0; }
  [[nodiscard]] double value() const noexcept { return count; }
};

struct GroupCell {
  bool any = false;
  void add(double) noexcept { any = true; }
  void merge(const GroupCell& later) noexcept { any = any || later.any; }
  [[nodiscard]] bool seen() const noexcept { return any; }
  [[nodiscard]] double value() const noexcept { return 1; }
};

// NaN loses against any number.
template <bool kMax>
struct ExtremeCell {
  double best = 0;
  bool any = false;
  void add(double x) noexcept {
    if (!any || std::isnan(best) || (kMax ? x > best : x < best)) best = x;
    any = true;
  }
  void merge(const ExtremeCell& later) noexcept {
    if (later.any) add(later.best);
  }
  [[nodiscard]] bool seen() const noexcept { return any; }
  [[nodiscard]] double value() const noexcept { return best; }
};

// Welford; a first value that is not finite spoils the group.
template <bool kRoot>
struct VarianceCell {
  double count = 0;
  double mean = 0;
  double squares = 0;
  void add(double x) noexcept {
    count += 1;
    if (count == 1) {
      mean = x;
      squares = std::isfinite(x) ? 0 : kNan;
      return;
    }
    const double delta = x - mean;
    mean += delta / count;
    squares += delta * (x - mean);
  }
  void merge(const VarianceCell& later) noexcept {
    if (later.count == 0) return;
    if (count == 0) {
      *this = later;
      return;
    }
    const double both = count + later.count;
    const double delta = later.mean - mean;
    squares += later.squares + delta * delta * count * later.count / both;
    mean += delta * later.count / both;
    count = both;
  }
  [[nodiscard]] bool seen() const noexcept { return count > 0; }
  [[nodiscard]] double value() const noexcept {
    return kRoot ? std::sqrt(squares / count) : squares / count;
  }
};

enum class HistogramRule : std::uint8_t { kIgnore, kCount, kAdd };

template <class Cell, HistogramRule kRule, bool kMean = false>
class CellAccumulator final : public Accumulator {
 public:
  explicit CellAccumulator(std::size_t steps) : cells_(steps) {}

  void reset() override {
    cells_.assign(cells_.size(), Cell{});
    histograms_.clear();
    ignored_ = false;
  }

  void add(ColumnRef column) override {
    const double* const values = column.values();
    column.for_each_float([&](std::size_t step) { cells_[step].add(values[step]); });
    for (const HistogramPoint& point : column.histograms()) {
      if constexpr (kRule == HistogramRule::kCount) {
        cells_[point.step].add(0);
      } else if constexpr (kRule == HistogramRule::kAdd) {
        total_of(point.step).add(*point.histogram);
      } else {
        ignored_ = true;
      }
    }
  }

  void merge(Accumulator& other) override {
    auto& later = static_cast<CellAccumulator&>(other);
    for (std::size_t step = 0; step < cells_.size(); ++step) cells_[step].merge(later.cells_[step]);
    for (const auto& [step, total] : later.histograms_) total_of(step).merge(total);
    ignored_ = ignored_ || later.ignored_;
  }

  void finish(ColumnRef out, AggregateNotes& notes) override {
    for (std::size_t step = 0; step < cells_.size(); ++step) {
      if (cells_[step].seen()) out.set(step, cells_[step].value());
    }
    for (const auto& [step, total] : histograms_) finish_histogram(step, total, out, notes);
    notes.histograms_ignored = notes.histograms_ignored || ignored_;
  }

 private:
  HistogramTotal& total_of(std::uint32_t step) {
    constexpr auto kKind = kMean ? HistogramTotal::Kind::kMean : HistogramTotal::Kind::kSum;
    return histograms_.try_emplace(step, kKind).first->second;
  }

  void finish_histogram(std::uint32_t step, const HistogramTotal& total, ColumnRef out,
                        AggregateNotes& notes) {
    if (out.has_float(step)) {
      notes.mixed_kinds = true;
      out.unset(step);
      return;
    }
    notes.bounds_reconciled = notes.bounds_reconciled || total.bounds_reconciled();
    if (total.mixed_schemas()) {
      notes.mixed_schemas = true;
      return;
    }
    notes.conflicting_resets = notes.conflicting_resets || total.conflicting_resets();
    out.add(step, total.result());
  }

  std::vector<Cell> cells_;
  std::map<std::uint32_t, HistogramTotal> histograms_;
  bool ignored_ = false;
};

// Keeps all values: a quantile needs them at once.
class QuantileAccumulator final : public Accumulator {
 public:
  QuantileAccumulator(std::size_t steps, std::span<const double> quantiles)
      : values_(steps), quantiles_(quantiles) {}

  void reset() override {
    for (std::vector<double>& values : values_) values.clear();
    ignored_ = false;
  }
  void add(ColumnRef column) override {
    column.for_each_float(
        [&](std::size_t step) { values_[step].push_back(column.values()[step]); });
    ignored_ = ignored_ || !column.histograms().empty();
  }
  void merge(Accumulator& other) override {
    auto& later = static_cast<QuantileAccumulator&>(other);
    for (std::size_t step = 0; step < values_.size(); ++step) {
      values_[step].insert(values_[step].end(), later.values_[step].begin(),
                           later.values_[step].end());
    }
    ignored_ = ignored_ || later.ignored_;
  }
  void finish(ColumnRef out, AggregateNotes& notes) override {
    for (std::size_t step = 0; step < values_.size(); ++step) {
      if (!values_[step].empty()) out.set(step, quantile_in_place(quantiles_[step], values_[step]));
    }
    notes.histograms_ignored = notes.histograms_ignored || ignored_;
  }
  [[nodiscard]] std::size_t bytes_per_column() const noexcept override {
    return values_.size() * sizeof(double);
  }

 private:
  std::vector<std::vector<double>> values_;  // By step.
  std::span<const double> quantiles_;
  bool ignored_ = false;
};

}  // namespace

std::unique_ptr<Accumulator> make_accumulator(AggregateOp op, std::size_t steps,
                                              std::span<const double> param) {
  using enum HistogramRule;
  switch (op) {
    case AggregateOp::kSum:
      return std::make_unique<CellAccumulator<SumCell, kAdd>>(steps);
    case AggregateOp::kAvg:
      return std::make_unique<CellAccumulator<MeanCell, kAdd, true>>(steps);
    case AggregateOp::kCount:
      return std::make_unique<CellAccumulator<CountCell, kCount>>(steps);
    case AggregateOp::kGroup:
      return std::make_unique<CellAccumulator<GroupCell, kCount>>(steps);
    case AggregateOp::kMin:
      return std::make_unique<CellAccumulator<ExtremeCell<false>, kIgnore>>(steps);
    case AggregateOp::kMax:
      return std::make_unique<CellAccumulator<ExtremeCell<true>, kIgnore>>(steps);
    case AggregateOp::kStddev:
      return std::make_unique<CellAccumulator<VarianceCell<true>, kIgnore>>(steps);
    case AggregateOp::kStdvar:
      return std::make_unique<CellAccumulator<VarianceCell<false>, kIgnore>>(steps);
    case AggregateOp::kQuantile:
      return std::make_unique<QuantileAccumulator>(steps, param);
    default:
      break;
  }
  NX_CHECK(false, "aggregation {} does not fold", aggregate_op_text(op));
}

}  // namespace narthex::promql
