// Range vectors: what matrix selectors and subqueries give to range functions.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "narthex/promql/ast.h"

#include "promql/engine/selection.h"
#include "promql/engine/vector_op.h"
#include "promql/functions/window.h"

namespace narthex::promql {

// A RangeSamples with the memory behind it. Threads: confined.
class RangeBuffer {
 public:
  explicit RangeBuffer(Scratch& scratch) : raw_(scratch.samples()), clean_(scratch.samples()) {}
  RangeSamples samples;

  [[nodiscard]] storage::SampleColumns& raw() noexcept { return *raw_; }
  // For samples that must be put together anew.
  [[nodiscard]] storage::SampleColumns& clean() noexcept { return *clean_; }
  std::vector<HistogramPtr>& histograms() noexcept { return histograms_; }

 private:
  Scratch::SamplesLoan raw_;
  Scratch::SamplesLoan clean_;
  std::vector<HistogramPtr> histograms_;
};

// Series `index` of a selection, without stale markers.
util::Result<void> read_fresh_samples(QueryContext& context, const Selection& selection,
                                      std::size_t index, RangeBuffer& buffer);

class RangeSource : public SeriesLabels {
 public:
  // Fills buffer.samples.
  virtual util::Result<void> read(std::size_t index, Scratch& scratch,
                                  RangeBuffer& buffer) const = 0;
};
using RangeSourcePtr = std::unique_ptr<RangeSource>;

// What a selector looks at: at step i, up to ref(i).
struct RefGrid {
  model::TimestampMs start = 0;
  std::int64_t step_ms = 0;  // 0 when @ pins it.
  std::size_t count = 0;
  [[nodiscard]] model::TimestampMs at(std::size_t step) const noexcept {
    // Unsigned: at the ends of time it wraps, which loses points but is defined.
    return static_cast<model::TimestampMs>(static_cast<std::uint64_t>(start) +
                                           step * static_cast<std::uint64_t>(step_ms));
  }
};

// How much of histograms is wanted.
enum class HistogramDetail : std::uint8_t {
  kAll,
  // Count and sum alone, with counter resets found while reading: all that histogram_count, _sum
  // and _avg need, at a fraction of the cost.
  kTotals,
};

// What a vector selector gives at each step: the sample, its time, or the time its counter began
// (both in seconds).
enum class SelectorValue : std::uint8_t { kValue, kTimestamp, kStartTimestamp };
struct SelectorOptions {
  SelectorValue value = SelectorValue::kValue;
  HistogramDetail detail = HistogramDetail::kAll;
};
VectorOpPtr make_instant_selector(QueryContext& context, const Selection& selection, bool same_name,
                                  RefGrid refs, SelectorOptions options, SampleTally tally);
// `where` is the selector's position.
VectorOpPtr make_smoothed_selector(QueryContext& context, const Selection& selection,
                                   bool same_name, RefGrid refs, Position where, SampleTally tally);
RangeSourcePtr make_matrix_source(QueryContext& context, const Selection& selection, bool same_name,
                                  HistogramDetail detail);
// The points of an operator planned on `grid`, as samples.
RangeSourcePtr make_subquery_source(VectorOpPtr op, const StepGrid& grid);

}  // namespace narthex::promql
