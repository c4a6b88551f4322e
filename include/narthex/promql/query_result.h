// What a query gives back: columns, and labels beside them. The API writes its JSON straight from
// here. Threads: values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/timestamp.h"
#include "narthex/promql/column.h"
#include "narthex/promql/value_type.h"
#include "narthex/storage/queryable.h"

namespace narthex::promql {

// The series of a vector or a matrix. Points lie either on the query's step grid or, for a range
// vector as the result of an instant query, at the samples' own times; for_each_point hides which.
class ResultSeries {
 public:
  ResultSeries() = default;
  // Series i has the labels labels[i] and the row rows[i] of `block`. Every one of them holds at
  // least one point.
  ResultSeries(StepGrid grid, std::vector<model::Labels> labels, std::vector<std::uint32_t> rows,
               ColumnBlock block)
      : grid_(grid), labels_(std::move(labels)), rows_(std::move(rows)), block_(std::move(block)) {}
  ResultSeries(std::vector<model::Labels> labels, std::vector<storage::SampleColumns> samples)
      : labels_(std::move(labels)), samples_(std::move(samples)) {}

  [[nodiscard]] std::size_t size() const noexcept { return labels_.size(); }
  [[nodiscard]] const model::Labels& labels(std::size_t index) const noexcept {
    return labels_[index];
  }

  // on_float(TimestampMs, double) and on_histogram(TimestampMs, const model::FloatHistogram&),
  // ascending in time.
  template <class OnFloat, class OnHistogram>
  void for_each_point(std::size_t index, OnFloat&& on_float, OnHistogram&& on_histogram) const;

  // What it takes, about.
  [[nodiscard]] std::uint64_t memory_bytes() const noexcept;
  [[nodiscard]] std::size_t float_count(std::size_t index) const noexcept;
  [[nodiscard]] std::size_t histogram_count(std::size_t index) const noexcept;
  // Keeps the first `count` series.
  void truncate(std::size_t count);

 private:
  [[nodiscard]] bool on_grid() const noexcept { return samples_.empty(); }

  StepGrid grid_;
  std::vector<model::Labels> labels_;
  std::vector<std::uint32_t> rows_;
  ColumnBlock block_;
  std::vector<storage::SampleColumns> samples_;
};

struct Annotations {
  std::vector<std::string>
      warnings;  // "PromQL warning: … (line:col)"; unique, sorted, all of them.
  std::vector<std::string> infos;
};

// Seconds.
struct QueryTimings {
  double queue = 0;
  double preparation = 0;  // Parsing, planning, finding series.
  double evaluation = 0;   // Reading samples and computing.
  double sort = 0;
  double total = 0;  // All of it, the wait in the queue included.
};

struct QuerySamples {
  std::uint64_t queryable = 0;  // Summed over steps: what each step looked at.
  std::uint64_t read = 0;       // Decoded from storage, each once.
  std::uint64_t peak = 0;       // Held at one time.
  // By step of the query's grid; empty unless both options per_step_stats are on.
  std::vector<std::uint64_t> queryable_per_step;
};

struct QueryResult {
  ValueType type = ValueType::kVector;
  StepGrid grid;        // Of the whole query; one step for an instant query.
  double scalar = 0;    // kScalar, at grid.start.
  std::string text;     // kString.
  ResultSeries series;  // kVector (each with one point), kMatrix (sorted by labels).
  Annotations annotations;
  QueryTimings timings;
  QuerySamples samples;
  // Holds what `series` takes against the memory of all queries: an answer that waits for a slow
  // client takes it as well. May outlive the engine.
  std::shared_ptr<const void> charge;
};

template <class OnFloat, class OnHistogram>
void ResultSeries::for_each_point(std::size_t index, OnFloat&& on_float,
                                  OnHistogram&& on_histogram) const {
  if (!on_grid()) {
    const storage::SampleColumns& samples = samples_[index];
    std::size_t h = 0;
    for (std::size_t f = 0; f < samples.float_timestamps.size(); ++f) {
      for (; h < samples.histograms.size() &&
             samples.histogram_timestamps[h] < samples.float_timestamps[f];
           ++h) {
        on_histogram(samples.histogram_timestamps[h], samples.histograms[h]);
      }
      on_float(samples.float_timestamps[f], samples.float_values[f]);
    }
    for (; h < samples.histograms.size(); ++h)
      on_histogram(samples.histogram_timestamps[h], samples.histograms[h]);
    return;
  }
  const ColumnRef row = block_.row(rows_[index]);
  const HistogramList& histograms = row.histograms();
  std::size_t h = 0;
  row.for_each_float([&](std::size_t step) {
    for (; h < histograms.size() && histograms[h].step < step; ++h) {
      on_histogram(grid_.at(histograms[h].step), *histograms[h].histogram);
    }
    on_float(grid_.at(step), row.values()[step]);
  });
  for (; h < histograms.size(); ++h)
    on_histogram(grid_.at(histograms[h].step), *histograms[h].histogram);
}

}  // namespace narthex::promql
