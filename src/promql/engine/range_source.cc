#include "promql/engine/range_source.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "narthex/model/stale.h"

#include "promql/engine/selection_labels.h"
#include "promql/functions/histogram_math.h"

namespace narthex::promql {
namespace {

using model::TimestampMs;

constexpr double kMillisecondsPerSecond = 1000.0;

// Count and sum of a histogram, its hint told from the one before it (null: none).
HistogramPtr totals_of(const model::FloatHistogram& histogram,
                       const model::FloatHistogram* before) {
  using enum model::CounterResetHint;
  auto totals = std::make_shared<model::FloatHistogram>();
  totals->count = histogram.count;
  totals->sum = histogram.sum;
  totals->counter_reset_hint = histogram.counter_reset_hint;
  if (histogram.counter_reset_hint == kUnknown && before != nullptr)
    totals->counter_reset_hint = is_reset(histogram, *before) ? kReset : kNotReset;
  return totals;
}

// The newest histogram in front of `index` that is no stale marker; null if there is none.
const model::FloatHistogram* fresh_before(const storage::SampleColumns& samples,
                                          std::size_t index) noexcept {
  while (index > 0) {
    if (!model::is_stale(samples.histograms[--index].sum)) return &samples.histograms[index];
  }
  return nullptr;
}

// Newest sample at or before a time, by an index that only moves forward.
class NewestSample {
 public:
  explicit NewestSample(std::span<const TimestampMs> timestamps) noexcept
      : timestamps_(timestamps) {}
  // False if there is none. Precondition: ascending refs.
  bool move_to(TimestampMs ref) noexcept {
    while (next_ < timestamps_.size() && timestamps_[next_] <= ref) ++next_;
    return next_ > 0;
  }
  [[nodiscard]] std::size_t index() const noexcept { return next_ - 1; }
  [[nodiscard]] TimestampMs timestamp() const noexcept { return timestamps_[next_ - 1]; }

 private:
  std::span<const TimestampMs> timestamps_;
  std::size_t next_ = 0;
};

class InstantSelectorOp final : public SelectionLabels<VectorOp> {
 public:
  InstantSelectorOp(QueryContext& context, const Selection& selection, bool same_name, RefGrid refs,
                    SelectorOptions options, SampleTally tally)
      : SelectionLabels(context, selection, same_name),
        refs_(refs),
        options_(options),
        tally_(tally) {}

  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    auto buffer = scratch.samples();
    NX_ASSIGN(const storage::SampleColumns* samples, selection_.read(context_, index, *buffer));
    if (samples->histograms.empty()) {
      fill_floats(*samples, out);
    } else {
      fill_both(*samples, out);
    }
    const std::uint64_t worth = samples_worth(out);
    count(worth, out);
    return context_.budget.charge_samples(worth);
  }

 private:
  void count(std::uint64_t worth, ColumnRef out) const {
    if (!tally_.by_step()) {
      tally_.add(worth);
      return;
    }
    out.for_each_float([&](std::size_t step) { tally_.add_at(step, 1); });
    for (const HistogramPoint& point : out.histograms())
      tally_.add_at(point.step, samples_worth(*point.histogram));
  }

  [[nodiscard]] bool is_fresh(TimestampMs sample, TimestampMs ref) const noexcept {
    return sample > model::sub_saturated(ref, context_.lookback_ms);
  }

  void fill_floats(const storage::SampleColumns& samples, ColumnRef out) const {
    NewestSample newest(samples.float_timestamps);
    for (std::size_t step = 0; step < refs_.count; ++step) {
      const TimestampMs ref = refs_.at(step);
      if (newest.move_to(ref) && is_fresh(newest.timestamp(), ref))
        set_float(samples, newest.index(), step, out);
    }
  }

