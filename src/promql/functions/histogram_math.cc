#include "promql/functions/histogram_math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>

#include <fmt/format.h>

#include "narthex/util/number.h"

#include "promql/functions/sparse_histogram.h"

namespace narthex::promql {
namespace {

using model::CounterResetHint;
using model::FloatHistogram;
using Buckets = SparseHistogram::Buckets;

HistogramPtr packed(const SparseHistogram& sparse) {
  return std::make_shared<const FloatHistogram>(sparse.pack());
}

// a += factor·b, bucket by bucket.
Buckets combined(const Buckets& a, const Buckets& b, double factor) {
  Buckets out;
  out.reserve(a.size() + b.size());
  auto i = a.begin();
  auto j = b.begin();
  while (i != a.end() || j != b.end()) {
    if (j == b.end() || (i != a.end() && i->first < j->first)) {
      out.push_back(*i++);
    } else if (i == a.end() || j->first < i->first) {
      out.emplace_back(j->first, factor * j->second);
      ++j;
    } else {
      out.emplace_back(i->first, i->second + factor * j->second);
      ++i;
      ++j;
    }
  }
  return out;
}

HistogramSum combine(const FloatHistogram& left, const FloatHistogram& right, double factor) {
  SparseHistogram a(left);
  SparseHistogram b(right);
  const Reconciled reconciled = reconcile(a, b);
  if (reconciled == Reconciled::kImpossible) return {};
  const JoinedHint joined = join_hints(a.hint, b.hint);
  a.hint = joined.hint;
  a.zero_count += factor * b.zero_count;
  a.count += factor * b.count;
  a.sum += factor * b.sum;
  a.positive = combined(a.positive, b.positive, factor);
  a.negative = combined(a.negative, b.negative, factor);
  if (factor < 0) a.hint = CounterResetHint::kGauge;
  return {packed(a), reconciled == Reconciled::kYesWithOtherBounds, joined.conflict};
}

void scale_buckets(Buckets& buckets, double factor) {
  for (auto& [index, count] : buckets) count *= factor;
}

bool same_bits(double a, double b) noexcept {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

bool same_buckets(const Buckets& a, const Buckets& b) noexcept {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && same_bits(x.second, y.second);
  });
}

double count_in(const Buckets& buckets, std::int32_t index) noexcept {
  const auto it = std::ranges::lower_bound(buckets, index, {}, &Buckets::value_type::first);
  return it != buckets.end() && it->first == index ? it->second : 0;
}

bool any_bucket_shrank(const Buckets& before, const Buckets& now) noexcept {
  return std::ranges::any_of(before, [&](const auto& bucket) {
    return bucket.second > 0 && count_in(now, bucket.first) < bucket.second;
  });
}

}  // namespace

JoinedHint join_hints(CounterResetHint a, CounterResetHint b) noexcept {
  using enum CounterResetHint;
  if (a == b) return {a, false};
  if (a == kGauge || b == kGauge) return {kGauge, false};
  if (a == kUnknown || b == kUnknown) return {kUnknown, false};
  return {kUnknown, true};
}

HistogramPtr scaled(const FloatHistogram& histogram, double factor) {
  SparseHistogram h(histogram);
  h.zero_count *= factor;
  h.count *= factor;
  h.sum *= factor;
  scale_buckets(h.positive, factor);
  scale_buckets(h.negative, factor);
  if (factor < 0) h.hint = CounterResetHint::kGauge;
  return packed(h);
}

HistogramPtr divided(const FloatHistogram& histogram, double divisor) {
  SparseHistogram h(histogram);
  h.zero_count /= divisor;
  h.count /= divisor;
  h.sum /= divisor;
  if (divisor == 0) {
    h.positive.clear();
    h.negative.clear();
  }
  for (Buckets* side : {&h.positive, &h.negative}) {
    for (auto& [index, count] : *side) count /= divisor;
  }
  if (divisor < 0) h.hint = CounterResetHint::kGauge;
  return packed(h);
}

HistogramSum added(const FloatHistogram& left, const FloatHistogram& right) {
  return combine(left, right, 1);
}
HistogramSum subtracted(const FloatHistogram& left, const FloatHistogram& right) {
  return combine(left, right, -1);
}

bool is_reset(const FloatHistogram& current, const FloatHistogram& previous) {
  if (current.counter_reset_hint == CounterResetHint::kReset) return true;
  if (current.counter_reset_hint == CounterResetHint::kNotReset) return false;
  if (current.count < previous.count) return true;
  SparseHistogram now(current);
  SparseHistogram before(previous);
  if (now.custom() != before.custom()) return true;
  if (now.custom()) {
    // Buckets between common bounds are made of whole buckets on either side.
    static_cast<void>(reconcile(now, before));
    return any_bucket_shrank(before.positive, now.positive);
  }
  if (now.schema > before.schema || now.zero_threshold < before.zero_threshold) return true;
  before.widen_zero_bucket(now.zero_threshold);
  if (before.zero_threshold != now.zero_threshold) return true;  // It would cut a populated bucket.
  if (now.zero_count < before.zero_count) return true;
  before.lower_resolution(now.schema);
  return any_bucket_shrank(before.positive, now.positive) ||
         any_bucket_shrank(before.negative, now.negative);
}

bool same_histogram(const FloatHistogram& a, const FloatHistogram& b) noexcept {
  if (a.schema != b.schema || !same_bits(a.zero_threshold, b.zero_threshold) ||
      !same_bits(a.zero_count, b.zero_count) || !same_bits(a.count, b.count) ||
      !same_bits(a.sum, b.sum) ||
      !std::ranges::equal(a.custom_values, b.custom_values, same_bits)) {
    return false;
  }
  const SparseHistogram left(a);
  const SparseHistogram right(b);
  return same_buckets(left.positive, right.positive) && same_buckets(left.negative, right.negative);
}

std::uint64_t samples_worth(const model::FloatHistogram& histogram) noexcept {
  constexpr std::uint64_t kFixedBytes = 168;
  constexpr std::uint64_t kBytesEach = 8;  // Of a span, a bucket, a bound.
  constexpr std::uint64_t kTimestampBytes = 8;
  constexpr std::uint64_t kFloatSampleBytes = 16;
  const std::uint64_t parts = histogram.positive_spans.size() + histogram.negative_spans.size() +
                              histogram.positive_buckets.size() +
                              histogram.negative_buckets.size() + histogram.custom_values.size();
  return (kFixedBytes + kBytesEach * parts + kTimestampBytes) / kFloatSampleBytes;
}

std::uint64_t samples_worth(std::span<const model::FloatHistogram* const> histograms) noexcept {
  std::uint64_t worth = 0;
  for (const model::FloatHistogram* histogram : histograms) worth += samples_worth(*histogram);
  return worth;
}

std::string histogram_text(const FloatHistogram& histogram) {
  std::string out = "{count:";
  util::append_general(out, histogram.count);
  out += ", sum:";
  util::append_general(out, histogram.sum);
  for (const BucketInterval& bucket : intervals_of(SparseHistogram(histogram))) {
    if (bucket.count == 0) continue;
    out += bucket.lower_inclusive ? ", [" : ", (";
    util::append_general(out, bucket.lower);
    out += ',';
    util::append_general(out, bucket.upper);
    out += bucket.upper_inclusive ? "]:" : "):";
    util::append_general(out, bucket.count);
  }
  out += '}';
  return out;
}

}  // namespace narthex::promql
