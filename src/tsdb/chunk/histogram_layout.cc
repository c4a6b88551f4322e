#include "tsdb/chunk/histogram_layout.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "narthex/model/stale.h"

namespace narthex::tsdb {

using model::CounterResetHint;
using model::FloatHistogram;
using model::IntHistogram;
using model::Span;

namespace {

bool same_bits(double a, double b) noexcept {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

std::vector<std::int64_t> absolute(const std::vector<std::int64_t>& deltas) {
  std::vector<std::int64_t> out;
  out.reserve(deltas.size());
  std::uint64_t value = 0;
  for (const std::int64_t delta : deltas) {
    value += static_cast<std::uint64_t>(delta);
    out.push_back(static_cast<std::int64_t>(value));
  }
  return out;
}
std::vector<std::int64_t> to_deltas(const std::vector<std::int64_t>& counts) {
  std::vector<std::int64_t> out;
  out.reserve(counts.size());
  std::uint64_t before = 0;
  for (const std::int64_t count : counts) {
    out.push_back(static_cast<std::int64_t>(static_cast<std::uint64_t>(count) - before));
    before = static_cast<std::uint64_t>(count);
  }
  return out;
}

std::vector<std::int64_t> positive_counts(const IntHistogram& h) {
  return absolute(h.positive_deltas);
}
std::vector<std::int64_t> negative_counts(const IntHistogram& h) {
  return absolute(h.negative_deltas);
}
const std::vector<double>& positive_counts(const FloatHistogram& h) {
  return h.positive_buckets;
}
const std::vector<double>& negative_counts(const FloatHistogram& h) {
  return h.negative_buckets;
}

// Walks over the indexes of the buckets that spans name. 64 bits: sums of hostile offsets do not
// wrap.
class Buckets {
 public:
  explicit Buckets(const std::vector<Span>& spans) : spans_(spans) { settle(); }
  [[nodiscard]] bool done() const noexcept { return span_ == spans_.size(); }
  [[nodiscard]] std::int64_t index() const noexcept { return index_; }
  // Of the bucket, among all.
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  void next() noexcept {
    ++index_;
    ++position_;
    ++in_span_;
    if (in_span_ == spans_[span_].length) {
      ++span_;
      in_span_ = 0;
      settle();
    }
  }

 private:
  // Enters the next span that has a bucket.
  void settle() noexcept {
    for (; span_ < spans_.size(); ++span_) {
      index_ += spans_[span_].offset;
      if (spans_[span_].length != 0) return;
    }
  }
  const std::vector<Span>& spans_;
  std::size_t span_ = 0;
  std::uint32_t in_span_ = 0;
  std::int64_t index_ = 0;
  std::size_t position_ = 0;
};

// Collects ascending indexes into spans; false when they do not fit into their numbers.
class SpanMaker {
 public:
  [[nodiscard]] bool add(std::int64_t index) {
    if (!spans_.empty() && index == end_) {
      ++spans_.back().length;
    } else {
      const std::int64_t offset = spans_.empty() ? index : index - end_;
      if (offset != static_cast<std::int32_t>(offset) || (!spans_.empty() && offset < 0))
        return false;
      spans_.push_back({static_cast<std::int32_t>(offset), 1});
    }
    end_ = index + 1;
    return true;
  }
  [[nodiscard]] std::vector<Span> take() && { return std::move(spans_); }

 private:
  std::vector<Span> spans_;
  std::int64_t end_ = 0;
};

// One side of two histograms, brought together.
struct Side {
  HistogramFit fit = HistogramFit::kFits;
  std::vector<Span> spans;
};

template <class Number>
bool any_decreased(const std::vector<Number>& last, const std::vector<Number>& next) {
  for (std::size_t i = 0; i < last.size(); ++i) {
    if (next[i] < last[i]) return true;
  }
  return false;
}

template <class Number>
Side unite(const std::vector<Span>& last_spans, const std::vector<Number>& last,
           const std::vector<Span>& next_spans, const std::vector<Number>& next, bool gauge) {
  if (last_spans == next_spans) {
    const bool reset = !gauge && any_decreased(last, next);
    return {reset ? HistogramFit::kReset : HistogramFit::kFits, last_spans};
  }
  SpanMaker maker;
  Buckets a(last_spans);
  Buckets b(next_spans);
  while (!a.done() || !b.done()) {
    const bool in_a = !a.done() && (b.done() || a.index() <= b.index());
    const bool in_b = !b.done() && (a.done() || b.index() <= a.index());
    if (!maker.add(in_a ? a.index() : b.index())) return {HistogramFit::kOther, {}};
    if (in_a && !gauge) {
      const Number now = in_b ? next[b.position()] : Number{0};
      if (now < last[a.position()]) return {HistogramFit::kReset, {}};
    }
    if (in_a) a.next();
    if (in_b) b.next();
  }
  return {HistogramFit::kFits, std::move(maker).take()};
}

template <class Histogram>
HistogramStep step(const Histogram& last, const Histogram& next, bool gauge) {
  if (model::is_stale(next.sum))
    return {HistogramFit::kFits, last.positive_spans, last.negative_spans};
  if (gauge != (next.counter_reset_hint == CounterResetHint::kGauge)) return {};
  if (next.counter_reset_hint == CounterResetHint::kReset) return {HistogramFit::kReset, {}, {}};
  if (model::is_stale(last.sum)) return {};
  if (!gauge && (next.count < last.count)) return {HistogramFit::kReset, {}, {}};
  if (last.schema != next.schema || !same_bits(last.zero_threshold, next.zero_threshold) ||
      !std::ranges::equal(last.custom_values, next.custom_values, same_bits)) {
    return {};
  }
  if (!gauge && next.zero_count < last.zero_count) return {HistogramFit::kReset, {}, {}};
  Side positive = unite(last.positive_spans, positive_counts(last), next.positive_spans,
                        positive_counts(next), gauge);
  if (positive.fit != HistogramFit::kFits) return {positive.fit, {}, {}};
  Side negative = unite(last.negative_spans, negative_counts(last), next.negative_spans,
                        negative_counts(next), gauge);
  if (negative.fit != HistogramFit::kFits) return {negative.fit, {}, {}};
  return {HistogramFit::kFits, std::move(positive.spans), std::move(negative.spans)};
}

template <class Number>
std::vector<Number> spread(const std::vector<Span>& from, const std::vector<Number>& counts,
                           const std::vector<Span>& to) {
  std::vector<Number> out;
  Buckets have(from);
  for (Buckets want(to); !want.done(); want.next()) {
    if (!have.done() && have.index() == want.index()) {
      out.push_back(counts[have.position()]);
      have.next();
    } else {
      out.push_back(Number{0});
    }
  }
  return out;
}

util::Result<void> invalid(std::string message) {
  return util::fail(util::Code::kInvalidArgument, std::move(message));
}

// Buckets of one side: as many as the spans say, at indexes that exist, none below zero. Gives what
// they hold together.
template <class Number>
util::Result<Number> check_side(std::string_view side, const std::vector<Span>& spans,
                                const std::vector<Number>& counts) {
  constexpr std::int64_t kIndexMax = std::numeric_limits<std::int32_t>::max();
  std::uint64_t buckets = 0;
  std::int64_t index = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].offset < 0) {
      return util::fail(util::Code::kInvalidArgument,
                        fmt::format("{} side: span number {} with offset {}: histogram has a span "
                                    "whose offset is negative",
                                    side, i + 1, spans[i].offset));
    }
    buckets += spans[i].length;
    index += std::int64_t{spans[i].offset} + spans[i].length;
    if (index > kIndexMax) {
      return util::fail(util::Code::kInvalidArgument,
                        fmt::format("{} side: bucket indexes are too large", side));
    }
  }
  if (buckets != counts.size()) {
    return util::fail(
        util::Code::kInvalidArgument,
        fmt::format("{} side: spans need {} buckets, have {} buckets: histogram spans specify "
                    "different number of buckets than provided",
                    side, buckets, counts.size()));
  }
  Number total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < 0) {
      return util::fail(util::Code::kInvalidArgument,
                        fmt::format("{} side: bucket number {} has observation count of {}: "
                                    "histogram has a bucket whose observation count is negative",
                                    side, i + 1, counts[i]));
    }
    if constexpr (std::is_same_v<Number, double>) {
      total += counts[i];
    } else {
      total = static_cast<Number>(static_cast<std::uint64_t>(total) +
                                  static_cast<std::uint64_t>(counts[i]));
    }
  }
  return total;
}

