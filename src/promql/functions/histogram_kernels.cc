#include "promql/functions/histogram_kernels.h"

#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "narthex/util/check.h"

namespace narthex::promql {
namespace {

using model::FloatHistogram;
using model::TimestampMs;

constexpr double kMillisecondsPerSecond = 1000.0;

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

AnySample edge_sample(const RangeSamples& samples, const MixedWindow& w, bool newest) {
  AnySample edge;
  bool found = false;
  visit_in_time(samples, w, [&](const AnySample& sample) {
    if (newest || !found) edge = sample;
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

}  // namespace

util::Result<void> fill_alike(FunctionId function, const RangeSamples& samples,
                              const WindowGrid& grid, ColumnRef out) {
  util::Result<void> outcome;
  for_each_mixed_window(samples, grid, [&](std::size_t step, const MixedWindow& w) {
    switch (function) {
      case FunctionId::kCountOverTime:
        out.set(step, static_cast<double>(w.size()));
        break;
      case FunctionId::kPresentOverTime:
        out.set(step, 1);
        break;
      case FunctionId::kFirstOverTime:
        put(step, edge_sample(samples, w, false), out);
        break;
      case FunctionId::kLastOverTime:
        put(step, edge_sample(samples, w, true), out);
        break;
      case FunctionId::kTsOfFirstOverTime:
        out.set(step, static_cast<double>(edge_sample(samples, w, false).timestamp) /
                          kMillisecondsPerSecond);
        break;
      case FunctionId::kTsOfLastOverTime:
        out.set(step, static_cast<double>(edge_sample(samples, w, true).timestamp) /
                          kMillisecondsPerSecond);
        break;
      default:
        outcome = util::fail(util::Code::kUnsupported,
                             "changes and resets of native histograms are not supported yet");
    }
  });
  return outcome;
}

util::Result<void> fill_own_kind(FunctionId, const RangeSamples& samples, const WindowGrid& grid,
                                 ColumnRef out, HistogramNotes& notes) {
  util::Result<void> outcome;
  for_each_mixed_window(samples, grid, [&](std::size_t step, const MixedWindow& w) {
    if (w.histograms.size() == 0) return;
    if (w.floats.size() > 0) {
      notes.mixed_kinds = true;
      out.unset(step);
      return;
    }
    outcome = util::fail(util::Code::kUnsupported,
                         "this function does not support native histograms yet");
  });
  return outcome;
}

}  // namespace narthex::promql
