#include "promql/functions/start_times.h"

#include <memory>
#include <vector>

#include "promql/functions/extrapolation.h"
#include "promql/functions/histogram_change.h"
#include "promql/functions/mixed_window.h"

namespace narthex::promql {
namespace {

// The samples of one window, all of one kind, in order of time.
using Samples = std::vector<AnySample>;

struct Frame {
  model::TimestampMs start = 0;  // The window is (start, end].
  model::TimestampMs end = 0;
};

// The counter started inside the window, before its first sample: it grew from zero then, and
// nothing has to be guessed at that end.
bool began_inside(const Samples& samples, const Frame& frame) noexcept {
  const AnySample& first = samples.front();
  return first.start > frame.start && first.start != 0 && first.start < first.timestamp;
}

double factor_from_start(const Samples& samples, const Frame& frame) noexcept {
  constexpr double kGapTolerance = 1.1;
  if (samples.size() < 2) return 1;  // No distance between samples to compare a gap with.
  const double interval = seconds_of(samples.back().timestamp - samples.front().start);
  const double between = interval / static_cast<double>(samples.size() - 1);
  double to_end = seconds_of(frame.end - samples.back().timestamp);
  if (to_end >= between * kGapTolerance) to_end = between / 2;
  return (interval + to_end) / interval;
}

double factor_of(const Samples& samples, const Frame& frame, double first, double change) noexcept {
  if (began_inside(samples, frame)) return factor_from_start(samples, frame);
  return extrapolation_factor<true>({.sample_count = samples.size(),
                                     .first = samples.front().timestamp,
                                     .last = samples.back().timestamp,
                                     .window_start = frame.start,
                                     .window_end = frame.end},
                                    first, change);
}

double increase_of_floats(const Samples& samples, const Frame& frame) {
  double change = samples.back().value - samples.front().value;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    if (is_counter_reset(samples[i - 1], samples[i])) change += samples[i - 1].value;
  }
  if (began_inside(samples, frame)) change += samples.front().value;
  return change * factor_of(samples, frame, samples.front().value, change);
}

HistogramPtr increase_of_histograms(const Samples& samples, const Frame& frame,
                                    HistogramNotes& notes) {
  std::vector<const model::FloatHistogram*> h;
  for (const AnySample& sample : samples) h.push_back(sample.histogram);
  check_hints(h, true, notes);
  if (mixes_schemas(h)) {
    notes.mixed_schemas = true;
    return nullptr;
  }
  const auto begins_anew = [&](std::size_t i) {
    return is_counter_reset(samples[i - 1], samples[i]);
  };
  const HistogramPtr change = change_of(h, began_inside(samples, frame), begins_anew, notes);
  if (!change) return nullptr;
  return as_gauge(*scaled(*change, factor_of(samples, frame, h.front()->count, change->count)));
}

}  // namespace

void fill_started(FunctionId function, const RangeSamples& samples, const WindowGrid& grid,
                  ColumnRef out, HistogramNotes& notes) {
  const double divisor = function == FunctionId::kRate ? seconds_of(grid.range_ms) : 1;
  Samples window;
  for_each_mixed_window(samples, grid, [&](std::size_t step, const MixedWindow& w) {
    if (w.floats.size() > 0 && w.histograms.size() > 0) {
      notes.mixed_kinds = true;
      return;
    }
    window.clear();
    visit_in_time(samples, w, [&](const AnySample& sample) { window.push_back(sample); });
    bool overlap = false;
    for (std::size_t i = 1; i < window.size(); ++i)
      overlap = overlap || starts_overlap(window[i - 1], window[i]);
    notes.start_overlaps += overlap ? 1 : 0;
    const Frame frame{model::sub_saturated(grid.ref(step), grid.range_ms), grid.ref(step)};
    if (window.size() < 2 && !began_inside(window, frame)) return;
    if (w.histograms.size() == 0) {
      out.set(step, increase_of_floats(window, frame) / divisor);
    } else if (HistogramPtr increase = increase_of_histograms(window, frame, notes)) {
      out.add(step, divisor == 1 ? std::move(increase) : divided(*increase, divisor));
    }
  });
}

}  // namespace narthex::promql
