#include "promql/functions/histogram_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <span>

#include "narthex/util/check.h"

#include "promql/functions/extrapolation.h"
#include "promql/functions/histogram_math.h"

namespace narthex::promql {
namespace {

using model::CounterResetHint;
using model::FloatHistogram;
using model::TimestampMs;

// A window over both lists of a series.
struct MixedWindow {
  Window floats;
  Window histograms;
  [[nodiscard]] std::size_t size() const noexcept { return floats.size() + histograms.size(); }
};

template <class Body>
void for_each_mixed_window(const RangeSamples& samples, const WindowGrid& grid, Body&& body) {
  WindowCursor floats(samples.floats.timestamps, grid);
  WindowCursor histograms(samples.histogram_timestamps, grid);
  for (std::size_t step = 0; step < grid.steps; ++step) {
    const MixedWindow window{floats.move_to(step), histograms.move_to(step)};
    if (window.size() > 0) body(step, window);
  }
}

// A sample of either kind: `histogram` is null for a float.
struct AnySample {
  TimestampMs timestamp = 0;
  double value = 0;
  const FloatHistogram* histogram = nullptr;
};

// The samples of a window in order of time.
template <class Visit>
void visit_in_time(const RangeSamples& samples, const MixedWindow& w, Visit&& visit) {
  std::size_t f = w.floats.begin;
  std::size_t h = w.histograms.begin;
  while (f < w.floats.end || h < w.histograms.end) {
    const bool take_float =
        h == w.histograms.end ||
        (f < w.floats.end && samples.floats.timestamps[f] < samples.histogram_timestamps[h]);
    if (take_float) {
      visit(AnySample{samples.floats.timestamps[f], samples.floats.values[f], nullptr});
      ++f;
    } else {
      visit(AnySample{samples.histogram_timestamps[h], 0, samples.histograms[h]});
      ++h;
    }
  }
}

enum class Edge : std::uint8_t { kOldest, kNewest };

AnySample edge_sample(const RangeSamples& samples, const MixedWindow& w, Edge which) {
  AnySample edge;
  bool found = false;
  visit_in_time(samples, w, [&](const AnySample& sample) {
    if (which == Edge::kNewest || !found) edge = sample;
    found = true;
  });
  return edge;
}

void put(std::size_t step, const AnySample& sample, ColumnRef out) {
  if (sample.histogram == nullptr) {
    out.set(step, sample.value);
  } else {
    out.add(step, std::make_shared<const FloatHistogram>(*sample.histogram));
  }
}

bool is_event(const AnySample& before, const AnySample& now, bool resets) {
  if ((before.histogram == nullptr) != (now.histogram == nullptr)) return true;
  if (now.histogram != nullptr) {
    return resets ? is_reset(*now.histogram, *before.histogram)
                  : !same_histogram(*now.histogram, *before.histogram);
  }
  if (resets) return now.value < before.value;
  return now.value != before.value && !(std::isnan(now.value) && std::isnan(before.value));
}

// changes and resets: how often two neighbours differ, or the later one starts anew.
double count_events(const RangeSamples& samples, const MixedWindow& w, bool resets) {
  double count = 0;
  std::optional<AnySample> before;
  visit_in_time(samples, w, [&](const AnySample& now) {
    if (before) count += is_event(*before, now, resets) ? 1 : 0;
    before = now;
  });
  return count;
}

// --- Functions with a result of either kind. `h` are the histograms of one window, in order of
// time. ---

using Histograms = std::span<const FloatHistogram* const>;

bool mixes_schemas(Histograms h) {
  const auto is_custom = [](const FloatHistogram* x) {
    return x->schema == model::kCustomBucketsSchema;
  };
  return std::ranges::any_of(h, is_custom) && !std::ranges::all_of(h, is_custom);
}

bool is_gauge(const FloatHistogram& h) noexcept {
  return h.counter_reset_hint == CounterResetHint::kGauge;
}

HistogramPtr as_gauge(const FloatHistogram& h) {
  auto copy = std::make_shared<FloatHistogram>(h);
  copy->counter_reset_hint = CounterResetHint::kGauge;
  return copy;
}

HistogramPtr subtract(const FloatHistogram& left, const FloatHistogram& right,
                      HistogramNotes& notes) {
  HistogramSum difference = subtracted(left, right);
  notes.bounds_reconciled = notes.bounds_reconciled || difference.bounds_reconciled;
  notes.operation = "subtraction";
  return difference.histogram;
}

// The last histogram minus the first, with what was lost at resets added again.
HistogramPtr change_of(Histograms h, bool counter, HistogramNotes& notes) {
  const FloatHistogram& first = *h.front();
  const FloatHistogram& last = *h.back();
  // Nothing of the first is left when the second starts anew: its layout must not matter either.
  const bool skip_first = counter && is_reset(*h[1], first);
  HistogramPtr change = skip_first ? as_gauge(last) : subtract(last, first, notes);
  for (std::size_t i = skip_first ? 2 : 1; counter && change && i < h.size(); ++i) {
    if (!is_reset(*h[i], *h[i - 1])) continue;
    HistogramSum sum = added(*change, *h[i - 1]);
    notes.bounds_reconciled = notes.bounds_reconciled || sum.bounds_reconciled;
    change = std::move(sum.histogram);
  }
  return change;
}

void check_hints(Histograms h, bool counter, HistogramNotes& notes) {
  if (counter) {
    notes.not_counter =
        notes.not_counter || std::ranges::any_of(h, [](const auto* x) { return is_gauge(*x); });
  } else {
    notes.not_gauge = notes.not_gauge || !is_gauge(*h.front()) || !is_gauge(*h.back());
  }
}

// rate, increase, delta.
HistogramPtr extrapolated(FunctionId function, const RangeSamples& samples, const WindowGrid& grid,
                          const Window& w, HistogramNotes& notes) {
  if (w.size() < 2) return nullptr;
  const bool counter = function != FunctionId::kDelta;
  const Histograms h(samples.histograms.data() + w.begin, w.size());
  check_hints(h, counter, notes);
  if (mixes_schemas(h)) {
    notes.mixed_schemas = true;
    return nullptr;
  }
  const HistogramPtr change = change_of(h, counter, notes);
  if (!change) return nullptr;
  const Extrapolation e{w.size(), samples.histogram_timestamps[w.begin],
                        samples.histogram_timestamps[w.end - 1], w.ref - grid.range_ms, w.ref};
  double factor = counter ? extrapolation_factor<true>(e, h.front()->count, change->count)
                          : extrapolation_factor<false>(e, h.front()->count, change->count);
  if (function == FunctionId::kRate) factor /= seconds_of(grid.range_ms);
  return as_gauge(*scaled(*change, factor));
}

// sum_over_time, avg_over_time.
HistogramPtr total(FunctionId function, Histograms h, HistogramNotes& notes) {
  if (mixes_schemas(h)) {
    notes.mixed_schemas = true;
    return nullptr;
  }
  notes.operation = "aggregation";
  bool saw_reset = false;
  bool saw_not_reset = false;
  HistogramPtr sum;
  for (const FloatHistogram* histogram : h) {
    saw_reset = saw_reset || histogram->counter_reset_hint == CounterResetHint::kReset;
    saw_not_reset = saw_not_reset || histogram->counter_reset_hint == CounterResetHint::kNotReset;
    if (!sum) {
      sum = scaled(*histogram, 1);
      continue;
    }
    HistogramSum next = added(*sum, *histogram);
    notes.bounds_reconciled = notes.bounds_reconciled || next.bounds_reconciled;
    sum = std::move(next.histogram);
  }
  notes.conflicting_resets = notes.conflicting_resets || (saw_reset && saw_not_reset);
  return function == FunctionId::kAvgOverTime ? divided(*sum, static_cast<double>(h.size())) : sum;
}

// irate, idelta: the two newest samples of whatever kind.
void instant_change(FunctionId function, const RangeSamples& samples, const MixedWindow& w,
                    std::size_t step, ColumnRef out, HistogramNotes& notes) {
  AnySample a;
  AnySample b;
  visit_in_time(samples, w, [&](const AnySample& sample) {
    a = b;
    b = sample;
  });
  const bool counter = function == FunctionId::kIrate;
  out.unset(step);
  if (w.size() < 2) return;
  if ((a.histogram == nullptr) != (b.histogram == nullptr)) {
    notes.mixed_kinds = true;
    return;
  }
  const double interval = seconds_of(b.timestamp - a.timestamp);
  if (interval == 0) return;
  if (b.histogram == nullptr) {
    const double change = counter && b.value < a.value ? b.value : b.value - a.value;
    out.set(step, counter ? change / interval : change);
    return;
  }
  const std::array both = {a.histogram, b.histogram};
  check_hints(both, counter, notes);
  const bool reset = counter && is_reset(*b.histogram, *a.histogram);
  if (!reset && mixes_schemas(both)) {
    notes.mixed_schemas = true;
    return;
  }
  const HistogramPtr change =
      reset ? as_gauge(*b.histogram) : subtract(*b.histogram, *a.histogram, notes);
  if (!change) return;
  out.add(step, counter ? as_gauge(*divided(*change, interval)) : as_gauge(*change));
}

}  // namespace

void fill_alike(FunctionId function, const RangeSamples& samples, const WindowGrid& grid,
                ColumnRef out) {
  const auto seconds = [](const AnySample& sample) { return seconds_of(sample.timestamp); };
  for_each_mixed_window(samples, grid, [&](std::size_t step, const MixedWindow& w) {
    switch (function) {
      case FunctionId::kCountOverTime:
        out.set(step, static_cast<double>(w.size()));
        break;
      case FunctionId::kPresentOverTime:
        out.set(step, 1);
        break;
      case FunctionId::kFirstOverTime:
        put(step, edge_sample(samples, w, Edge::kOldest), out);
        break;
      case FunctionId::kLastOverTime:
        put(step, edge_sample(samples, w, Edge::kNewest), out);
        break;
      case FunctionId::kTsOfFirstOverTime:
        out.set(step, seconds(edge_sample(samples, w, Edge::kOldest)));
        break;
      case FunctionId::kTsOfLastOverTime:
        out.set(step, seconds(edge_sample(samples, w, Edge::kNewest)));
        break;
      case FunctionId::kChanges:
        out.set(step, count_events(samples, w, false));
        break;
      case FunctionId::kResets:
        out.set(step, count_events(samples, w, true));
        break;
      default:
        NX_CHECK(false, "function {} tells histograms from floats", static_cast<int>(function));
    }
  });
}

void fill_own_kind(FunctionId function, const RangeSamples& samples, const WindowGrid& grid,
                   ColumnRef out, HistogramNotes& notes) {
  for_each_mixed_window(samples, grid, [&](std::size_t step, const MixedWindow& w) {
    if (function == FunctionId::kIrate || function == FunctionId::kIdelta) {
      instant_change(function, samples, w, step, out, notes);
      return;
    }
    if (w.histograms.size() == 0) return;
    if (w.floats.size() > 0) {
      notes.mixed_kinds = true;
      out.unset(step);
      return;
    }
    const bool over_time =
        function == FunctionId::kSumOverTime || function == FunctionId::kAvgOverTime;
    const Histograms h(samples.histograms.data() + w.histograms.begin, w.histograms.size());
    HistogramPtr result = over_time ? total(function, h, notes)
                                    : extrapolated(function, samples, grid, w.histograms, notes);
    if (result) out.add(step, std::move(result));
  });
}

}  // namespace narthex::promql