template <class Histogram>
util::Result<void> check_custom(const Histogram& h) {
  for (std::size_t i = 0; i < h.custom_values.size(); ++i) {
    const double bound = h.custom_values[i];
    if (std::isnan(bound) || (i > 0 && !(bound > h.custom_values[i - 1])))
      return invalid(
          "custom buckets: histogram custom bounds must be in strictly increasing order");
  }
  if (!h.custom_values.empty() && h.custom_values.back() == INFINITY)
    return invalid("custom buckets: histogram custom bounds must be finite");
  if (h.zero_count != 0 || h.zero_threshold != 0 || !h.negative_spans.empty())
    return invalid("custom buckets: must not have zero or negative buckets");
  std::int64_t end = 0;
  for (const Span& span : h.positive_spans) {
    if (&span == &h.positive_spans.front() && span.offset < 0)
      return invalid("custom buckets: the first span has a negative offset");
    end += std::int64_t{span.offset} + span.length;
  }
  if (end > static_cast<std::int64_t>(h.custom_values.size()) + 1)
    return invalid("custom buckets: only as many buckets as bounds, and one, are allowed");
  return {};
}

template <class Histogram>
util::Result<void> check_schema(const Histogram& h) {
  if (h.schema == model::kCustomBucketsSchema) return check_custom(h);
  if (h.schema < model::kExponentialSchemaMin || h.schema > kReservedSchemaMax)
    return invalid(fmt::format("invalid histogram schema {}", h.schema));
  if (!h.custom_values.empty())
    return invalid("histogram with exponential schema must not have custom bounds");
  return {};
}

