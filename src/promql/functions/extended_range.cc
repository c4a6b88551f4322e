#include "promql/functions/extended_range.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "promql/functions/extrapolation.h"
#include "promql/functions/histogram_change.h"
#include "promql/functions/mixed_window.h"

namespace narthex::promql {
namespace {

using model::FloatHistogram;
using model::TimestampMs;

using Times = std::span<const TimestampMs>;
constexpr TimestampMs kNever = std::numeric_limits<TimestampMs>::min();
constexpr TimestampMs kForever = std::numeric_limits<TimestampMs>::max();

struct Frame {
  TimestampMs start = 0;
  TimestampMs end = 0;
  bool smoothed = false;
};

// Index of the first timestamp after `t`.
std::size_t after(Times times, TimestampMs t) {
  return static_cast<std::size_t>(std::ranges::upper_bound(times, t) - times.begin());
}

// What one step looks at: from the newest sample at or before the start (or else the first one) to
// the last one in the window, or, smoothed, the first one at or behind its end.
class Reach {
 public:
  Reach(const Frame& frame, std::int64_t lookback_ms) : frame_(frame) {
    earliest_ = model::sub_saturated(frame.start, lookback_ms);
    latest_ = frame.smoothed ? model::add_saturated(frame.end, lookback_ms) : frame.end;
  }
  // Both lists of a series decide together which sample is the one at a boundary.
  void see(Times times) {
    const std::size_t behind_start = after(times, frame_.start);
    if (behind_start > 0 && times[behind_start - 1] > earliest_)
      left_ = std::max(left_, times[behind_start - 1]);
    if (!frame_.smoothed) return;
    const auto at_end = std::ranges::lower_bound(times, frame_.end);
    if (at_end != times.end() && *at_end <= latest_) right_ = std::min(right_, *at_end);
  }
  [[nodiscard]] Window window(std::size_t step, Times times) const {
    const TimestampMs from = left_ == kNever ? earliest_ : model::sub_saturated(left_, 1);
    const std::size_t begin = after(times, from);
    const std::size_t end = after(times, std::min(latest_, right_));
    return {step, begin, std::max(begin, end), frame_.end};
  }