  void fill_both(const storage::SampleColumns& samples, ColumnRef out) const {
    constexpr TimestampMs kNever = std::numeric_limits<TimestampMs>::min();
    NewestSample newest_float(samples.float_timestamps);
    NewestSample newest_histogram(samples.histogram_timestamps);
    HistogramPtr
        shared;  // Of the histogram at shared_index: one copy for all the steps that see it.
    std::size_t shared_index = std::numeric_limits<std::size_t>::max();
    for (std::size_t step = 0; step < refs_.count; ++step) {
      const TimestampMs ref = refs_.at(step);
      const TimestampMs float_at = newest_float.move_to(ref) ? newest_float.timestamp() : kNever;
      const TimestampMs histogram_at =
          newest_histogram.move_to(ref) ? newest_histogram.timestamp() : kNever;
      const TimestampMs at = std::max(float_at, histogram_at);
      if (at == kNever || !is_fresh(at, ref)) continue;
      if (float_at > histogram_at) {
        set_float(samples, newest_float.index(), step, out);
        continue;
      }
      const std::size_t index = newest_histogram.index();
      if (model::is_stale(samples.histograms[index].sum)) continue;
      if (options_.value != SelectorValue::kValue) {
        set_time(at, samples.histogram_starts, index, step, out);
        continue;
      }
      if (shared_index != index) {
        shared_index = index;
        shared = shared_copy(samples, index);
      }
      out.add(step, shared);
    }
  }

  [[nodiscard]] HistogramPtr shared_copy(const storage::SampleColumns& samples,
                                         std::size_t index) const {
    if (options_.detail == HistogramDetail::kTotals)
      return totals_of(samples.histograms[index], fresh_before(samples, index));
    return std::make_shared<const model::FloatHistogram>(samples.histograms[index]);
  }

  void set_float(const storage::SampleColumns& samples, std::size_t index, std::size_t step,
                 ColumnRef out) const noexcept {
    const double value = samples.float_values[index];
    if (model::is_stale(value)) return;
    if (options_.value == SelectorValue::kValue) {
      out.set(step, value);
    } else {
      set_time(samples.float_timestamps[index], samples.float_starts, index, step, out);
    }
  }

  void set_time(TimestampMs at, std::span<const TimestampMs> starts, std::size_t index,
                std::size_t step, ColumnRef out) const noexcept {
    const bool wants_start = options_.value == SelectorValue::kStartTimestamp;
    const TimestampMs start = starts.empty() ? 0 : starts[index];
    if (wants_start && start == 0) return;
    out.set(step, static_cast<double>(wants_start ? start : at) / kMillisecondsPerSecond);
  }

  const RefGrid refs_;
  const SelectorOptions options_;
  const SampleTally tally_;
};

class MatrixSource final : public SelectionLabels<RangeSource> {
 public:
  MatrixSource(QueryContext& context, const Selection& selection, bool same_name,
               HistogramDetail detail)
      : SelectionLabels(context, selection, same_name), detail_(detail) {}

  util::Result<void> read(std::size_t index, Scratch&, RangeBuffer& buffer) const override {
    NX_TRY(read_fresh_samples(context_, selection_, index, buffer));
    if (detail_ == HistogramDetail::kTotals) reduce_to_totals(buffer);
    return {};
  }

 private:
  static void reduce_to_totals(RangeBuffer& buffer) {
    const model::FloatHistogram* before = nullptr;
    for (const model::FloatHistogram*& histogram : buffer.samples.histograms) {
      buffer.histograms().push_back(totals_of(*histogram, before));
      before = std::exchange(histogram, buffer.histograms().back().get());
    }
  }

  const HistogramDetail detail_;
};

// By groups of a known length, which the compiler vectorizes: most series have none.
bool any_stale(std::span<const double> values) noexcept {
  constexpr std::size_t kGroup = 8;
  std::size_t i = 0;
  for (; i + kGroup <= values.size(); i += kGroup) {
    std::uint64_t any = 0;
    for (std::size_t j = 0; j < kGroup; ++j)
      any |= static_cast<std::uint64_t>(model::is_stale(values[i + j]));
    if (any != 0) return true;
  }
  return std::ranges::any_of(values.subspan(i), model::is_stale);
}

// Copies what is not stale, start times included where there are any.
template <class Value, class IsStale, class Take>
void keep_fresh(const std::vector<TimestampMs>& times, const std::vector<TimestampMs>& starts,
                const std::vector<Value>& values, IsStale&& is_stale,
                std::vector<TimestampMs>& fresh_times, std::vector<TimestampMs>& fresh_starts,
                Take&& take) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (is_stale(values[i])) continue;
    fresh_times.push_back(times[i]);
    if (!starts.empty()) fresh_starts.push_back(starts[i]);
    take(values[i]);
  }
}

