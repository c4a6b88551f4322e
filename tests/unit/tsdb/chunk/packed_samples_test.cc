#include "tsdb/chunk/packed_samples.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "narthex/model/stale.h"
#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

using model::TimestampMs;

struct Series {
  std::vector<TimestampMs> times;
  std::vector<double> values;
};

Series unpacked(const PackedSamples& packed) {
  Series out;
  packed.append_to({out.times, out.values});
  return out;
}

void expect_same(const Series& got, const Series& want) {
  ASSERT_EQ(got.times, want.times);
  ASSERT_EQ(got.values.size(), want.values.size());
  for (std::size_t i = 0; i < want.values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(got.values[i]),
              std::bit_cast<std::uint64_t>(want.values[i]))
        << "sample " << i << ": " << got.values[i] << " for " << want.values[i];
  }
}

void expect_round_trip(const Series& series) {
  expect_same(unpacked(PackedSamples::pack(series.times, series.values)), series);
}

std::size_t sample_bytes(const Series& series) {
  return PackedSamples::pack(series.times, series.values).size_bytes() - sizeof(PackedSamples);
}

TEST(PackedSamples, CostWhatTheirDistancesNeed) {
  // Equal values on a line: nothing but the line.
  EXPECT_EQ(sample_bytes({{1000, 2000, 3000}, {5, 5, 5}}), 0U);
  EXPECT_EQ(sample_bytes({{1000, 2000, 3000}, {1e9, 1e9 + 1, 1e9 + 255}}), 3U);
  EXPECT_EQ(sample_bytes({{1000, 2000, 3000}, {0, 1, 256}}), 6U);
  EXPECT_EQ(sample_bytes({{1000, 2000, 3000}, {0.25, 1, 700}}), 12U);
  EXPECT_EQ(sample_bytes({{1000, 2010, 3000}, {5, 5, 5}}), 3U);
  // A missed scrape.
  EXPECT_EQ(sample_bytes({{0, 15000, 60000}, {5, 5, 5}}), 6U);
  // No decimals: as they are.
  EXPECT_EQ(sample_bytes({{1000, 2000}, {std::sqrt(2), std::sqrt(3)}}), 16U);
}

TEST(PackedSamples, DecimalsComeBackAsTheyWerePrinted) {
  expect_round_trip({{1000, 2000, 3000, 4000}, {0.1, 0.2, 0.3, 12345.67}});
  expect_round_trip({{1000, 2000, 3000}, {-0.001, 1e-12, 4503599627.370496}});
  expect_round_trip({{1000, 2000}, {0x1p52, -0x1p52}});
  expect_round_trip({{1000, 2000}, {0x1p53, 0x1p53 + 2}});
}

TEST(PackedSamples, ValuesThatAreNoDecimalsComeBack) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  expect_round_trip({{1, 2}, {0.0, -0.0}});
  expect_round_trip({{1, 2, 3}, {kInf, -kInf, 1}});
  expect_round_trip(
      {{1, 2, 3}, {1, model::stale_nan(), std::bit_cast<double>(0x7ff8000000000123)}});
  expect_round_trip(
      {{1, 2}, {std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::max()}});
}

TEST(PackedSamples, TimesAtTheEndsOfTimeComeBack) {
  constexpr TimestampMs kMin = std::numeric_limits<TimestampMs>::min();
  constexpr TimestampMs kMax = std::numeric_limits<TimestampMs>::max();
  expect_round_trip({{kMin, 0, kMax}, {1, 2, 3}});
  expect_round_trip({{kMin, kMin + 1, kMax - 1, kMax}, {1, 2, 3, 4}});
  expect_round_trip({{kMax}, {1}});
}

TEST(PackedSamples, AnySeriesRoundTrips) {
  util::Random random(3);
  for (int round = 0; round < 4000; ++round) {
    SCOPED_TRACE(round);
    Series series;
    const std::size_t count = 1 + random.below(300);
    auto time = static_cast<TimestampMs>(random.below(1'800'000'000'000));
    const std::uint64_t jitter = std::uint64_t{1} << random.below(40);
    const double power = std::pow(10.0, static_cast<double>(random.below(14)));
    const std::uint64_t spread = std::uint64_t{1} << random.below(60);
    const std::size_t odd_one = random.below(4) == 0 ? random.below(count) : count;
    for (std::size_t i = 0; i < count; ++i) {
      time += 15000 + static_cast<TimestampMs>(random.below(jitter));
      series.times.push_back(time);
      const double value = static_cast<double>(random.below(spread)) / power;
      series.values.push_back(i == odd_one ? std::bit_cast<double>(random.next()) : value);
    }
    expect_round_trip(series);
  }
}

TEST(PackedSamples, AreAppendedBehindWhatIsThere) {
  Series out{{1, 2}, {10, 20}};
  const Series more{{3, 4}, {30, 40}};
  PackedSamples::pack(more.times, more.values).append_to({out.times, out.values});
  expect_same(out, {{1, 2, 3, 4}, {10, 20, 30, 40}});
}

}  // namespace
}  // namespace narthex::tsdb
