// How samples get out of storage. The engine sees nothing but this: it asks for a set of series,
// then has each one's samples decoded into arrays, series by series, from several threads at once
// if it likes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/model/labels.h"
#include "narthex/model/matcher.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/clock.h"
#include "narthex/util/result.h"

namespace narthex::storage {

// One series' samples in a time range, ascending in time, floats and histograms in lists of their
// own; stale markers included. Reused between series: clear() keeps capacity. Threads: confined.
struct SampleColumns {
  std::vector<model::TimestampMs> float_timestamps;
  std::vector<double> float_values;  // As long as float_timestamps.
  std::vector<model::TimestampMs> histogram_timestamps;
  std::vector<model::FloatHistogram> histograms;  // As long as histogram_timestamps.
  // When each sample's counter began, 0 = unknown. Empty where nothing is known (the rule), or as
  // long as the timestamps.
  std::vector<model::TimestampMs> float_starts;
  std::vector<model::TimestampMs> histogram_starts;

  void clear() noexcept {
    float_timestamps.clear();
    float_values.clear();
    histogram_timestamps.clear();
    histograms.clear();
    float_starts.clear();
    histogram_starts.clear();
  }
};

// When to give up. Checked between series; long loops inside check it too. Threads: immutable.
struct Deadline {
  std::stop_token stop;                // Asked to stop: kCanceled.
  const util::Clock* clock = nullptr;  // Null: no deadline.
  util::SteadyNs at_ns = 0;            // On clock's steady time: kTimeout.
  [[nodiscard]] util::Result<void> check() const;
};

// A snapshot of which series matched and of what each holds. It sees exactly the batches that were
// committed before it was made. Indices are 0 … size()-1. Threads: synchronized (const functions
// may run on several threads at once).
class SeriesSet {
 public:
  virtual ~SeriesSet() = default;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  [[nodiscard]] virtual model::Labels labels(std::size_t index) const = 0;
  // One label's value, empty if absent. Valid for the life of the set. Cheaper than labels() where
  // few labels matter.
  [[nodiscard]] virtual std::string_view label_value(std::size_t index,
                                                     std::string_view name) const = 0;
  // Appends the samples with t in `range` to `out` (which the caller has cleared).
  // kCorruption when damaged data had to be left out.
  virtual util::Result<void> read(std::size_t index, model::TimeRange range,
                                  SampleColumns& out) const = 0;
  // At most this many samples lie in the whole range of the select; cheap, from chunk metadata.
  [[nodiscard]] virtual std::uint64_t samples_max(std::size_t index) const = 0;
};

enum class SeriesOrder : std::uint8_t {
  kAny,       // Storage's own order; stable for one set.
  kByLabels,  // As Labels compare.
};

struct LabelQuery {
  std::span<const model::Matcher> matchers;  // All must hold; empty = everything.
  std::size_t limit = 0;                     // 0 = none. One more than the limit is never returned.
};

// Reads one time range. Threads: synchronized.
class Querier {
 public:
  virtual ~Querier() = default;
  // Precondition: at least one matcher.
  virtual util::Result<std::unique_ptr<SeriesSet>> select(std::span<const model::Matcher> matchers,
                                                          SeriesOrder order,
                                                          const Deadline& deadline) = 0;
  // Sorted, unique.
  virtual util::Result<std::vector<std::string>> label_names(const LabelQuery& query,
                                                             const Deadline& deadline) = 0;
  virtual util::Result<std::vector<std::string>> label_values(const std::string& name,
                                                              const LabelQuery& query,
                                                              const Deadline& deadline) = 0;
};

// Threads: synchronized.
class Queryable {
 public:
  virtual ~Queryable() = default;
  // A reader of the samples in `range`. It may outlive a reload but not the Queryable.
  virtual util::Result<std::unique_ptr<Querier>> querier(model::TimeRange range) = 0;
};

}  // namespace narthex::storage
