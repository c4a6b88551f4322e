#include "promql/functions/sparse_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace narthex::promql {
namespace {

using Buckets = SparseHistogram::Buckets;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Buckets unpack(const std::vector<model::Span>& spans, const std::vector<double>& counts) {
  Buckets out;
  out.reserve(counts.size());
  std::int32_t index = 0;
  std::size_t next = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && next < counts.size(); ++i)
      out.emplace_back(index++, counts[next++]);
  }
  return out;
}

void pack_buckets(const Buckets& buckets, std::vector<model::Span>& spans,
                  std::vector<double>& counts) {
  std::int32_t end = 0;  // One past the last bucket written.
  for (const auto& [index, count] : buckets) {
    if (count == 0) continue;
    if (spans.empty() || index != end) {
      spans.push_back({index - end, 1});
    } else {
      spans.back().length += 1;
    }
    counts.push_back(count);
    end = index + 1;
  }
}

void merge_equal(Buckets& buckets) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (kept > 0 && buckets[kept - 1].first == buckets[i].first) {
      buckets[kept - 1].second += buckets[i].second;
    } else {
      buckets[kept++] = buckets[i];
    }
  }
  buckets.resize(kept);
}

// Moves the buckets that start below `threshold` into `zero_count`; raises the threshold to the far
// bound of a populated bucket that it would cut.
void absorb(Buckets& buckets, std::int32_t schema, double& zero_count, double& threshold) {
  std::size_t absorbed = 0;
  for (const auto& [index, count] : buckets) {
    if (exponential_bound(index - 1, schema) >= threshold) break;
    zero_count += count;
    const double upper = exponential_bound(index, schema);
    if (upper > threshold && count != 0) threshold = upper;
    ++absorbed;
  }
  buckets.erase(buckets.begin(), buckets.begin() + static_cast<std::ptrdiff_t>(absorbed));
}

}  // namespace

SparseHistogram::SparseHistogram(const model::FloatHistogram& h)
    : hint(h.counter_reset_hint),
      schema(h.schema),
      zero_threshold(h.zero_threshold),
      zero_count(h.zero_count),
      count(h.count),
      sum(h.sum),
      positive(unpack(h.positive_spans, h.positive_buckets)),
      negative(unpack(h.negative_spans, h.negative_buckets)),
      custom_values(h.custom_values) {}

model::FloatHistogram SparseHistogram::pack() const {
  model::FloatHistogram out;
  out.counter_reset_hint = hint;
  out.schema = schema;
  out.zero_threshold = zero_threshold;
  out.zero_count = zero_count;
  out.count = count;
  out.sum = sum;
  out.custom_values = custom_values;
  pack_buckets(positive, out.positive_spans, out.positive_buckets);
  pack_buckets(negative, out.negative_spans, out.negative_buckets);
  return out;
}

void SparseHistogram::lower_resolution(std::int32_t target) {
  const std::int32_t shift = schema - target;
  if (shift <= 0) return;
  for (Buckets* side : {&positive, &negative}) {
    for (auto& [index, ignored] : *side) index = ((index - 1) >> shift) + 1;
    merge_equal(*side);
  }
  schema = target;
}

void SparseHistogram::widen_zero_bucket(double threshold) {
  if (threshold <= zero_threshold) return;
  // Either side may push the threshold into the other one's next bucket.
  double before = -1;
  while (threshold != before) {
    before = threshold;
    absorb(positive, schema, zero_count, threshold);
    absorb(negative, schema, zero_count, threshold);
  }
  zero_threshold = threshold;
}

void SparseHistogram::take_bounds(const std::vector<double>& bounds) {
  for (auto& [index, ignored] : positive) {
    const auto i = static_cast<std::size_t>(index);
    const double upper = i < custom_values.size() ? custom_values[i] : kInfinity;
    index = static_cast<std::int32_t>(std::ranges::lower_bound(bounds, upper) - bounds.begin());
  }
  merge_equal(positive);
  custom_values = bounds;
}

