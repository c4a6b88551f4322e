// How exemplars get out of storage.
#pragma once

#include <span>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/matcher.h"
#include "narthex/model/timestamp.h"

namespace narthex::storage {

struct ExemplarPoint {
  model::TimestampMs timestamp = 0;
  double value = 0;
  model::Labels labels;
};

struct SeriesExemplars {
  model::Labels series;
  std::vector<ExemplarPoint> exemplars;  // Ascending in time.
};

// Threads: synchronized.
class ExemplarQueryable {
 public:
  virtual ~ExemplarQueryable() = default;
  // Of the series for which one of the lists of matchers holds, in order of their labels; series
  // without exemplars in the range are left out.
  [[nodiscard]] virtual std::vector<SeriesExemplars> exemplars(
      model::TimeRange range, std::span<const model::Matchers> any_of) const = 0;
};

}  // namespace narthex::storage
