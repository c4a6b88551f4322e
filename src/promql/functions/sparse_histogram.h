// A histogram as lists of numbered buckets: the form in which layouts can be changed.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "narthex/model/histogram.h"

namespace narthex::promql {

struct SparseHistogram {
  using Buckets =
      std::vector<std::pair<std::int32_t, double>>;  // Index, count; indices strictly ascending.

  model::CounterResetHint hint = model::CounterResetHint::kUnknown;
  std::int32_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  Buckets positive;
  Buckets negative;
  std::vector<double> custom_values;

  SparseHistogram() = default;
  explicit SparseHistogram(const model::FloatHistogram& histogram);
  // Compact.
  [[nodiscard]] model::FloatHistogram pack() const;

  [[nodiscard]] bool custom() const noexcept { return schema == model::kCustomBucketsSchema; }
  // Precondition: exponential, target <= schema.
  void lower_resolution(std::int32_t target);
  // The threshold becomes at least `threshold`; more, if that would cut a populated bucket in two.
  // Precondition: not custom.
  void widen_zero_bucket(double threshold);
  // Counts move up to the next of `bounds`, which is a part of custom_values. Precondition: custom.
  void take_bounds(const std::vector<double>& bounds);
};

// Upper bound of positive bucket `index`: 2^(index·2^-schema); MaxFloat64 for 2^1024, +Inf beyond.
[[nodiscard]] double exponential_bound(std::int32_t index, std::int32_t schema) noexcept;

// Brings both to the coarser of their layouts.
enum class Reconciled : std::uint8_t { kImpossible, kYes, kYesWithOtherBounds };
[[nodiscard]] Reconciled reconcile(SparseHistogram& a, SparseHistogram& b);

// One bucket as an interval of values.
struct BucketInterval {
  double lower = 0;
  double upper = 0;
  bool lower_inclusive = false;
  bool upper_inclusive = true;
  double count = 0;
  enum class Kind : std::uint8_t { kExponential, kCustom, kZero } kind = Kind::kExponential;
};
[[nodiscard]] BucketInterval positive_interval(const SparseHistogram& histogram,
                                               const SparseHistogram::Buckets::value_type& bucket);
// Precondition: not custom.
[[nodiscard]] BucketInterval negative_interval(const SparseHistogram& histogram,
                                               const SparseHistogram::Buckets::value_type& bucket);
[[nodiscard]] BucketInterval zero_interval(const SparseHistogram& histogram);
// The zero bucket reaches to a side only if there are buckets on it, or none at all.
void narrow_zero_bucket(const SparseHistogram& histogram, BucketInterval& zero);

// All buckets in ascending order, the zero bucket in its place if it holds anything.
[[nodiscard]] std::vector<BucketInterval> intervals_of(const SparseHistogram& histogram);

}  // namespace narthex::promql
