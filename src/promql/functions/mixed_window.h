// Windows over a series that has samples of both kinds.
#pragma once

#include <cmath>
#include <optional>
#include <span>

#include "promql/functions/histogram_math.h"
#include "promql/functions/window.h"

namespace narthex::promql {

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
  Patience patience(grid);
  for (std::size_t step = 0; step < grid.steps; ++step) {
    const MixedWindow window{floats.move_to(step), histograms.move_to(step)};
    if (window.size() == 0) continue;
    body(step, window);
    if (patience.is_over(window.size())) return;
  }
}

// A sample of either kind: `histogram` is null for a float.
struct AnySample {
  model::TimestampMs timestamp = 0;
  double value = 0;
  const model::FloatHistogram* histogram = nullptr;
  model::TimestampMs start = 0;  // When its counter began; 0 = unknown.
};

[[nodiscard]] inline model::TimestampMs start_at(std::span<const model::TimestampMs> starts,
                                                 std::size_t index) noexcept {
  return starts.empty() ? 0 : starts[index];
}

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
      visit(AnySample{samples.floats.timestamps[f], samples.floats.values[f], nullptr,
                      start_at(samples.floats.starts, f)});
      ++f;
    } else {
      visit(AnySample{samples.histogram_timestamps[h], 0, samples.histograms[h],
                      start_at(samples.histogram_starts, h)});
      ++h;
    }
  }
}

// Whether a counter began anew between two samples, going by when they say it started.
[[nodiscard]] inline bool starts_anew(const AnySample& before, const AnySample& now) noexcept {
  if (now.start == 0 || now.start >= now.timestamp) return false;
  if (now.start > before.timestamp) return true;
  return now.start == before.timestamp && before.start != 0 && before.start < before.timestamp;
}
// The start lies inside what the sample before has counted.
[[nodiscard]] inline bool starts_overlap(const AnySample& before, const AnySample& now) noexcept {
  return now.start != 0 && now.start < before.timestamp && now.start != before.start;
}

[[nodiscard]] bool is_counter_reset(const AnySample& before, const AnySample& now);

// changes and resets: how often two neighbours differ, or the later one starts anew.
enum class Event : std::uint8_t { kChange, kReset };
[[nodiscard]] double count_events(const RangeSamples& samples, const MixedWindow& window,
                                  Event event);

}  // namespace narthex::promql