class SubquerySource final : public RangeSource {
 public:
  SubquerySource(VectorOpPtr op, const StepGrid& grid) : op_(std::move(op)), grid_(grid) {}
  [[nodiscard]] std::size_t size() const noexcept override { return op_->size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return op_->labels(index);
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return op_->label_value(index, name);
  }
  [[nodiscard]] bool loses_name(std::size_t index) const noexcept override {
    return op_->loses_name(index);
  }
  [[nodiscard]] bool same_name() const noexcept override { return op_->same_name(); }

  util::Result<void> read(std::size_t index, Scratch& scratch, RangeBuffer& buffer) const override {
    auto loan = scratch.column(grid_.count);
    const ColumnRef column = loan->ref();
    NX_TRY(op_->fill(index, scratch, column));
    storage::SampleColumns& clean = buffer.clean();
    column.for_each_float([&](std::size_t step) {
      clean.float_timestamps.push_back(grid_.at(step));
      clean.float_values.push_back(column.values()[step]);
    });
    for (const HistogramPoint& point : column.histograms()) {
      clean.histogram_timestamps.push_back(grid_.at(point.step));
      buffer.histograms().push_back(without_reset_hint(point.histogram));
      buffer.samples.histograms.push_back(buffer.histograms().back().get());
    }
    buffer.samples.floats = {clean.float_timestamps, clean.float_values};
    buffer.samples.histogram_timestamps = clean.histogram_timestamps;
    return {};
  }

 private:
  // A hint speaks about the sample before; here another one stands before it.
  static HistogramPtr without_reset_hint(const HistogramPtr& histogram) {
    using model::CounterResetHint;
    if (histogram->counter_reset_hint == CounterResetHint::kUnknown ||
        histogram->counter_reset_hint == CounterResetHint::kGauge) {
      return histogram;
    }
    auto copy = std::make_shared<model::FloatHistogram>(*histogram);
    copy->counter_reset_hint = CounterResetHint::kUnknown;
    return copy;
  }

  VectorOpPtr op_;
  StepGrid grid_;
};

}  // namespace

util::Result<void> read_fresh_samples(QueryContext& context, const Selection& selection,
                                      std::size_t index, RangeBuffer& buffer) {
  NX_ASSIGN(const storage::SampleColumns* raw, selection.read(context, index, buffer.raw()));
  std::uint64_t worth = raw->float_values.size();
  for (const model::FloatHistogram& histogram : raw->histograms) worth += samples_worth(histogram);
  NX_TRY(context.budget.check_transient_samples(worth));
  RangeSamples& samples = buffer.samples;
  storage::SampleColumns& clean = buffer.clean();
  if (any_stale(raw->float_values)) {
    keep_fresh(raw->float_timestamps, raw->float_starts, raw->float_values, model::is_stale,
               clean.float_timestamps, clean.float_starts,
               [&](double value) { clean.float_values.push_back(value); });
    samples.floats = {clean.float_timestamps, clean.float_values, clean.float_starts};
  } else {
    samples.floats = {raw->float_timestamps, raw->float_values, raw->float_starts};
  }
  samples.histograms.clear();
  const auto is_stale = [](const model::FloatHistogram& h) { return model::is_stale(h.sum); };
  keep_fresh(raw->histogram_timestamps, raw->histogram_starts, raw->histograms, is_stale,
             clean.histogram_timestamps, clean.histogram_starts,
             [&](const model::FloatHistogram& h) { samples.histograms.push_back(&h); });
  samples.histogram_timestamps = clean.histogram_timestamps;
  samples.histogram_starts = clean.histogram_starts;
  if (!context.options.use_start_timestamps) {
    samples.floats.starts = {};
    samples.histogram_starts = {};
  }
  return {};
}

VectorOpPtr make_instant_selector(QueryContext& context, const Selection& selection, bool same_name,
                                  RefGrid refs, SelectorOptions options, SampleTally tally) {
  return std::make_unique<InstantSelectorOp>(context, selection, same_name, refs, options, tally);
}

RangeSourcePtr make_matrix_source(QueryContext& context, const Selection& selection, bool same_name,
                                  HistogramDetail detail) {
  return std::make_unique<MatrixSource>(context, selection, same_name, detail);
}

RangeSourcePtr make_subquery_source(VectorOpPtr op, const StepGrid& grid) {
  return std::make_unique<SubquerySource>(std::move(op), grid);
}

}  // namespace narthex::promql
