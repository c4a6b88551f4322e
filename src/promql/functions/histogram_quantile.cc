#include "promql/functions/histogram_quantile.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "promql/functions/kahan.h"
#include "promql/functions/sparse_histogram.h"

namespace narthex::promql {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// Counts that differ by less than this share of their sum are equal: float noise of summed rates.
constexpr double kNoise = 1e-12;

bool nearly_equal(double a, double b) noexcept {
  return std::fabs(a - b) / (std::fabs(a) + std::fabs(b)) < kNoise;
}

void join_equal_bounds(std::vector<ClassicBucket>& buckets) {
  std::size_t kept = 0;
  for (const ClassicBucket& bucket : buckets) {
    if (kept > 0 && buckets[kept - 1].upper == bucket.upper) {
      buckets[kept - 1].count += bucket.count;
    } else {
      buckets[kept++] = bucket;
    }
  }
  buckets.resize(kept);
}

void make_ascending(std::vector<ClassicBucket>& buckets, BucketFix& fix) {
  double previous = buckets.front().count;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    double& count = buckets[i].count;
    if (count == previous) continue;
    if (nearly_equal(count, previous)) {
      count = previous;
    } else if (count < previous) {
      const double difference = previous - count;
      fix.bucket_min = fix.forced ? std::min(fix.bucket_min, buckets[i].upper) : buckets[i].upper;
      fix.bucket_max = fix.forced ? std::max(fix.bucket_max, buckets[i].upper) : buckets[i].upper;
      fix.difference_max = std::max(fix.difference_max, difference);
      fix.forced = true;
      count = previous;
    } else {
      previous = count;
    }
  }
}

// How many observations lie below `value`, by linear or logarithmic interpolation inside of its
// bucket.
class Ranking {
 public:
  explicit Ranking(double total) : total_(total) {}

  void add(const BucketInterval& bucket) {
    for (Target* target : {&lower_, &upper_}) target->see(bucket, rank_);
    rank_ += bucket.count;
  }
  void look_for(double lower, double upper) {
    lower_.value = lower;
    upper_.value = upper;
  }
  [[nodiscard]] double fraction() const noexcept {
    return (upper_.rank_in(total_) - lower_.rank_in(total_)) / total_;
  }

 private:
  struct Target {
    double value = 0;
    double rank = 0;
    bool found = false;

    void see(const BucketInterval& bucket, double rank_before) {
      if (found) return;
      if (bucket.lower >= value) {
        rank = rank_before;
        found = true;
      } else if (bucket.upper > value) {
        rank = rank_before + bucket.count * share_below(bucket);
        found = true;
      }
    }
    [[nodiscard]] double share_below(const BucketInterval& bucket) const {
      if (std::isinf(bucket.lower) || std::isinf(bucket.upper)) return 0;
      if (bucket.kind != BucketInterval::Kind::kExponential) {
        return (value - bucket.lower) / (bucket.upper - bucket.lower);
      }
      const double low = std::log2(std::fabs(bucket.lower));
      const double high = std::log2(std::fabs(bucket.upper));
      const double at = std::log2(std::fabs(value));
      return bucket.lower >= 0 ? (at - low) / (high - low) : 1 - (at - high) / (low - high);
    }
    [[nodiscard]] double rank_in(double total) const noexcept {
      return !found || rank > total ? total : rank;
    }
  };

  double total_;
  double rank_ = 0;
  Target lower_;
  Target upper_;
};

std::vector<BucketInterval> populated_intervals(const model::FloatHistogram& histogram) {
  const SparseHistogram sparse(histogram);
  std::vector<BucketInterval> buckets = intervals_of(sparse);
  std::erase_if(buckets, [](const BucketInterval& bucket) { return bucket.count == 0; });
  for (BucketInterval& bucket : buckets) {
    if (bucket.kind == BucketInterval::Kind::kZero) narrow_zero_bucket(sparse, bucket);
  }
  return buckets;
}

double interpolate(const BucketInterval& bucket, double fraction) {
  if (bucket.kind != BucketInterval::Kind::kExponential) {
    return bucket.lower + (bucket.upper - bucket.lower) * fraction;
  }
  const double low = std::log2(std::fabs(bucket.lower));
  const double high = std::log2(std::fabs(bucket.upper));
  if (bucket.lower >= 0) return std::exp2(low + (high - low) * fraction);
  return -std::exp2(high + (low - high) * (1 - fraction));
}

}  // namespace

bool normalize_buckets(std::vector<ClassicBucket>& buckets, BucketFix& fix) {
  if (buckets.empty()) return false;
  std::ranges::sort(buckets, {}, &ClassicBucket::upper);
  if (buckets.back().upper != kInfinity) return false;
  join_equal_bounds(buckets);
  make_ascending(buckets, fix);
  return buckets.back().count != 0 && !std::isnan(buckets.back().count);
}

