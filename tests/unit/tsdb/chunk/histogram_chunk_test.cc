#include "tsdb/chunk/histogram_chunk.h"

#include <cmath>
#include <limits>
#include <map>

#include <gtest/gtest.h>

#include "narthex/model/stale.h"
#include "narthex/util/random.h"

#include "tsdb/chunk/histogram_layout.h"

namespace narthex::tsdb {
namespace {

using model::CounterResetHint;
using model::FloatHistogram;
using model::IntHistogram;

bool same_double(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}
bool same_doubles(const std::vector<double>& a, const std::vector<double>& b) {
  return std::ranges::equal(a, b, same_double);
}
bool same(const IntHistogram& a, const IntHistogram& b) {
  return layout_of(a) == layout_of(b) && a.counter_reset_hint == b.counter_reset_hint &&
         a.count == b.count && a.zero_count == b.zero_count && same_double(a.sum, b.sum) &&
         a.positive_deltas == b.positive_deltas && a.negative_deltas == b.negative_deltas;
}
bool same(const FloatHistogram& a, const FloatHistogram& b) {
  return layout_of(a) == layout_of(b) && a.counter_reset_hint == b.counter_reset_hint &&
         same_double(a.count, b.count) && same_double(a.zero_count, b.zero_count) &&
         same_double(a.sum, b.sum) && same_doubles(a.positive_buckets, b.positive_buckets) &&
         same_doubles(a.negative_buckets, b.negative_buckets);
}

// Numbers of every size, edges of every code included.
std::uint64_t any_number(util::Random& random) {
  constexpr std::uint64_t kEdges[] = {0,           1,
                                      3,           4,
                                      5,           31,
                                      32,          33,
                                      63,          64,
                                      255,         256,
                                      257,         2047,
                                      2048,        131'071,
                                      131'072,     131'073,
                                      1U << 24U,   (1U << 24U) + 1,
                                      1ULL << 55U, (1ULL << 55U) + 1,
                                      1ULL << 56U, ~0ULL};
  if (random.below(3) == 0) return random.next() >> random.below(64);
  const std::uint64_t edge = kEdges[random.below(std::size(kEdges))];
  return random.below(2) == 0 ? edge : 0 - edge;
}
double any_double(util::Random& random) {
  switch (random.below(5)) {
    case 0:
      return static_cast<double>(random.below(1000));
    case 1:
      return std::numeric_limits<double>::denorm_min();
    case 2:
      return -INFINITY;
    case 3:
      return model::normal_nan();
    default:
      return std::bit_cast<double>(random.next() & ~(0x7ffULL << 52U)) + random.unit();
  }
}

std::vector<model::Span> any_spans(util::Random& random) {
  std::vector<model::Span> spans(random.below(4));
  for (model::Span& span : spans) {
    span = {static_cast<std::int32_t>(random.below(200)) - 100,
            static_cast<std::uint32_t>(random.below(6))};
  }
  return spans;
}
template <class Histogram>
void set_any_layout(util::Random& random, Histogram& histogram) {
  constexpr double kThresholds[] = {0,      0.001,  0x1p-243, 0x1p-242,
                                    0x1p10, 0x1p11, 1,        2.938735877055719e-39};
  histogram.zero_threshold = kThresholds[random.below(std::size(kThresholds))];
  histogram.schema = static_cast<std::int32_t>(random.below(13)) - 4;
  histogram.positive_spans = any_spans(random);
  histogram.negative_spans = any_spans(random);
  if (random.below(3) != 0) return;
  histogram.schema = model::kCustomBucketsSchema;
  constexpr double kBounds[] = {0, 0.005, 0.1, 1.0 / 3, 33554.43, 33554.431, 1e300, -2.5};
  for (std::uint64_t i = random.below(6); i > 0; --i)
    histogram.custom_values.push_back(kBounds[random.below(std::size(kBounds))]);
}
std::size_t bucket_count(const std::vector<model::Span>& spans) {
  std::size_t count = 0;
  for (const model::Span& span : spans) count += span.length;
  return count;
}
void set_any_counts(util::Random& random, IntHistogram& histogram) {
  histogram.count = any_number(random);
  histogram.zero_count = any_number(random);
  histogram.positive_deltas.resize(bucket_count(histogram.positive_spans));
  histogram.negative_deltas.resize(bucket_count(histogram.negative_spans));
  for (auto* side : {&histogram.positive_deltas, &histogram.negative_deltas}) {
    for (std::int64_t& n : *side) n = static_cast<std::int64_t>(any_number(random));
  }
}
void set_any_counts(util::Random& random, FloatHistogram& histogram) {
  histogram.count = any_double(random);
  histogram.zero_count = any_double(random);
  histogram.positive_buckets.resize(bucket_count(histogram.positive_spans));
  histogram.negative_buckets.resize(bucket_count(histogram.negative_spans));
  for (auto* side : {&histogram.positive_buckets, &histogram.negative_buckets}) {
    for (double& n : *side) n = any_double(random);
  }
}

util::Result<void> decode(std::string_view chunk, HistogramColumns<IntHistogram> out) {
  return decode_histogram_chunk(chunk, out);
}
util::Result<void> decode(std::string_view chunk, HistogramColumns<FloatHistogram> out) {
  return decode_float_histogram_chunk(chunk, out);
}

template <class Histogram>
struct Series {
  std::vector<model::TimestampMs> timestamps;
  std::vector<Histogram> histograms;
};

// A random chunk and what is in it.
template <class Histogram>
std::string any_chunk(util::Random& random, Series<Histogram>& want) {
  HistogramChunkBuilder<Histogram> builder;
  Histogram histogram;
  set_any_layout(random, histogram);
  auto time = static_cast<model::TimestampMs>(any_number(random));
  constexpr CounterResetHint kHints[] = {CounterResetHint::kUnknown, CounterResetHint::kReset,
                                         CounterResetHint::kNotReset, CounterResetHint::kGauge};
  const CounterResetHint hint = kHints[random.below(4)];
  const std::uint64_t count = 1 + random.below(30);
  for (std::uint64_t i = 0; i < count; ++i) {
    set_any_counts(random, histogram);
    histogram.sum = any_double(random);
    histogram.counter_reset_hint =
        i == 0 || hint == CounterResetHint::kGauge ? hint : CounterResetHint::kNotReset;
    Histogram sample = histogram;
    if (random.below(40) == 0) {
      sample = {};
      sample.sum = model::stale_nan();
    }
    if (!builder.accepts(sample)) break;
    builder.append(time, sample);
    want.timestamps.push_back(time);
    want.histograms.push_back(sample);
    if (model::is_stale(sample.sum) && i == 0) break;
    time = static_cast<model::TimestampMs>(static_cast<std::uint64_t>(time) + any_number(random));
  }
  return std::string(builder.bytes());
}

template <class Histogram>
class HistogramChunk : public ::testing::Test {};
using Forms = ::testing::Types<IntHistogram, FloatHistogram>;
TYPED_TEST_SUITE(HistogramChunk, Forms);

TYPED_TEST(HistogramChunk, RoundTripsAdversarialSeries) {
  util::Random random(11);
  for (int round = 0; round < 3000; ++round) {
    SCOPED_TRACE(round);
    Series<TypeParam> want;
    const std::string chunk = any_chunk(random, want);
    Series<TypeParam> got;
    const auto decoded = decode(chunk, {got.timestamps, got.histograms});
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message();
    ASSERT_EQ(got.timestamps, want.timestamps);
    ASSERT_EQ(got.histograms.size(), want.histograms.size());
    for (std::size_t i = 0; i < want.histograms.size(); ++i)
      ASSERT_TRUE(same(got.histograms[i], want.histograms[i])) << i;
  }
}

// Goal: damaged bytes give an error or some samples, never a read outside of the chunk, never more
// memory than the chunk can justify, and an error appends nothing.
TYPED_TEST(HistogramChunk, DamagedBytesAreHarmless) {
  util::Random random(13);
  for (int round = 0; round < 3000; ++round) {
    Series<TypeParam> ignored;
    std::string chunk = any_chunk(random, ignored);
    if (random.below(2) == 0) chunk.resize(random.below(chunk.size() + 1));
    for (std::uint64_t i = random.below(4); i > 0 && !chunk.empty(); --i)
      chunk[random.below(chunk.size())] = static_cast<char>(random.next());
    // On the heap, exactly as long as it is, so that a sanitizer sees any step beyond.
    const std::vector<char> exact(chunk.begin(), chunk.end());
    Series<TypeParam> got;
    const auto decoded = decode({exact.data(), exact.size()}, {got.timestamps, got.histograms});
    if (!decoded) {
      EXPECT_EQ(decoded.error().code(), util::Code::kCorruption);
      EXPECT_TRUE(got.timestamps.empty());
    }
    EXPECT_EQ(got.timestamps.size(), got.histograms.size());
  }
}

TEST(IntHistogramChunk, DecodesAsFloatsWithAbsoluteCounts) {
  IntHistogram histogram;
  histogram.schema = 2;
  histogram.zero_threshold = 0.001;
  histogram.zero_count = 3;
  histogram.count = 16;
  histogram.sum = 12.5;
  histogram.positive_spans = {{-1, 2}, {3, 1}};
  histogram.positive_deltas = {2, 1, 4};
  histogram.negative_spans = {{0, 1}};
  histogram.negative_deltas = {1};
  histogram.counter_reset_hint = CounterResetHint::kReset;
  IntHistogramChunkBuilder builder;
  builder.append(1000, histogram);
  std::vector<model::TimestampMs> timestamps;
  std::vector<FloatHistogram> floats;
  ASSERT_TRUE(decode_histogram_chunk_as_floats(builder.bytes(), {timestamps, floats}).has_value());
  ASSERT_EQ(floats.size(), 1U);
  EXPECT_EQ(floats[0].positive_buckets, (std::vector<double>{2, 3, 7}));
  EXPECT_EQ(floats[0].negative_buckets, (std::vector<double>{1}));
  EXPECT_EQ(floats[0].count, 16);
  EXPECT_EQ(floats[0].counter_reset_hint, CounterResetHint::kReset);
}

TEST(IntHistogramChunk, RefusesAnotherLayoutAndWhatFollowsAStaleMarker) {
  IntHistogram histogram;
  histogram.positive_spans = {{0, 2}};
  histogram.positive_deltas = {1, 1};
  IntHistogramChunkBuilder builder;
  builder.append(1000, histogram);
  IntHistogram other = histogram;
  other.schema = 1;
  EXPECT_FALSE(builder.accepts(other));
  IntHistogram contradictory = histogram;
  contradictory.positive_deltas.pop_back();
  EXPECT_FALSE(builder.accepts(contradictory));
  IntHistogram stale;
  stale.sum = model::stale_nan();
  ASSERT_TRUE(builder.accepts(stale));
  builder.append(2000, stale);
  EXPECT_FALSE(builder.accepts(histogram));
  EXPECT_TRUE(builder.accepts(stale));
}

// By index.
std::map<std::int64_t, double> buckets_of(const std::vector<model::Span>& spans,
                                          const std::vector<double>& counts) {
  std::map<std::int64_t, double> out;
  std::int64_t index = 0;
  std::size_t i = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (std::uint32_t k = 0; k < span.length; ++k) out[index++] = counts.at(i++);
  }
  return out;
}

// Goal: joined spans name the same buckets, none is empty and none touches the one before.
TEST(HistogramLayout, JoinedSpansSayTheSame) {
  util::Random random(3);
  for (int round = 0; round < 2000; ++round) {
    model::FloatHistogram h;
    for (std::uint64_t i = random.below(8); i > 0; --i) {
      const auto length = static_cast<std::uint32_t>(random.below(3));
      const bool first = h.positive_spans.empty();
      h.positive_spans.push_back(
          {static_cast<std::int32_t>(random.below(3)) - (first ? 5 : 0), length});
      for (std::uint32_t k = 0; k < length; ++k)
        h.positive_buckets.push_back(1 + static_cast<double>(random.below(9)));
    }
    h.negative_spans = h.positive_spans;
    h.negative_buckets = h.positive_buckets;
    ASSERT_TRUE(check_histogram(h).has_value());
    const auto want = buckets_of(h.positive_spans, h.positive_buckets);
    join_spans(h);
    EXPECT_FALSE(has_loose_spans(h));
    EXPECT_EQ(buckets_of(h.positive_spans, h.positive_buckets), want);
    EXPECT_EQ(h.negative_spans, h.positive_spans);
  }
}

TEST(HistogramLayout, AGapThatOnlyAnEmptySpanBridgesIsLeft) {
  constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
  model::FloatHistogram h;
  h.positive_spans = {{-kMax, 1}, {kMax, 0}, {kMax - 2, 1}};
  h.positive_buckets = {1, 1};
  ASSERT_TRUE(check_histogram(h).has_value());
  const auto want = buckets_of(h.positive_spans, h.positive_buckets);
  join_spans(h);
  EXPECT_EQ(buckets_of(h.positive_spans, h.positive_buckets), want);
}

}  // namespace
}  // namespace narthex::tsdb
