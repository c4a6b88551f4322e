#include "tsdb/wal/histogram_record.h"

#include <algorithm>
#include <bit>

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

using model::FloatHistogram;
using model::IntHistogram;

std::uint64_t any_number(util::Random& random) {
  return random.next() >> random.below(64);
}
double any_double(util::Random& random) {
  return std::bit_cast<double>(random.next());
}

std::vector<model::Span> any_spans(util::Random& random) {
  std::vector<model::Span> spans(random.below(4));
  for (model::Span& span : spans) {
    span = {static_cast<std::int32_t>(random.next()), static_cast<std::uint32_t>(random.next())};
  }
  return spans;
}

void set_numbers(util::Random& random, IntHistogram& histogram) {
  histogram.count = any_number(random);
  histogram.zero_count = any_number(random);
  for (auto* side : {&histogram.positive_deltas, &histogram.negative_deltas}) {
    side->resize(random.below(8));
    for (std::int64_t& n : *side) n = static_cast<std::int64_t>(any_number(random));
  }
}
void set_numbers(util::Random& random, FloatHistogram& histogram) {
  histogram.count = any_double(random);
  histogram.zero_count = any_double(random);
  for (auto* side : {&histogram.positive_buckets, &histogram.negative_buckets}) {
    side->resize(random.below(8));
    for (double& n : *side) n = any_double(random);
  }
}

template <class Histogram>
std::vector<RefHistogram<Histogram>> any_entries(util::Random& random) {
  const bool custom = random.below(2) == 0;
  std::vector<RefHistogram<Histogram>> entries(1 + random.below(6));
  for (auto& entry : entries) {
    entry.ref = any_number(random);
    entry.timestamp = static_cast<model::TimestampMs>(random.next());
    Histogram& histogram = entry.histogram;
    histogram.counter_reset_hint = static_cast<model::CounterResetHint>(random.below(4));
    histogram.schema =
        custom ? model::kCustomBucketsSchema : static_cast<int>(random.below(13)) - 4;
    histogram.zero_threshold = any_double(random);
    histogram.sum = any_double(random);
    histogram.positive_spans = any_spans(random);
    histogram.negative_spans = any_spans(random);
    if (custom) histogram.custom_values.resize(random.below(5), any_double(random));
    set_numbers(random, histogram);
  }
  return entries;
}

template <class Histogram>
class HistogramRecord : public ::testing::Test {};
using Forms = ::testing::Types<IntHistogram, FloatHistogram>;
TYPED_TEST_SUITE(HistogramRecord, Forms);

// Goal: what is written is read again. Method: equal bytes when it is written anew, because the
// encoding has one form for each content.
TYPED_TEST(HistogramRecord, RoundTrips) {
  util::Random random(3);
  for (int round = 0; round < 2000; ++round) {
    const auto entries = any_entries<TypeParam>(random);
    std::string record;
    encode_histograms_record(record, std::span<const RefHistogram<TypeParam>>(entries));
    std::vector<RefHistogram<TypeParam>> got;
    ASSERT_TRUE(decode_histograms(record, got).has_value());
    ASSERT_EQ(got.size(), entries.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].ref, entries[i].ref);
      EXPECT_EQ(got[i].timestamp, entries[i].timestamp);
      EXPECT_EQ(got[i].histogram.positive_spans, entries[i].histogram.positive_spans);
      EXPECT_EQ(got[i].histogram.custom_values.size(), entries[i].histogram.custom_values.size());
    }
    std::string again;
    encode_histograms_record(again, std::span<const RefHistogram<TypeParam>>(got));
    ASSERT_EQ(again, record);
  }
}

TYPED_TEST(HistogramRecord, DamagedBytesAreHarmless) {
  util::Random random(4);
  for (int round = 0; round < 3000; ++round) {
    std::string record;
    const auto entries = any_entries<TypeParam>(random);
    encode_histograms_record(record, std::span<const RefHistogram<TypeParam>>(entries));
    record.resize(1 + random.below(record.size()));
    for (std::uint64_t i = random.below(3); i > 0; --i)
      record[random.below(record.size())] = static_cast<char>(random.next());
    const std::vector<char> exact(record.begin(), record.end());
    std::vector<RefHistogram<TypeParam>> got;
    const auto decoded = decode_histograms({exact.data(), exact.size()}, got);
    if (!decoded) {
      EXPECT_EQ(decoded.error().code(), util::Code::kCorruption);
    }
  }
}

TEST(HistogramRecord, TypeTellsFormAndBuckets) {
  const auto type_of = [](auto histogram, std::int32_t schema) {
    RefHistogram<decltype(histogram)> entry;
    entry.histogram.schema = schema;
    std::string record;
    encode_histograms_record(record, {&entry, 1});
    return static_cast<RecordType>(record[0]);
  };
  EXPECT_EQ(type_of(IntHistogram{}, 3), RecordType::kHistograms);
  EXPECT_EQ(type_of(FloatHistogram{}, 3), RecordType::kFloatHistograms);
  EXPECT_EQ(type_of(IntHistogram{}, -53), RecordType::kCustomHistograms);
  EXPECT_EQ(type_of(FloatHistogram{}, -53), RecordType::kCustomFloatHistograms);
}

TEST(ExemplarRecord, RoundTripsAndBearsDamage) {
  util::Random random(5);
  std::vector<RefExemplar> entries;
  for (int i = 0; i < 50; ++i) {
    entries.push_back({any_number(random), static_cast<model::TimestampMs>(random.next()),
                       random.unit(), model::Labels{{"span", "x"}, {"trace", std::to_string(i)}}});
  }
  std::string record;
  encode_exemplars_record(record, entries);
  std::vector<RefExemplar> got;
  ASSERT_TRUE(decode_exemplars(record, got).has_value());
  ASSERT_EQ(got.size(), entries.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].ref, entries[i].ref);
    EXPECT_EQ(got[i].timestamp, entries[i].timestamp);
    EXPECT_EQ(got[i].value, entries[i].value);
    EXPECT_EQ(got[i].labels, entries[i].labels);
  }
  for (std::size_t cut = 1; cut < record.size(); ++cut) {
    got.clear();
    const std::vector<char> exact(record.begin(),
                                  record.begin() + static_cast<std::ptrdiff_t>(cut));
    static_cast<void>(decode_exemplars({exact.data(), exact.size()}, got));
    EXPECT_LT(got.size(), entries.size());
  }
}

}  // namespace
}  // namespace narthex::tsdb