double classic_quantile(double q, const std::vector<ClassicBucket>& buckets) noexcept {
  if (std::isnan(q) || buckets.size() < 2) return kNan;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  const std::size_t last = buckets.size() - 1;
  double rank = q * buckets[last].count;
  std::size_t b = 0;
  while (b < last && !(buckets[b].count >= rank)) ++b;
  if (b == last) return buckets[last - 1].upper;
  if (b == 0 && buckets[0].upper <= 0) return buckets[0].upper;
  double start = 0;
  double count = buckets[b].count;
  if (b > 0) {
    start = buckets[b - 1].upper;
    count -= buckets[b - 1].count;
    rank -= buckets[b - 1].count;
  }
  return start + (buckets[b].upper - start) * (rank / count);
}

double classic_fraction(double lower, double upper,
                        const std::vector<ClassicBucket>& buckets) noexcept {
  const double total = buckets.back().count;
  if (std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  Ranking ranking(total);
  ranking.look_for(lower, upper);
  double before_bound = buckets.front().upper > 0 ? 0 : -kInfinity;
  double before_count = 0;
  for (const ClassicBucket& bucket : buckets) {
    ranking.add({before_bound, bucket.upper, false, true, bucket.count - before_count,
                 BucketInterval::Kind::kCustom});
    before_bound = bucket.upper;
    before_count = bucket.count;
  }
  return ranking.fraction();
}

NativeResult native_quantile(double q, const model::FloatHistogram& histogram) {
  if (q < 0) return {-kInfinity};
  if (q > 1) return {kInfinity};
  if (histogram.count == 0 || std::isnan(q)) return {kNan};
  std::vector<BucketInterval> buckets = populated_intervals(histogram);
  if (buckets.empty())
    return {kNan,
            std::isnan(histogram.sum) ? NanObservations::kResultIsNan : NanObservations::kNone};
  // From the nearer end: errors of summing stay small. Observations that are NaN are in no bucket,
  // as if above all.
  const bool has_nans = std::isnan(histogram.sum);
  const bool ascending = has_nans || q < 0.5;
  if (!ascending) std::ranges::reverse(buckets);
  double rank = ascending ? q * histogram.count : (1 - q) * histogram.count;
  double cumulative = 0;
  const BucketInterval* bucket = nullptr;
  for (const BucketInterval& candidate : buckets) {
    bucket = &candidate;
    cumulative += candidate.count;
    if (cumulative >= rank) break;
  }
  BucketInterval found = *bucket;
  if (found.kind == BucketInterval::Kind::kCustom) {
    if (std::isinf(found.lower)) {
      if (found.upper <= 0) return {found.upper};
      found.lower = 0;
    }
    if (std::isinf(found.upper)) return {found.lower};
  }
  if (cumulative < rank) {
    if (has_nans) return {kNan, NanObservations::kResultIsNan};
    return {found.upper};
  }
  NanObservations nans = NanObservations::kNone;
  if (has_nans) {
    double in_buckets = 0;
    for (const BucketInterval& each : buckets) in_buckets += each.count;
    if (in_buckets < histogram.count) nans = NanObservations::kResultIsSkewed;
  }
  rank = ascending ? rank - (cumulative - found.count) : cumulative - rank;
  return {interpolate(found, rank / found.count), nans};
}

NativeResult native_fraction(double lower, double upper, const model::FloatHistogram& histogram) {
  if (histogram.count == 0 || std::isnan(lower) || std::isnan(upper)) return {kNan};
  const NanObservations nans =
      std::isnan(histogram.sum) ? NanObservations::kExcluded : NanObservations::kNone;
  if (lower >= upper) return {0, nans};
  const std::vector<BucketInterval> buckets = populated_intervals(histogram);
  double in_buckets = 0;
  for (const BucketInterval& bucket : buckets) in_buckets += bucket.count;
  Ranking ranking(std::isnan(histogram.sum) ? in_buckets : histogram.count);
  ranking.look_for(lower, upper);
  for (BucketInterval bucket : buckets) {
    const bool first_custom =
        bucket.kind == BucketInterval::Kind::kCustom && std::isinf(bucket.lower);
    if (first_custom && bucket.upper > 0) bucket.lower = 0;
    ranking.add(bucket);
  }
  const double denominator_fix = std::isnan(histogram.sum) ? in_buckets / histogram.count : 1;
  return {ranking.fraction() * denominator_fix, nans};
}

double native_variance(const model::FloatHistogram& histogram) {
  const double mean = histogram.sum / histogram.count;
  KahanSum sum;
  for (const BucketInterval& bucket : intervals_of(SparseHistogram(histogram))) {
    if (bucket.count == 0) continue;
    double middle = 0;
    if (bucket.kind == BucketInterval::Kind::kCustom) {
      middle = (bucket.lower + bucket.upper) / 2;
    } else if (!(bucket.lower <= 0 && bucket.upper >= 0)) {
      middle = std::sqrt(bucket.upper * bucket.lower);
      if (bucket.upper < 0) middle = -middle;
    }
    const double delta = middle - mean;
    sum.add(bucket.count * delta * delta);
  }
  return sum.total() / histogram.count;
}

}  // namespace narthex::promql
