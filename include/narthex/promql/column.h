// Columns: what one series is worth at each of a query's T steps. Floats lie in an array with one
// presence bit a step; histograms, which are rare, lie beside them in a list sorted by step. A step
// holds a float, a histogram or nothing. A block of columns is one allocation for all of its
// series; a row of it is handed around as a ColumnRef.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/model/timestamp.h"

namespace narthex::promql {

// The instants a query (or a subquery's inner part) is evaluated at: start, start+step, … Threads:
// values.
struct StepGrid {
  model::TimestampMs start = 0;
  std::int64_t step_ms = 1;  // > 0; 1 for an instant query.
  std::size_t count = 1;     // > 0 but for a subquery whose range holds no multiple of its step.

  [[nodiscard]] model::TimestampMs at(std::size_t step) const noexcept {
    return start + static_cast<std::int64_t>(step) * step_ms;
  }
  // Precondition: count > 0.
  [[nodiscard]] model::TimestampMs last() const noexcept { return at(count - 1); }
  friend bool operator==(const StepGrid&, const StepGrid&) = default;
};

using HistogramPtr = std::shared_ptr<const model::FloatHistogram>;

struct HistogramPoint {
  std::uint32_t step = 0;
  HistogramPtr histogram;  // Never null.
};
using HistogramList = std::vector<HistogramPoint>;  // Steps strictly ascending.

[[nodiscard]] constexpr std::size_t presence_words(std::size_t steps) noexcept {
  return (steps + 63) / 64;
}

// A writable row. Cheap to copy; points into a ColumnBlock or a Column. Threads: external.
class ColumnRef {
 public:
  ColumnRef(double* values, std::uint64_t* present, HistogramList* histograms,
            std::size_t steps) noexcept
      : values_(values), present_(present), histograms_(histograms), steps_(steps) {}

  [[nodiscard]] std::size_t steps() const noexcept { return steps_; }
  // Values of steps without a float are unspecified.
  [[nodiscard]] double* values() const noexcept { return values_; }
  [[nodiscard]] std::span<std::uint64_t> present() const noexcept {
    return {present_, presence_words(steps_)};
  }
  [[nodiscard]] HistogramList& histograms() const noexcept { return *histograms_; }

  [[nodiscard]] bool has_float(std::size_t step) const noexcept {
    return (present_[step / 64] >> (step % 64) & 1U) != 0;
  }
  void set(std::size_t step, double value) const noexcept {
    values_[step] = value;
    present_[step / 64] |= std::uint64_t{1} << (step % 64);
  }
  void unset(std::size_t step) const noexcept {
    present_[step / 64] &= ~(std::uint64_t{1} << (step % 64));
  }
  // Precondition: step is past every histogram already there.
  void add(std::size_t step, HistogramPtr histogram) const {
    histograms_->push_back({static_cast<std::uint32_t>(step), std::move(histogram)});
  }
  // Every step a float; the values are then the caller's to write.
  void set_all_present() const noexcept;
  void clear() const noexcept;

  [[nodiscard]] bool empty() const noexcept;
  [[nodiscard]] std::size_t float_count() const noexcept;
  // Calls f(step) for each float, in order.
  template <class F>
  void for_each_float(F&& f) const {
    for (std::size_t w = 0; w < presence_words(steps_); ++w) {
      for (std::uint64_t bits = present_[w]; bits != 0; bits &= bits - 1) {
        f(w * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
      }
    }
  }

 private:
  double* values_;
  std::uint64_t* present_;
  HistogramList* histograms_;
  std::size_t steps_;
};

// One column that owns its memory: scratch space. Threads: confined.
class Column {
 public:
  explicit Column(std::size_t steps)
      : values_(steps), present_(presence_words(steps)), steps_(steps) {}
  [[nodiscard]] ColumnRef ref() noexcept {
    return {values_.data(), present_.data(), &histograms_, steps_};
  }
  // Makes it an empty column of `steps` steps; keeps capacity.
  void reset(std::size_t steps);
  // What it keeps allocated.
  [[nodiscard]] std::size_t capacity_bytes() const noexcept {
    return values_.capacity() * sizeof(double) + present_.capacity() * sizeof(std::uint64_t) +
           histograms_.capacity() * sizeof(HistogramPoint);
  }

 private:
  std::vector<double> values_;
  std::vector<std::uint64_t> present_;
  HistogramList histograms_;
  std::size_t steps_;
};

// Rows of equal length. Threads: external; different rows may be written at once.
class ColumnBlock {
 public:
  ColumnBlock() = default;
  ColumnBlock(std::size_t rows, std::size_t steps);
  [[nodiscard]] std::size_t rows() const noexcept { return histograms_.size(); }
  [[nodiscard]] std::size_t steps() const noexcept { return steps_; }
  // The row may be written through the result, even that of a const block: constness is the
  // holder's promise.
  [[nodiscard]] ColumnRef row(std::size_t index) const noexcept {
    return {values_.get() + index * steps_, present_.get() + index * presence_words(steps_),
            &histograms_[index], steps_};
  }
  // What a block of this shape takes, histograms aside.
  [[nodiscard]] static std::uint64_t bytes_for(std::size_t rows, std::size_t steps) noexcept;

 private:
  std::size_t steps_ = 0;
  std::unique_ptr<double[]> values_;  // Not initialised.
  std::unique_ptr<std::uint64_t[]> present_;
  mutable std::vector<HistogramList> histograms_;
};

}  // namespace narthex::promql
