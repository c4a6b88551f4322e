// A Queryable that keeps everything in vectors: for tests and benchmarks that need samples but no
// database. Threads: external for writes; any number of readers once writing has stopped.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/model/histogram.h"
#include "narthex/model/labels.h"
#include "narthex/storage/queryable.h"

namespace narthex::test {

class MemoryStorage final : public storage::Queryable {
 public:
  // Samples of one series may come in any order; one at an existing timestamp replaces it, whatever
  // its type was.
  void append(const model::Labels& labels, model::TimestampMs timestamp, double value);
  // The sample at `timestamp`, which is there, belongs to a counter that began at `start`.
  void set_start(const model::Labels& labels, model::TimestampMs timestamp,
                 model::TimestampMs start);
  // A histogram whose hint is kUnknown is read back as a database would tell it: kNotReset when it
  // follows another histogram of its series without a drop of any count, else kUnknown.
  void append(const model::Labels& labels, model::TimestampMs timestamp,
              model::FloatHistogram histogram);
  void clear() noexcept;
  [[nodiscard]] std::size_t series_count() const noexcept { return series_.size(); }

  // Outcome of a whole select can be forced to fail, to test how errors travel.
  void fail_selects_with(util::Error error) {
    select_error_ = std::make_shared<util::Error>(std::move(error));
  }

  util::Result<std::unique_ptr<storage::Querier>> querier(model::TimeRange range) override;

 private:
  friend class MemoryQuerier;
  friend class MemorySeriesSet;
  struct Series {
    model::Labels labels;
    storage::SampleColumns samples;
    std::map<model::TimestampMs, model::TimestampMs> starts;  // By the sample's time.
  };
  Series& ensure(const model::Labels& labels);

  std::vector<std::unique_ptr<Series>>
      series_;  // In order of creation: what SeriesOrder::kAny gives.
  boost::unordered_flat_map<model::Labels, Series*, model::LabelsHasher> by_labels_;
  std::shared_ptr<util::Error> select_error_;
};

}  // namespace narthex::test