template <class Histogram>
void spread_sides(const std::vector<Span>& positive, const std::vector<Span>& negative,
                  Histogram& h) {
  h.positive_spans = positive;
  h.negative_spans = negative;
}

template <class Histogram>
bool same_frame(const Histogram& a, const Histogram& b) noexcept {
  return a.schema == b.schema && same_bits(a.zero_threshold, b.zero_threshold) &&
         same_bits(a.sum, b.sum) && a.positive_spans == b.positive_spans &&
         a.negative_spans == b.negative_spans &&
         std::ranges::equal(a.custom_values, b.custom_values, same_bits);
}

// Adds up the buckets of one side that fall into one bucket of the finest known schema.
template <class Number>
std::vector<Number> coarsen(std::vector<Span>& spans, const std::vector<Number>& counts,
                            std::int32_t steps) {
  SpanMaker maker;
  std::vector<Number> out;
  std::int64_t current = 0;
  for (Buckets bucket(spans); !bucket.done(); bucket.next()) {
    // Bucket i ends at base^i: those from (i-1)·2^n + 1 to i·2^n make one.
    const std::int64_t index = ((bucket.index() - 1) >> static_cast<unsigned>(steps)) + 1;
    if (out.empty() || index != current) {
      // The offsets shrink: they fit.
      static_cast<void>(maker.add(index));
      out.push_back(Number{0});
      current = index;
    }
    out.back() += counts[bucket.position()];
  }
  spans = std::move(maker).take();
  return out;
}

bool any_loose(const std::vector<Span>& spans) noexcept {
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].length == 0 || (i > 0 && spans[i].offset == 0)) return true;
  }
  return false;
}

void join(std::vector<Span>& spans) {
  std::vector<Span> joined;
  std::int64_t gap = 0;
  for (const Span& span : spans) {
    gap += span.offset;
    if (span.length == 0) continue;
    // Only an empty span can bridge a gap this wide.
    if (gap != static_cast<std::int32_t>(gap)) return;
    if (!joined.empty() && gap == 0) {
      joined.back().length += span.length;
    } else {
      joined.push_back({static_cast<std::int32_t>(gap), span.length});
    }
    gap = 0;
  }
  spans = std::move(joined);
}

}  // namespace

bool has_loose_spans(const IntHistogram& h) noexcept {
  return any_loose(h.positive_spans) || any_loose(h.negative_spans);
}
bool has_loose_spans(const FloatHistogram& h) noexcept {
  return any_loose(h.positive_spans) || any_loose(h.negative_spans);
}
void join_spans(IntHistogram& h) {
  join(h.positive_spans);
  join(h.negative_spans);
}
void join_spans(FloatHistogram& h) {
  join(h.positive_spans);
  join(h.negative_spans);
}

