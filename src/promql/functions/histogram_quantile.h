// Quantiles and fractions of classic buckets and of native histograms (promql.md §6.4).
#pragma once

#include <vector>

#include "narthex/model/histogram.h"

namespace narthex::promql {

struct ClassicBucket {
  double upper = 0;
  double count = 0;  // Cumulative.
};

// What had to be changed so that counts ascend.
struct BucketFix {
  bool forced = false;
  double bucket_min = 0;
  double bucket_max = 0;
  double difference_max = 0;
};

// Sorts, joins equal bounds and makes counts ascend. False without a +Inf bucket or without any
// observation.
[[nodiscard]] bool normalize_buckets(std::vector<ClassicBucket>& buckets, BucketFix& fix);
// Precondition for both: normalized. Any q.
[[nodiscard]] double classic_quantile(double q, const std::vector<ClassicBucket>& buckets) noexcept;
[[nodiscard]] double classic_fraction(double lower, double upper,
                                      const std::vector<ClassicBucket>& buckets) noexcept;

// Whether observations that are NaN falsify the result, and how.
enum class NanObservations : std::uint8_t { kNone, kResultIsNan, kResultIsSkewed, kExcluded };
struct NativeResult {
  double value = 0;
  NanObservations nans = NanObservations::kNone;
};
[[nodiscard]] NativeResult native_quantile(double q, const model::FloatHistogram& histogram);
[[nodiscard]] NativeResult native_fraction(double lower, double upper,
                                           const model::FloatHistogram& histogram);
// Population variance, each bucket standing for its middle.
[[nodiscard]] double native_variance(const model::FloatHistogram& histogram);

}  // namespace narthex::promql