 private:
  Frame frame_;
  TimestampMs earliest_;  // Exclusive.
  TimestampMs latest_;
  TimestampMs left_ = kNever;
  TimestampMs right_ = kForever;
};

// Values at the ends of one kind's part of the reach. A counter that was reset between two
// neighbours is taken to have begun at zero right after the first of them.
struct Edges {
  std::size_t first;
  std::size_t last;
  bool left_interpolated;
  bool right_interpolated;
};

Edges edges_of(Times times, const Window& w, const Frame& frame) {
  const std::size_t first = w.begin;
  const std::size_t last = w.end - 1;
  return {first, last, frame.smoothed && first < last && times[first] < frame.start,
          frame.smoothed && first < last && times[last] > frame.end};
}

Between between(Times times, std::size_t before, TimestampMs t) {
  return {times[before], times[before + 1], t};
}

double edge_value(const FloatSamples& samples, std::size_t before, TimestampMs t, bool counter) {
  const double next = samples.values[before + 1];
  const double value = samples.values[before];
  return interpolated(between(samples.timestamps, before, t), counter && next < value ? 0 : value,
                      next);
}

double change_of_floats(const FloatSamples& samples, const Window& w, const Frame& frame,
                        bool counter) {
  const Times times = samples.timestamps;
  const Edges e = edges_of(times, w, frame);
  const double left = e.left_interpolated ? edge_value(samples, e.first, frame.start, counter)
                                          : samples.values[e.first];
  const double right = e.right_interpolated ? edge_value(samples, e.last - 1, frame.end, counter)
                                            : samples.values[e.last];
  double change = right - left;
  if (!counter) return change;
  double before = left;
  for (std::size_t i = e.first; i <= e.last; ++i) {
    if (times[i] <= frame.start || times[i] >= frame.end) continue;
    if (samples.values[i] < before) change += before;
    before = samples.values[i];
  }
  return right < before ? change + before : change;
}

HistogramPtr edge_histogram(const RangeSamples& samples, std::size_t before, TimestampMs t,
                            bool counter, HistogramNotes& notes) {
  const FloatHistogram& value = *samples.histograms[before];
  const FloatHistogram& next = *samples.histograms[before + 1];
  const Between at = between(samples.histogram_timestamps, before, t);
  if (counter && is_reset(next, value)) return scaled(next, at.share());
  return interpolated(at, value, next, notes);
}

HistogramPtr change_of_histograms(const RangeSamples& samples, const Window& w, const Frame& frame,
                                  bool counter, HistogramNotes& notes) {
  const Histograms h(samples.histograms.data() + w.begin, w.size());
  check_hints(h, counter, notes);
  if (mixes_schemas(h)) {
    notes.mixed_schemas = true;
    return nullptr;
  }
  const Edges e = edges_of(samples.histogram_timestamps, w, frame);
  const auto shared = [&](std::size_t i) {
    return std::make_shared<const FloatHistogram>(*samples.histograms[i]);
  };
  const HistogramPtr left = e.left_interpolated
                                ? edge_histogram(samples, e.first, frame.start, counter, notes)
                                : shared(e.first);
  const HistogramPtr right = e.right_interpolated
                                 ? edge_histogram(samples, e.last - 1, frame.end, counter, notes)
                                 : shared(e.last);
  if (!left || !right) return nullptr;
  HistogramPtr change = subtract(*right, *left, notes);
  for (std::size_t i = e.first + 1; counter && change && i <= e.last; ++i) {
    // A reset right behind an interpolated start is part of that interpolation already.
    const bool absorbed = e.left_interpolated && i == e.first + 1;
    if (!absorbed && is_reset(*samples.histograms[i], *samples.histograms[i - 1]))
      change = add(*change, *samples.histograms[i - 1], notes);
  }
  return change;
}

TimestampMs last_time(Times times, const Window& w) {
  return w.size() == 0 ? kNever : times[w.end - 1];
}

// Calls body(step, frame, window) for every step whose window holds a sample after its start.
template <class Body>
void for_each_reach(const RangeSamples& samples, const WindowGrid& grid, const ExtendedRange& range,
                    Body&& body) {
  Patience patience(grid);
  for (std::size_t step = 0; step < grid.steps; ++step) {
    const TimestampMs end = grid.ref(step);
    const Frame frame{model::sub_saturated(end, grid.range_ms), end,
                      range.extension == Extension::kSmoothed};
    Reach reach(frame, range.lookback_ms);
    reach.see(samples.floats.timestamps);
    reach.see(samples.histogram_timestamps);
    const MixedWindow window{reach.window(step, samples.floats.timestamps),
                             reach.window(step, samples.histogram_timestamps)};
    body(step, frame, window);
    if (patience.is_over(window.size())) return;
  }
}

// Whether the window itself holds a sample, not its lookback alone.
bool holds_any(const RangeSamples& samples, const Frame& frame, const MixedWindow& window) {
  return std::max(last_time(samples.floats.timestamps, window.floats),
                  last_time(samples.histogram_timestamps, window.histograms)) > frame.start;
}

}  // namespace

bool extends(FunctionId function, Extension extension) noexcept {
  switch (function) {
    case FunctionId::kDelta:
    case FunctionId::kIncrease:
    case FunctionId::kRate:
      return true;
    case FunctionId::kChanges:
    case FunctionId::kResets:
      return extension == Extension::kAnchored;
    default:
      return false;
  }
}

double interpolated(const Between& at, double before, double after) noexcept {
  return before + (after - before) * at.share();
}

HistogramPtr interpolated(const Between& at, const FloatHistogram& before,
                          const FloatHistogram& after, HistogramNotes& notes) {
  const HistogramPtr difference = subtract(after, before, notes);
  if (!difference) return nullptr;
  auto sum =
      std::make_shared<FloatHistogram>(*add(before, *scaled(*difference, at.share()), notes));
  sum->counter_reset_hint = before.counter_reset_hint == after.counter_reset_hint
                                ? after.counter_reset_hint
                                : model::CounterResetHint::kUnknown;
  return sum;
}

void fill_extended(FunctionId function, const RangeSamples& samples, const WindowGrid& grid,
                   const ExtendedRange& range, ColumnRef out, HistogramNotes& notes) {
  const bool counter = function != FunctionId::kDelta;
  const double divisor = function == FunctionId::kRate ? seconds_of(grid.range_ms) : 1;
  const auto body = [&](std::size_t step, const Frame& frame, const MixedWindow& w) {
    if (!holds_any(samples, frame, w)) return;
    if (function == FunctionId::kChanges || function == FunctionId::kResets) {
      const Event event = function == FunctionId::kChanges ? Event::kChange : Event::kReset;
      out.set(step, count_events(samples, w, event));
    } else if (w.floats.size() > 0 && w.histograms.size() > 0) {
      notes.mixed_kinds = true;
    } else if (w.histograms.size() == 0) {
      out.set(step, change_of_floats(samples.floats, w.floats, frame, counter) / divisor);
    } else if (const HistogramPtr change =
                   change_of_histograms(samples, w.histograms, frame, counter, notes)) {
      out.add(step, as_gauge(*divided(*change, divisor)));
    }
  };
  for_each_reach(samples, grid, range, body);
}

std::vector<std::uint64_t> extended_window_sizes(const RangeSamples& samples,
                                                 const WindowGrid& grid,
                                                 const ExtendedRange& range) {
  std::vector<std::uint64_t> out(grid.steps);
  for_each_reach(samples, grid, range, [&](std::size_t step, const Frame&, const MixedWindow& w) {
    const std::span histograms(samples.histograms);
    out[step] = w.floats.size() +
                samples_worth(histograms.subspan(w.histograms.begin, w.histograms.size()));
  });
  return out;
}

BoundedFloats bounded_window(const FloatSamples& samples, const WindowGrid& grid,
                             const ExtendedRange& range) {
  BoundedFloats out;
  WindowGrid once = grid;
  once.steps = std::min<std::size_t>(grid.steps, 1);
  const auto body = [&](std::size_t, const Frame& frame, const MixedWindow& w) {
    const Times times = samples.timestamps;
    const Edges e = edges_of(times, w.floats, frame);
    const auto put = [&](TimestampMs t, double value) {
      out.timestamps.push_back(t);
      out.values.push_back(value);
    };
    put(frame.start, e.left_interpolated ? edge_value(samples, e.first, frame.start, false)
                                         : samples.values[e.first]);
    for (std::size_t i = e.first; i <= e.last; ++i) {
      if (times[i] > frame.start && times[i] < frame.end) put(times[i], samples.values[i]);
    }
    put(frame.end, e.right_interpolated ? edge_value(samples, e.last - 1, frame.end, false)
                                        : samples.values[e.last]);
  };
  for_each_reach(RangeSamples{samples, {}, {}, {}}, once, range, body);
  return out;
}

}  // namespace narthex::promql
