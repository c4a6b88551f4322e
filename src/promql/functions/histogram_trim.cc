#include "promql/functions/histogram_trim.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "promql/functions/sparse_histogram.h"

namespace narthex::promql {
namespace {

// What stays of a bucket: a share of its count, and the value that stands for it.
struct Kept {
  double share = 0;  // 0…1
  double middle = 0;
};

double middle_of(double lower, double upper, BucketInterval::Kind kind) {
  if (kind != BucketInterval::Kind::kExponential) return lower / 2 + upper / 2;
  const double geometric = std::sqrt(std::fabs(lower)) * std::sqrt(std::fabs(upper));
  return upper > 0 ? geometric : -geometric;
}

// The share of [lower, upper] that lies in [from, to].
double share_between(const BucketInterval& bucket, double from, double to) {
  if (bucket.kind != BucketInterval::Kind::kExponential) {
    return (to - from) / (bucket.upper - bucket.lower);
  }
  const auto position = [](double value) { return std::log2(std::fabs(value)); };
  return std::fabs((position(to) - position(from)) /
                   (position(bucket.upper) - position(bucket.lower)));
}

// One end is infinite: nothing is known about where in the bucket its values lie.
Kept keep_of_open_bucket(const BucketInterval& bucket, double bound, TrimSide side) {
  const bool upper = side == TrimSide::kUpper;
  if (std::isinf(bucket.lower) && std::isinf(bucket.upper)) return {};
  if (std::isinf(bucket.lower)) {
    return upper ? Kept{1, std::min(bucket.upper, bound)} : Kept{};
  }
  return upper ? Kept{} : Kept{1, std::max(bucket.lower, bound)};
}

Kept keep(const BucketInterval& bucket, double bound, TrimSide side) {
  const bool upper = side == TrimSide::kUpper;
  if (std::isnan(bound) || bound == (upper ? -1 : 1) * std::numeric_limits<double>::infinity())
    return {};
  if (std::isinf(bucket.lower) || std::isinf(bucket.upper))
    return keep_of_open_bucket(bucket, bound, side);
  const double from = upper ? bucket.lower : std::max(bucket.lower, bound);
  const double to = upper ? std::min(bucket.upper, bound) : bucket.upper;
  if (from > to || (from == to && bucket.lower != bucket.upper)) return {};
  const bool whole = from == bucket.lower && to == bucket.upper;
  return {whole ? 1 : share_between(bucket, from, to), middle_of(from, to, bucket.kind)};
}

}  // namespace

HistogramPtr trimmed(const HistogramPtr& histogram, double bound, TrimSide side) {
  const double everything =
      (side == TrimSide::kUpper ? 1 : -1) * std::numeric_limits<double>::infinity();
  if (bound == everything) return histogram;
  SparseHistogram h(*histogram);
  double count = 0;
  double sum = 0;
  bool changed = false;
  const auto trim = [&](const BucketInterval& bucket, double& bucket_count) {
    if (bucket_count == 0) return;
    const Kept kept = keep(bucket, bound, side);
    changed = changed || kept.share != 1;
    bucket_count *= kept.share;
    count += bucket_count;
    if (bucket_count != 0) sum += bucket_count * kept.middle;
  };
  BucketInterval zero = zero_interval(h);
  narrow_zero_bucket(h, zero);
  for (auto& bucket : h.negative) trim(negative_interval(h, bucket), bucket.second);
  trim(zero, h.zero_count);
  for (auto& bucket : h.positive) {
    BucketInterval interval = positive_interval(h, bucket);
    // Values below the first bound of custom buckets are taken for positive if that bound is.
    if (h.custom() && std::isinf(interval.lower) && std::isfinite(interval.upper) &&
        interval.upper > 0) {
      interval.lower = 0;
    }
    trim(interval, bucket.second);
  }
  if (!changed) return histogram;
  h.count = count;
  h.sum = sum;
  return std::make_shared<const model::FloatHistogram>(h.pack());
}

}  // namespace narthex::promql
