// `selector smoothed`: values between two samples lie on the line between them.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/model/stale.h"

#include "promql/engine/range_source.h"
#include "promql/engine/selection_labels.h"
#include "promql/functions/extended_range.h"
#include "promql/functions/mixed_window.h"

namespace narthex::promql {
namespace {

using model::TimestampMs;

class SmoothedSelectorOp final : public SelectionLabels<VectorOp> {
 public:
  SmoothedSelectorOp(QueryContext& context, const Selection& selection, bool same_name,
                     RefGrid refs, Position where, SampleTally tally)
      : SelectionLabels(context, selection, same_name), refs_(refs), where_(where), tally_(tally) {}

  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    RangeBuffer buffer(scratch);
    NX_TRY(read_fresh_samples(context_, selection_, index, buffer));
    HistogramNotes notes;
    std::uint64_t seen = 0;
    for (std::size_t step = 0; step < refs_.count; ++step) {
      const std::uint64_t of_step = fill_step(buffer.samples, step, out, notes);
      if (tally_.by_step()) tally_.add_at(step, of_step);
      seen += of_step;
    }
    if (!tally_.by_step()) tally_.add(seen);
    if (notes.mixed_schemas) {
      context_.annotations.warn(
          where_, fmt::format("vector contains a mix of histograms with exponential and custom "
                              "buckets schemas for metric name {}",
                              model::quoted(label_value(index, model::kMetricName))));
    }
    return context_.budget.charge_samples(samples_worth(out));
  }

 private:
  struct Neighbours {
    std::optional<AnySample> before;  // The newest at or before the step.
    std::optional<AnySample> after;   // The oldest behind it.
  };

  [[nodiscard]] Neighbours neighbours(const RangeSamples& samples, TimestampMs ref) const {
    Neighbours out;
    const auto look = [&](std::span<const TimestampMs> times, auto&& sample) {
      const auto next = std::ranges::upper_bound(times, ref);
      const auto i = static_cast<std::size_t>(next - times.begin());
      const bool fresh = i > 0 && times[i - 1] > model::sub_saturated(ref, context_.lookback_ms);
      if (fresh && (!out.before || out.before->timestamp < times[i - 1]))
        out.before = sample(i - 1);
      const bool near =
          next != times.end() && *next <= model::add_saturated(ref, context_.lookback_ms);
      if (near && (!out.after || *next < out.after->timestamp)) out.after = sample(i);
    };
    look(samples.floats.timestamps, [&](std::size_t i) {
      return AnySample{samples.floats.timestamps[i], samples.floats.values[i], nullptr};
    });
    look(samples.histogram_timestamps, [&](std::size_t i) {
      return AnySample{samples.histogram_timestamps[i], 0, samples.histograms[i]};
    });
    return out;
  }

  // Returns what the samples are worth that it looked at.
  std::uint64_t fill_step(const RangeSamples& samples, std::size_t step, ColumnRef out,
                          HistogramNotes& notes) const {
    const TimestampMs ref = refs_.at(step);
    const Neighbours near = neighbours(samples, ref);
    if (!near.before) return 0;
    const AnySample& a = *near.before;
    const bool alike = near.after && (near.after->histogram == nullptr) == (a.histogram == nullptr);
    if (a.timestamp == ref || !alike) {
      put(step, a, out);
      return worth(a);
    }
    const Between at{a.timestamp, near.after->timestamp, ref};
    if (a.histogram == nullptr) {
      out.set(step, interpolated(at, a.value, near.after->value));
    } else if (HistogramPtr between =
                   interpolated(at, *a.histogram, *near.after->histogram, notes)) {
      out.add(step, std::move(between));
    } else {
      notes.mixed_schemas = true;
    }
    return worth(a) + worth(*near.after);
  }

  static std::uint64_t worth(const AnySample& sample) noexcept {
    return sample.histogram == nullptr ? 1 : samples_worth(*sample.histogram);
  }

  static void put(std::size_t step, const AnySample& sample, ColumnRef out) {
    if (sample.histogram == nullptr) {
      out.set(step, sample.value);
    } else {
      out.add(step, std::make_shared<const model::FloatHistogram>(*sample.histogram));
    }
  }

  const RefGrid refs_;
  const Position where_;
  const SampleTally tally_;
};

}  // namespace

VectorOpPtr make_smoothed_selector(QueryContext& context, const Selection& selection,
                                   bool same_name, RefGrid refs, Position where,
                                   SampleTally tally) {
  return std::make_unique<SmoothedSelectorOp>(context, selection, same_name, refs, where, tally);
}

}  // namespace narthex::promql
