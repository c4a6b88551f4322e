// Windows: which samples of a series each step of a range function sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/model/timestamp.h"
#include "narthex/promql/column.h"
#include "narthex/storage/queryable.h"

namespace narthex::promql {

// A series' float samples: parallel arrays, ascending in time, no stale markers.
struct FloatSamples {
  std::span<const model::TimestampMs> timestamps;
  std::span<const double> values;
  // When each sample's counter began, 0 = unknown; empty: nothing is known, or wanted.
  std::span<const model::TimestampMs> starts = {};
};

// One series' samples of both kinds, without stale markers.
struct RangeSamples {
  FloatSamples floats;
  std::span<const model::TimestampMs> histogram_timestamps;
  std::vector<const model::FloatHistogram*> histograms;       // As long as histogram_timestamps.
  std::span<const model::TimestampMs> histogram_starts = {};  // Like floats.starts.

  [[nodiscard]] bool has_starts() const noexcept {
    return !floats.starts.empty() || !histogram_starts.empty();
  }
};

// Step i looks at the samples in (ref(i) - range_ms, ref(i)] (PQ-E3).
struct WindowGrid {
  model::TimestampMs ref_start = 0;
  std::int64_t ref_step_ms = 0;  // >= 0; 0 when @ pins the window.
  std::size_t steps = 0;
  std::int64_t range_ms = 0;  // > 0.
  StepGrid evaluation;        // The steps themselves, which offset and @ do not shift.
  // When loops over its windows may end early; what they have computed counts for nothing then.
  // Null: never.
  const storage::Deadline* deadline = nullptr;

  [[nodiscard]] model::TimestampMs ref(std::size_t step) const noexcept {
    // Unsigned: at the ends of time it wraps, which loses points but is defined.
    return static_cast<model::TimestampMs>(static_cast<std::uint64_t>(ref_start) +
                                           step * static_cast<std::uint64_t>(ref_step_ms));
  }
};

// The samples [begin, end) of a series as one step sees them. Never empty when a kernel gets it.
struct Window {
  std::size_t step;
  std::size_t begin;
  std::size_t end;
  model::TimestampMs ref;  // Right end, inclusive.
  [[nodiscard]] std::size_t size() const noexcept { return end - begin; }
};

// Two indices that only move forward over ascending timestamps. Threads: confined.
class WindowCursor {
 public:
  WindowCursor(std::span<const model::TimestampMs> timestamps, const WindowGrid& grid) noexcept
      : timestamps_(timestamps), grid_(grid) {}

  // Precondition: called for ascending steps.
  [[nodiscard]] Window move_to(std::size_t step) noexcept {
    const model::TimestampMs ref = grid_.ref(step);
    const model::TimestampMs left = model::sub_saturated(ref, grid_.range_ms);
    end_.move_behind(ref, timestamps_);
    begin_.move_behind(left, timestamps_);
    return {step, begin_.index, end_.index, ref};
  }

 private:
  struct Edge {
    std::size_t index = 0;
    std::size_t stride = 0;  // How far it moved the last time: mostly, how far it moves next.

    // To the first timestamp that is larger than `bound`.
    void move_behind(model::TimestampMs bound, std::span<const model::TimestampMs> t) noexcept {
      const std::size_t guess = index + stride;
      const bool is_right = guess <= t.size() && (guess == 0 || t[guess - 1] <= bound) &&
                            (guess == t.size() || t[guess] > bound);
      if (is_right) [[likely]] {
        index = guess;
        return;
      }
      const std::size_t before = index;
      while (index < t.size() && t[index] <= bound) ++index;
      stride = index - before;
    }
  };

  std::span<const model::TimestampMs> timestamps_;
  const WindowGrid& grid_;
  Edge begin_;
  Edge end_;
};

// Asks now and then whether somebody still waits for what a long loop computes: one series may have
// windows of millions of samples.
class Patience {
 public:
  static constexpr std::int64_t kSamplesPerLook = std::int64_t{1} << 21U;

  explicit Patience(const WindowGrid& grid) noexcept : deadline_(grid.deadline) {}
  // So many samples more were looked at: whether to end.
  [[nodiscard]] bool is_over(std::size_t samples) {
    left_ -= static_cast<std::int64_t>(samples);
    if (left_ > 0) [[likely]]
      return false;
    left_ = kSamplesPerLook;
    return deadline_ != nullptr && !deadline_->check();
  }

 private:
  const storage::Deadline* deadline_;
  std::int64_t left_ = kSamplesPerLook;
};

// Calls body(window) for every step whose window holds a sample. Returns how many samples all
// windows held together.
template <class Body>
std::uint64_t for_each_window(std::span<const model::TimestampMs> timestamps,
                              const WindowGrid& grid, Body&& body) {
  WindowCursor cursor(timestamps, grid);
  Patience patience(grid);
  std::uint64_t sample_count = 0;
  for (std::size_t step = 0; step < grid.steps; ++step) {
    const Window window = cursor.move_to(step);
    if (window.begin == window.end) continue;
    sample_count += window.size();
    body(window);
    if (patience.is_over(window.size())) break;
  }
  return sample_count;
}

}  // namespace narthex::promql