void reduce_schema(IntHistogram& h) {
  const std::int32_t steps = h.schema - model::kExponentialSchemaMax;
  h.positive_deltas = to_deltas(coarsen(h.positive_spans, absolute(h.positive_deltas), steps));
  h.negative_deltas = to_deltas(coarsen(h.negative_spans, absolute(h.negative_deltas), steps));
  h.schema = model::kExponentialSchemaMax;
}
void reduce_schema(FloatHistogram& h) {
  const std::int32_t steps = h.schema - model::kExponentialSchemaMax;
  h.positive_buckets = coarsen(h.positive_spans, h.positive_buckets, steps);
  h.negative_buckets = coarsen(h.negative_spans, h.negative_buckets, steps);
  h.schema = model::kExponentialSchemaMax;
}

HistogramStep histogram_step(const IntHistogram& last, const IntHistogram& next, bool gauge) {
  return step(last, next, gauge);
}
HistogramStep histogram_step(const FloatHistogram& last, const FloatHistogram& next, bool gauge) {
  return step(last, next, gauge);
}

void spread_over(const std::vector<Span>& positive, const std::vector<Span>& negative,
                 IntHistogram& h) {
  if (model::is_stale(h.sum)) return;
  if (h.positive_spans != positive) {
    h.positive_deltas = to_deltas(spread(h.positive_spans, absolute(h.positive_deltas), positive));
  }
  if (h.negative_spans != negative) {
    h.negative_deltas = to_deltas(spread(h.negative_spans, absolute(h.negative_deltas), negative));
  }
  spread_sides(positive, negative, h);
}
void spread_over(const std::vector<Span>& positive, const std::vector<Span>& negative,
                 FloatHistogram& h) {
  if (model::is_stale(h.sum)) return;
  if (h.positive_spans != positive)
    h.positive_buckets = spread(h.positive_spans, h.positive_buckets, positive);
  if (h.negative_spans != negative)
    h.negative_buckets = spread(h.negative_spans, h.negative_buckets, negative);
  spread_sides(positive, negative, h);
}

util::Result<void> check_histogram(const IntHistogram& h) {
  if (model::is_stale(h.sum)) return {};
  NX_TRY(check_schema(h));
  NX_ASSIGN(const std::int64_t negative,
            check_side("negative", h.negative_spans, absolute(h.negative_deltas)));
  NX_ASSIGN(const std::int64_t positive,
            check_side("positive", h.positive_spans, absolute(h.positive_deltas)));
  const std::uint64_t total =
      static_cast<std::uint64_t>(negative) + static_cast<std::uint64_t>(positive) + h.zero_count;
  // Observations of NaN are in no bucket.
  if (std::isnan(h.sum) ? total > h.count : total != h.count) {
    return invalid(
        fmt::format("{} observations found in buckets, but the Count field is {}: "
                    "histogram's observation count should {} the number of observations "
                    "found in the buckets",
                    total, h.count, std::isnan(h.sum) ? "be at least" : "equal"));
  }
  return {};
}
util::Result<void> check_histogram(const FloatHistogram& h) {
  if (model::is_stale(h.sum)) return {};
  NX_TRY(check_schema(h));
  NX_ASSIGN(const double negative, check_side("negative", h.negative_spans, h.negative_buckets));
  NX_ASSIGN(const double positive, check_side("positive", h.positive_spans, h.positive_buckets));
  if (h.zero_count < 0)
    return invalid(fmt::format("zero bucket has observation count of {}", h.zero_count));
  if (h.count < 0) return invalid(fmt::format("observation count is {}", h.count));
  // Floating point sums of the buckets and the count need not agree to the last digit, and rates of
  // histograms with observations of NaN have more of them than buckets hold: not compared, as
  // upstream does not.
  (void)negative;
  (void)positive;
  return {};
}

bool same_histogram(const IntHistogram& a, const IntHistogram& b) noexcept {
  return same_frame(a, b) && a.count == b.count && a.zero_count == b.zero_count &&
         a.positive_deltas == b.positive_deltas && a.negative_deltas == b.negative_deltas;
}
bool same_histogram(const FloatHistogram& a, const FloatHistogram& b) noexcept {
  return same_frame(a, b) && same_bits(a.count, b.count) && same_bits(a.zero_count, b.zero_count) &&
         std::ranges::equal(a.positive_buckets, b.positive_buckets, same_bits) &&
         std::ranges::equal(a.negative_buckets, b.negative_buckets, same_bits);
}

}  // namespace narthex::tsdb
