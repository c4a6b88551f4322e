// Sums and means of many native histograms, every number of them compensated (kahan.h).
#pragma once

#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/promql/column.h"

#include "promql/functions/sparse_histogram.h"

namespace narthex::promql {

// Threads: confined.
class HistogramTotal {
 public:
  enum class Kind : std::uint8_t { kSum, kMean };
  explicit HistogramTotal(Kind kind) : kind_(kind) {}

  void add(const model::FloatHistogram& histogram);
  // Takes in what was added to a total of the same kind.
  void merge(const HistogramTotal& later);

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  // Exponential and custom buckets met: there is no result.
  [[nodiscard]] bool mixed_schemas() const noexcept { return mixed_schemas_; }
  [[nodiscard]] bool bounds_reconciled() const noexcept { return bounds_reconciled_; }
  [[nodiscard]] bool conflicting_resets() const noexcept { return saw_reset_ && saw_not_reset_; }
  // The sum or the mean. Precondition: !empty(), !mixed_schemas().
  [[nodiscard]] HistogramPtr result() const;

 private:
  // Compensations of value_'s numbers, its buckets' in the same order.
  struct Rest {
    double zero_count = 0;
    double count = 0;
    double sum = 0;
    std::vector<double> positive;
    std::vector<double> negative;
  };
  void take(SparseHistogram histogram, double members);
  void add_sparse(SparseHistogram histogram);
  // f(number) for every number and its compensation.
  template <class F>
  void change(F&& f);
  void settle();
  [[nodiscard]] bool may_overflow(const SparseHistogram& histogram) const noexcept;

  Kind kind_;
  bool is_mean_ = false;  // value_ is the mean so far: the sum would overflow.
  bool mixed_schemas_ = false;
  bool bounds_reconciled_ = false;
  bool saw_reset_ = false;
  bool saw_not_reset_ = false;
  double count_ = 0;  // Of histograms.
  SparseHistogram value_;
  Rest rest_;
};

}  // namespace narthex::promql