double exponential_bound(std::int32_t index, std::int32_t schema) noexcept {
  constexpr int kExponentMax = 1024;
  int exponent = 0;
  double fraction = 1;
  if (schema <= 0) {
    const std::int64_t wide = static_cast<std::int64_t>(index) * (std::int64_t{1} << -schema);
    exponent = static_cast<int>(std::clamp<std::int64_t>(wide, -4096, 4096));
  } else {
    const std::int32_t per_octave = std::int32_t{1} << schema;
    exponent = index >> schema;
    fraction =
        std::exp2(static_cast<double>(index & (per_octave - 1)) / static_cast<double>(per_octave));
  }
  if (exponent == kExponentMax && fraction == 1) return std::numeric_limits<double>::max();
  return std::ldexp(fraction, exponent);
}

Reconciled reconcile(SparseHistogram& a, SparseHistogram& b) {
  if (a.custom() != b.custom()) return Reconciled::kImpossible;
  if (a.custom()) {
    if (a.custom_values == b.custom_values) return Reconciled::kYes;
    std::vector<double> common;
    std::ranges::set_intersection(a.custom_values, b.custom_values, std::back_inserter(common));
    a.take_bounds(common);
    b.take_bounds(common);
    return Reconciled::kYesWithOtherBounds;
  }
  const std::int32_t schema = std::min(a.schema, b.schema);
  // The zero bucket first: it may grow over buckets at their own resolution.
  while (a.zero_threshold != b.zero_threshold) {
    const double wider = std::max(a.zero_threshold, b.zero_threshold);
    a.widen_zero_bucket(wider);
    b.widen_zero_bucket(wider);
  }
  a.lower_resolution(schema);
  b.lower_resolution(schema);
  return Reconciled::kYes;
}

BucketInterval positive_interval(const SparseHistogram& h, const Buckets::value_type& bucket) {
  const auto& [index, count] = bucket;
  if (h.custom()) {
    const auto i = static_cast<std::size_t>(index);
    const double lower = i == 0 ? -kInfinity : h.custom_values[i - 1];
    const double upper = i < h.custom_values.size() ? h.custom_values[i] : kInfinity;
    return {lower, upper, i == 0, true, count, BucketInterval::Kind::kCustom};
  }
  return {exponential_bound(index - 1, h.schema),
          exponential_bound(index, h.schema),
          false,
          true,
          count,
          BucketInterval::Kind::kExponential};
}

BucketInterval negative_interval(const SparseHistogram& h, const Buckets::value_type& bucket) {
  const auto& [index, count] = bucket;
  return {-exponential_bound(index, h.schema),
          -exponential_bound(index - 1, h.schema),
          true,
          false,
          count,
          BucketInterval::Kind::kExponential};
}

BucketInterval zero_interval(const SparseHistogram& h) {
  return {-h.zero_threshold, h.zero_threshold,           true, true,
          h.zero_count,      BucketInterval::Kind::kZero};
}

void narrow_zero_bucket(const SparseHistogram& h, BucketInterval& zero) {
  const auto any = [](const Buckets& buckets) {
    return std::ranges::any_of(buckets, [](const auto& b) { return b.second != 0; });
  };
  const bool any_negative = any(h.negative);
  const bool any_positive = any(h.positive);
  if (any_positive && !any_negative) zero.lower = 0;
  if (any_negative && !any_positive) zero.upper = 0;
}

std::vector<BucketInterval> intervals_of(const SparseHistogram& h) {
  std::vector<BucketInterval> out;
  for (auto it = h.negative.rbegin(); it != h.negative.rend(); ++it)
    out.push_back(negative_interval(h, *it));
  if (h.zero_count != 0) out.push_back(zero_interval(h));
  for (const auto& bucket : h.positive) out.push_back(positive_interval(h, bucket));
  return out;
}

}  // namespace narthex::promql
