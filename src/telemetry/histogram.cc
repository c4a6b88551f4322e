#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "narthex/telemetry/registry.h"

namespace narthex::telemetry {
namespace {

constexpr std::size_t kBucketsMax = 160;
constexpr std::int32_t kSchemaMin = -4;
constexpr std::int32_t kPerOctave = 1 << ExponentialBuckets::kSchemaStart;

// Upper bounds of the buckets inside [0.5, 1], exclusive of the first: 0.5 · 2^(i/8).
std::array<double, kPerOctave> octave_bounds() {
  std::array<double, kPerOctave> bounds{};
  for (std::int32_t i = 0; i < kPerOctave; ++i)
    bounds[static_cast<std::size_t>(i)] = 0.5 * std::exp2(static_cast<double>(i) / kPerOctave);
  return bounds;
}

// The bucket of the start schema. Precondition: value > 0.
std::int32_t bucket_index(double value) {
  static const std::array<double, kPerOctave> kBounds = octave_bounds();
  if (std::isinf(value)) value = std::numeric_limits<double>::max();
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  const auto inside = std::ranges::lower_bound(kBounds, fraction) - kBounds.begin();
  return (exponent - 1) * kPerOctave + static_cast<std::int32_t>(inside);
}

// Where bucket `index` goes when each bucket takes in 2^shift of them.
std::int32_t coarser(std::int32_t index, std::int32_t shift) {
  return (index + (1 << shift) - 1) >> shift;
}

void add_to(ExponentialBuckets::Indexed& buckets, std::int32_t index, std::uint64_t count) {
  const auto at =
      std::ranges::lower_bound(buckets, index, {}, &std::pair<std::int32_t, std::uint64_t>::first);
  if (at != buckets.end() && at->first == index) {
    at->second += count;
  } else {
    buckets.insert(at, {index, count});
  }
}

void halve(ExponentialBuckets::Indexed& buckets) {
  ExponentialBuckets::Indexed halved;
  for (const auto& [index, count] : buckets) add_to(halved, coarser(index, 1), count);
  buckets = std::move(halved);
}

}  // namespace

void ExponentialBuckets::observe(double value) {
  if (std::isnan(value)) return;
  const double size = std::fabs(value);
  if (size <= kZeroThreshold) {
    ++zero_count_;
    return;
  }
  add_to(value > 0 ? positive_ : negative_, coarser(bucket_index(size), kSchemaStart - schema_), 1);
  while (positive_.size() + negative_.size() > kBucketsMax && schema_ > kSchemaMin)
    halve_resolution();
}

void ExponentialBuckets::halve_resolution() {
  --schema_;
  halve(positive_);
  halve(negative_);
}

Histogram::Histogram(std::span<const double> bounds, Buckets buckets)
    : bounds_(bounds.begin(), bounds.end()),
      counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)),
      buckets_(buckets) {}

void Histogram::observe(double value) noexcept {
  if (buckets_ == Buckets::kBounds) {
    count(value);
    return;
  }
  const util::MutexLock lock(mutex_);
  count(value);
  exponential_.observe(value);
}

void Histogram::count(double value) noexcept {
  // The first bound that is not below the value; NaN is below none and belongs to +Inf.
  const auto below = [value](double bound) { return !(value <= bound); };
  const auto bucket =
      static_cast<std::size_t>(std::ranges::partition_point(bounds_, below) - bounds_.begin());
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot out;
  if (buckets_ == Buckets::kBounds) {
    fill(out);
    return out;
  }
  const util::MutexLock lock(mutex_);
  fill(out);
  out.exponential = exponential_;
  return out;
}

void Histogram::fill(Snapshot& out) const {
  out.sum = sum_.load();
  for (std::size_t i = 0; i <= bounds_.size(); ++i) {
    out.count += counts_[i].load();
    const double bound = i < bounds_.size() ? bounds_[i] : std::numeric_limits<double>::infinity();
    out.buckets.emplace_back(bound, out.count);
  }
}

}  // namespace narthex::telemetry
