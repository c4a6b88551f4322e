#include "narthex/exposition/native_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include <fmt/format.h>

namespace narthex::exposition {
namespace {

using model::FloatHistogram;
using model::IntHistogram;
using model::Span;
using util::Code;
using util::fail;

// Explicit buckets keep short runs of empty ones: a span costs more than they do.
constexpr std::int64_t kCustomGapMax = 2;

// A bucket with its absolute count.
template <class Count>
struct Indexed {
  std::int64_t index = 0;
  Count count = 0;
};
template <class Count>
using Buckets = std::vector<Indexed<Count>>;

std::unexpected<util::Error> invalid(std::string message) {
  return fail(Code::kInvalidArgument, "invalid histogram: " + message);
}

// Spans that name as many buckets as there are, in ascending order. Empty spans only move on.
util::Result<void> check_spans(const std::vector<Span>& spans, std::size_t count) {
  // Far beyond every number, so that the distance of two indexes is an offset, too.
  constexpr std::int64_t kIndexMax = std::int64_t{1} << 30U;
  std::uint64_t total = 0;
  std::int64_t index = 0;
  for (std::size_t i = 0; i < spans.size() && total <= count; ++i) {
    if (i > 0 && spans[i].offset < 0) {
      return invalid(fmt::format("span number {} with offset {} overlaps the one before", i + 1,
                                 spans[i].offset));
    }
    index += spans[i].offset;
    if (index < -kIndexMax) return invalid("bucket index out of range");
    index += spans[i].length;
    total += spans[i].length;
    if (index > kIndexMax) return invalid("bucket index out of range");
  }
  if (total == count) return {};
  return invalid(fmt::format("spans need {}{} buckets, have {} buckets",
                             total > count ? "at least " : "", total, count));
}

template <class Visit>
void visit_indexes(const std::vector<Span>& spans, Visit visit) {
  std::int64_t index = 0;
  for (const Span& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length; ++i) visit(index++);
  }
}

// Counts of a hostile target may be anything: they wrap and are judged later.
std::int64_t wrapping_add(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t wrapping_subtract(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
double wrapping_add(double a, double b) noexcept {
  return a + b;
}

// Empty buckets are left out.
util::Result<Buckets<std::int64_t>> decode(const std::vector<Span>& spans,
                                           const std::vector<std::int64_t>& deltas) {
  NX_TRY(check_spans(spans, deltas.size()));
  Buckets<std::int64_t> out;
  out.reserve(deltas.size());
  std::int64_t count = 0;
  std::size_t next = 0;
  visit_indexes(spans, [&](std::int64_t index) {
    count = wrapping_add(count, deltas[next++]);
    if (count != 0) out.push_back({index, count});
  });
  return out;
}

util::Result<Buckets<double>> decode(const std::vector<Span>& spans,
                                     const std::vector<double>& counts) {
  NX_TRY(check_spans(spans, counts.size()));
  Buckets<double> out;
  out.reserve(counts.size());
  std::size_t next = 0;
  visit_indexes(spans, [&](std::int64_t index) {
    const double count = counts[next++];
    if (count != 0) out.push_back({index, count});
  });
  return out;
}

// Merges 2^levels neighbours each into one.
template <class Count>
void coarsen(Buckets<Count>& buckets, std::int32_t levels) {
  std::size_t kept = 0;
  for (const Indexed<Count>& bucket : buckets) {
    const std::int64_t index = ((bucket.index - 1) >> levels) + 1;
    if (kept > 0 && buckets[kept - 1].index == index) {
      buckets[kept - 1].count = wrapping_add(buckets[kept - 1].count, bucket.count);
    } else {
      buckets[kept++] = {index, bucket.count};
    }
  }
  buckets.resize(kept);
}

// Writes the buckets as spans and counts. Gaps of up to `gap_max` are filled with empty buckets.
template <class Count>
void encode(const Buckets<Count>& buckets, std::int64_t gap_max, std::vector<Span>& spans,
            std::vector<Count>& counts) {
  spans.clear();
  counts.clear();
  Count previous = 0;
  const auto add = [&](Count count) {
    if constexpr (std::is_same_v<Count, std::int64_t>) {
      counts.push_back(wrapping_subtract(count, previous));
    } else {
      counts.push_back(count);
    }
    previous = count;
    ++spans.back().length;
  };
  std::int64_t end = 0;
  for (const Indexed<Count>& bucket : buckets) {
    const std::int64_t gap = bucket.index - end;
    if (spans.empty() || gap > gap_max) {
      spans.push_back({.offset = static_cast<std::int32_t>(gap), .length = 0});
    } else {
      for (std::int64_t i = 0; i < gap; ++i) add(0);
    }
    add(bucket.count);
    end = bucket.index + 1;
  }
}

util::Result<void> check_schema(std::int32_t schema) {
  // Schemas up to 52 have been described; they differ from 8 in resolution alone.
  constexpr std::int32_t kDescribedMax = 52;
  if (schema >= model::kExponentialSchemaMin && schema <= kDescribedMax) return {};
  return invalid(fmt::format("unknown schema {}", schema));
}

template <class Count>
double sum_of(const Buckets<Count>& buckets) {
  double sum = 0;
  for (const Indexed<Count>& bucket : buckets) sum += static_cast<double>(bucket.count);
  return sum;
}

util::Result<void> check_count(const IntHistogram& h, const Buckets<std::int64_t>& positive,
                               const Buckets<std::int64_t>& negative) {
  std::uint64_t sum = h.zero_count;
  for (const Buckets<std::int64_t>* side : {&positive, &negative}) {
    for (const auto& bucket : *side) {
      if (__builtin_add_overflow(sum, static_cast<std::uint64_t>(bucket.count), &sum))
        return invalid("the counts of the buckets overflow");
    }
  }
  // Observations that are no number are counted and lie in no bucket.
  const bool is_sound = std::isnan(h.sum) ? sum <= h.count : sum == h.count;
  if (is_sound) return {};
  return invalid(
      fmt::format("{} observations found in buckets, but the count is {}", sum, h.count));
}

util::Result<void> check_count(const FloatHistogram& h, const Buckets<double>& positive,
                               const Buckets<double>& negative) {
  if (!(h.count >= 0) || !(h.zero_count >= 0)) return invalid("a count is negative");
  constexpr double kTolerance = 1e-9;
  const double sum = h.zero_count + sum_of(positive) + sum_of(negative);
  if (sum <= h.count * (1 + kTolerance)) return {};
  return invalid(
      fmt::format("{} observations found in buckets, but the count is {}", sum, h.count));
}

template <class Histogram>
auto& counts_of(Histogram& h, bool is_positive) {
  if constexpr (std::is_same_v<std::remove_const_t<Histogram>, IntHistogram>) {
    return is_positive ? h.positive_deltas : h.negative_deltas;
  } else {
    return is_positive ? h.positive_buckets : h.negative_buckets;
  }
}

template <class Histogram>
util::Result<void> normalize_any(Histogram& h) {
  NX_TRY(check_schema(h.schema));
  if (!(h.zero_threshold >= 0)) return invalid("the zero threshold is negative");
  NX_ASSIGN(auto positive, decode(h.positive_spans, counts_of(h, true)));
  NX_ASSIGN(auto negative, decode(h.negative_spans, counts_of(h, false)));
  if (const std::int32_t levels = h.schema - model::kExponentialSchemaMax; levels > 0) {
    coarsen(positive, levels);
    coarsen(negative, levels);
    h.schema = model::kExponentialSchemaMax;
  }
  encode(positive, 0, h.positive_spans, counts_of(h, true));
  encode(negative, 0, h.negative_spans, counts_of(h, false));
  return {};
}

template <class Histogram>
util::Result<void> limit_any(Histogram& h, const ResolutionLimits& limits) {
  const auto is_too_large = [&limits](std::size_t count) {
    return limits.buckets_max != 0 && count > limits.buckets_max;
  };
  const std::size_t count = counts_of(h, true).size() + counts_of(h, false).size();
  const auto exceeded = [] {
    return fail(Code::kLimitExceeded, "histogram bucket limit exceeded");
  };
  if (h.schema == model::kCustomBucketsSchema) {
    return is_too_large(count) ? util::Result<void>(exceeded()) : util::Result<void>();
  }
  if (!is_too_large(count) && h.schema <= limits.schema_max) return {};

  NX_ASSIGN(auto positive, decode(h.positive_spans, counts_of(h, true)));
  NX_ASSIGN(auto negative, decode(h.negative_spans, counts_of(h, false)));
  while (h.schema > limits.schema_max || is_too_large(positive.size() + negative.size())) {
    if (h.schema == model::kExponentialSchemaMin) return exceeded();
    coarsen(positive, 1);
    coarsen(negative, 1);
    --h.schema;
  }
  encode(positive, 0, h.positive_spans, counts_of(h, true));
  encode(negative, 0, h.negative_spans, counts_of(h, false));
  return {};
}

template <class Histogram>
util::Result<void> check_any(const Histogram& h) {
  NX_ASSIGN(const auto positive, decode(h.positive_spans, counts_of(h, true)));
  NX_ASSIGN(const auto negative, decode(h.negative_spans, counts_of(h, false)));
  const auto is_negative = [](const auto& bucket) { return !(bucket.count >= 0); };
  if (std::ranges::any_of(positive, is_negative) || std::ranges::any_of(negative, is_negative))
    return invalid("a bucket has a negative count");
  return check_count(h, positive, negative);
}

bool is_integer(double count) noexcept {
  constexpr double kExactMax = 9007199254740992.0;  // 2^53
  return count <= kExactMax && count == std::floor(count);
}

}  // namespace

std::int32_t schema_for_factor(double factor) noexcept {
  if (!(factor > 1)) return model::kExponentialSchemaMax;
  const double schema = std::floor(-std::log2(std::log2(factor)));
  if (schema <= model::kExponentialSchemaMin) return model::kExponentialSchemaMin;
  if (schema >= model::kExponentialSchemaMax) return model::kExponentialSchemaMax;
  return static_cast<std::int32_t>(schema);
}

util::Result<void> normalize(IntHistogram& histogram) {
  return normalize_any(histogram);
}
util::Result<void> normalize(FloatHistogram& histogram) {
  return normalize_any(histogram);
}
util::Result<void> check_counts(const ExposedHistogram& histogram) {
  return histogram.integer ? check_any(*histogram.integer) : check_any(*histogram.floating);
}
util::Result<void> limit_resolution(IntHistogram& histogram, const ResolutionLimits& limits) {
  return limit_any(histogram, limits);
}
util::Result<void> limit_resolution(FloatHistogram& histogram, const ResolutionLimits& limits) {
  return limit_any(histogram, limits);
}

void ClassicHistogram::clear() noexcept {
  buckets_.clear();
  count_.reset();
  sum_ = 0;
}

void ClassicHistogram::add_bucket(double upper_bound, double cumulative_count) {
  buckets_.push_back({upper_bound, cumulative_count});
}

// Precondition: sorted by bound, +Inf the last.
bool ClassicHistogram::is_sound() const noexcept {
  double previous = 0;
  for (const Bucket& bucket : buckets_) {
    if (!(bucket.cumulative_count >= previous) || std::isinf(bucket.cumulative_count)) return false;
    previous = bucket.cumulative_count;
  }
  return !count_ || *count_ == previous;
}

std::optional<ExposedHistogram> ClassicHistogram::convert() {
  if (std::ranges::any_of(buckets_, [](const Bucket& b) { return std::isnan(b.upper_bound); }))
    return std::nullopt;
  std::ranges::stable_sort(buckets_, {}, &Bucket::upper_bound);
  const auto twice = std::ranges::unique(buckets_, {}, &Bucket::upper_bound);
  buckets_.erase(twice.begin(), twice.end());
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (buckets_.empty() || buckets_.back().upper_bound != kInfinity) {
    const double last = buckets_.empty() ? 0 : buckets_.back().cumulative_count;
    buckets_.push_back({kInfinity, count_.value_or(last)});
  }
  if (!is_sound()) return std::nullopt;

  Buckets<double> counts;
  std::vector<double> bounds;
  bool is_whole = true;
  double previous = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    const double cumulative = buckets_[i].cumulative_count;
    is_whole = is_whole && is_integer(cumulative);
    if (cumulative != previous)
      counts.push_back({static_cast<std::int64_t>(i), cumulative - previous});
    previous = cumulative;
    if (i + 1 < buckets_.size()) bounds.push_back(buckets_[i].upper_bound);
  }
  ExposedHistogram out;
  if (!is_whole) {
    FloatHistogram h;
    h.schema = model::kCustomBucketsSchema;
    h.count = previous;
    h.sum = sum_;
    h.custom_values = std::move(bounds);
    encode(counts, kCustomGapMax, h.positive_spans, h.positive_buckets);
    out.floating = std::make_shared<const FloatHistogram>(std::move(h));
    return out;
  }
  Buckets<std::int64_t> whole;
  whole.reserve(counts.size());
  for (const auto& [index, count] : counts)
    whole.push_back({index, static_cast<std::int64_t>(count)});
  IntHistogram h;
  h.schema = model::kCustomBucketsSchema;
  h.count = static_cast<std::uint64_t>(previous);
  h.sum = sum_;
  h.custom_values = std::move(bounds);
  encode(whole, kCustomGapMax, h.positive_spans, h.positive_deltas);
  out.integer = std::make_shared<const IntHistogram>(std::move(h));
  return out;
}

}  // namespace narthex::exposition
