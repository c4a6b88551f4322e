#include "promql/engine/range_source.h"

#include <algorithm>
#include <limits>

#include "narthex/model/stale.h"

namespace narthex::promql {
namespace {

using model::TimestampMs;

constexpr double kMillisecondsPerSecond = 1000.0;

// Labels straight from storage.
template <class Base>
class SelectionLabels : public Base {
 public:
  SelectionLabels(QueryContext& context, const Selection& selection, bool same_name)
      : context_(context), selection_(selection), same_name_(same_name) {}
  [[nodiscard]] std::size_t size() const noexcept override { return selection_.set().size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return selection_.set().labels(index);
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return selection_.set().label_value(index, name);
  }
  [[nodiscard]] bool loses_name(std::size_t) const noexcept override { return false; }
  [[nodiscard]] bool same_name() const noexcept override { return same_name_; }

 protected:
  QueryContext& context_;
  const Selection& selection_;

 private:
  const bool same_name_;
};

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
                    SelectorValue what)
      : SelectionLabels(context, selection, same_name), refs_(refs), what_(what) {}

  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    auto buffer = scratch.samples();
    NX_ASSIGN(const storage::SampleColumns* samples, selection_.read(context_, index, *buffer));
    if (samples->histograms.empty()) {
      fill_floats(*samples, out);
    } else {
      fill_both(*samples, out);
    }
    const std::size_t points = point_count(out);
    context_.samples.add_queryable(points);
    return context_.budget.charge_samples(points);
  }

 private:
  [[nodiscard]] bool is_fresh(TimestampMs sample, TimestampMs ref) const noexcept {
    return sample > model::sub_saturated(ref, context_.lookback_ms);
  }

  void fill_floats(const storage::SampleColumns& samples, ColumnRef out) const {
    NewestSample newest(samples.float_timestamps);
    for (std::size_t step = 0; step < refs_.count; ++step) {
      const TimestampMs ref = refs_.at(step);
      if (newest.move_to(ref) && is_fresh(newest.timestamp(), ref)) {
        set_float(step, newest.timestamp(), samples.float_values[newest.index()], out);
      }
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
        set_float(step, at, samples.float_values[newest_float.index()], out);
        continue;
      }
      const model::FloatHistogram& histogram = samples.histograms[newest_histogram.index()];
      if (model::is_stale(histogram.sum)) continue;
      if (what_ == SelectorValue::kTimestamp) {
        out.set(step, static_cast<double>(at) / kMillisecondsPerSecond);
        continue;
      }
      if (shared_index != newest_histogram.index()) {
        shared_index = newest_histogram.index();
        shared = std::make_shared<const model::FloatHistogram>(histogram);
      }
      out.add(step, shared);
    }
  }

  void set_float(std::size_t step, TimestampMs at, double value, ColumnRef out) const noexcept {
    if (model::is_stale(value)) return;
    out.set(step, what_ == SelectorValue::kValue
                      ? value
                      : static_cast<double>(at) / kMillisecondsPerSecond);
  }

  const RefGrid refs_;
  const SelectorValue what_;
};

class MatrixSource final : public SelectionLabels<RangeSource> {
 public:
  using SelectionLabels::SelectionLabels;

  util::Result<void> read(std::size_t index, Scratch&, RangeBuffer& buffer) const override {
    NX_ASSIGN(const storage::SampleColumns* raw, selection_.read(context_, index, buffer.raw()));
    NX_TRY(
        context_.budget.check_transient_samples(raw->float_values.size() + raw->histograms.size()));
    RangeSamples& samples = buffer.samples;
    if (std::ranges::any_of(raw->float_values, model::is_stale)) {
      copy_fresh(*raw, buffer.clean());
      samples.floats = {buffer.clean().float_timestamps, buffer.clean().float_values};
    } else {
      samples.floats = {raw->float_timestamps, raw->float_values};
    }
    samples.histograms.clear();
    samples.histogram_timestamps = {};
    if (!raw->histograms.empty()) take_histograms(*raw, buffer);
    return {};
  }

 private:
  static void copy_fresh(const storage::SampleColumns& raw, storage::SampleColumns& clean) {
    for (std::size_t i = 0; i < raw.float_values.size(); ++i) {
      if (model::is_stale(raw.float_values[i])) continue;
      clean.float_timestamps.push_back(raw.float_timestamps[i]);
      clean.float_values.push_back(raw.float_values[i]);
    }
  }
  static void take_histograms(const storage::SampleColumns& raw, RangeBuffer& buffer) {
    for (std::size_t i = 0; i < raw.histograms.size(); ++i) {
      if (model::is_stale(raw.histograms[i].sum)) continue;
      buffer.clean().histogram_timestamps.push_back(raw.histogram_timestamps[i]);
      buffer.samples.histograms.push_back(&raw.histograms[i]);
    }
    buffer.samples.histogram_timestamps = buffer.clean().histogram_timestamps;
  }
};

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

VectorOpPtr make_instant_selector(QueryContext& context, const Selection& selection, bool same_name,
                                  RefGrid refs, SelectorValue what) {
  return std::make_unique<InstantSelectorOp>(context, selection, same_name, refs, what);
}

RangeSourcePtr make_matrix_source(QueryContext& context, const Selection& selection,
                                  bool same_name) {
  return std::make_unique<MatrixSource>(context, selection, same_name);
}

RangeSourcePtr make_subquery_source(VectorOpPtr op, const StepGrid& grid) {
  return std::make_unique<SubquerySource>(std::move(op), grid);
}

}  // namespace narthex::promql
