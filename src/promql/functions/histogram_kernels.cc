#include "promql/functions/histogram_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <span>

#include "narthex/util/check.h"

#include "promql/functions/extrapolation.h"
#include "promql/functions/histogram_change.h"
#include "promql/functions/histogram_math.h"
#include "promql/functions/histogram_sum.h"
#include "promql/functions/mixed_window.h"

namespace narthex::promql {
namespace {

using model::CounterResetHint;
using model::FloatHistogram;
using model::TimestampMs;

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

// --- Functions with a result of either kind. ---

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
  const auto begins_anew = [&](std::size_t i) { return counter && is_reset(*h[i], *h[i - 1]); };
  const HistogramPtr change = change_of(h, false, begins_anew, notes);
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
  HistogramTotal all(function == FunctionId::kAvgOverTime ? HistogramTotal::Kind::kMean
                                                          : HistogramTotal::Kind::kSum);
  for (const FloatHistogram* histogram : h) all.add(*histogram);
  notes.operation = "aggregation";
  notes.bounds_reconciled = notes.bounds_reconciled || all.bounds_reconciled();
  notes.mixed_schemas = notes.mixed_schemas || all.mixed_schemas();
  if (all.mixed_schemas()) return nullptr;
  notes.conflicting_resets = notes.conflicting_resets || all.conflicting_resets();
  return all.result();
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
    const double change = counter && is_counter_reset(a, b) ? b.value : b.value - a.value;
    out.set(step, counter ? change / interval : change);
    return;
  }
  const std::array both = {a.histogram, b.histogram};
  check_hints(both, counter, notes);
  const bool reset = counter && is_counter_reset(a, b);
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
        out.set(step, count_events(samples, w, Event::kChange));
        break;
      case FunctionId::kResets:
        out.set(step, count_events(samples, w, Event::kReset));
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
