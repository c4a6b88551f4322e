#include "tsdb/wal/record.h"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string encode(const RefSamples& samples) {
  std::string record;
  encode_samples_record(record, samples.refs, samples.timestamps, samples.values,
                        [](std::size_t) { return true; });
  return record;
}

// Bytes worked out by hand from storage-format.md §8.
TEST(Record, GoldenBytes) {
  EXPECT_EQ(hex(encode({{7, 9, 6}, {1000, 1000, 1005}, {1, 2, 0}})),
            "02"
            "0000000000000007"
            "00000000000003e8"
            "00"
            "00"
            "3ff0000000000000"
            "04"
            "00"
            "4000000000000000"
            "01"
            "0a"
            "0000000000000000");
  std::string record;
  SeriesRecordEncoder encoder(record);
  encoder.series(5, 1);
  encoder.label("a", "bc");
  EXPECT_EQ(hex(record),
            "01"
            "0000000000000005"
            "01"
            "0161"
            "026263");
}

TEST(Record, SamplesRoundTripWithoutThoseLeftOut) {
  util::Random random(2);
  for (int round = 0; round < 300; ++round) {
    RefSamples all;
    RefSamples want;
    std::vector<bool> kept;
    for (std::uint64_t i = random.below(50); i > 0; --i) {
      kept.push_back(random.below(4) != 0);
      all.refs.push_back(random.next() >> random.below(64));
      all.timestamps.push_back(static_cast<model::TimestampMs>(random.next() << random.below(64)));
      all.values.push_back(static_cast<double>(random.next()));
      if (!kept.back()) continue;
      want.refs.push_back(all.refs.back());
      want.timestamps.push_back(all.timestamps.back());
      want.values.push_back(all.values.back());
    }
    std::string record;
    encode_samples_record(record, all.refs, all.timestamps, all.values,
                          [&](std::size_t i) { return kept[i]; });
    ASSERT_EQ(record.empty(), want.refs.empty());
    if (record.empty()) continue;
    RefSamples got;
    ASSERT_TRUE(decode_samples(record, got).has_value());
    ASSERT_EQ(got.refs, want.refs);
    ASSERT_EQ(got.timestamps, want.timestamps);
    ASSERT_EQ(got.values, want.values);
  }
}

TEST(Record, SeriesRoundTripAndUnsortedLabelsAreSorted) {
  std::string record;
  SeriesRecordEncoder encoder(record);
  encoder.series(1, 2);
  encoder.label("z", "1");
  encoder.label("a", "2");
  encoder.series(1ULL << 40U, 0);
  std::vector<RefSeries> got;
  ASSERT_TRUE(decode_series(record, got).has_value());
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].labels, (model::Labels{{"a", "2"}, {"z", "1"}}));
  EXPECT_EQ(got[1].ref, 1ULL << 40U);
}

TEST(Record, TombstonesAndMetadataAreRead) {
  const std::string stones("\x03\0\0\0\0\0\0\0\x05\x02\x04", 11);
  std::vector<RefTombstone> tombstones;
  ASSERT_TRUE(decode_tombstones(stones, tombstones).has_value());
  ASSERT_EQ(tombstones.size(), 1U);
  EXPECT_EQ(tombstones[0].ref, 5U);
  EXPECT_EQ(tombstones[0].range, (model::TimeRange{1, 2}));
  const std::string metadata("\x06\x05\x01\x02\x04UNIT\x01s\x04HELP\x02hi", 19);
  std::vector<RefMetadata> entries;
  ASSERT_TRUE(decode_metadata(metadata, entries).has_value());
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].metadata, (model::Metadata{model::MetricType::kCounter, "hi", "s"}));
}

TEST(Record, ChunkMarkersAreWrittenAndRead) {
  const std::vector<RefChunkMarker> markers = {{5, (3ULL << 32U) | 8}, {6, 0}};
  std::string record;
  encode_chunk_markers_record(record, markers);
  EXPECT_EQ(record, std::string("\x05\0\0\0\0\0\0\0\x05\0\0\0\x03\0\0\0\x08"
                                "\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\0",
                                33));
  std::vector<RefChunkMarker> got;
  ASSERT_TRUE(decode_chunk_markers(record, got).has_value());
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].ref, 5U);
  EXPECT_EQ(got[0].chunk, (3ULL << 32U) | 8);
  EXPECT_EQ(got[1].chunk, 0U);
}

TEST(Record, HostileBytesAreCorruptAtWorst) {
  util::Random random(3);
  for (int round = 0; round < 20000; ++round) {
    std::vector<char> bytes(1 + random.below(40));
    for (char& c : bytes) c = static_cast<char>(random.below(4) == 0 ? 0xff : random.next());
    const std::string_view record(bytes.data(), bytes.size());
    RefSamples samples;
    std::vector<RefSeries> series;
    std::vector<RefTombstone> tombstones;
    std::vector<RefMetadata> metadata;
    std::vector<RefChunkMarker> markers;
    for (const auto& result :
         {decode_samples(record, samples), decode_series(record, series),
          decode_tombstones(record, tombstones), decode_metadata(record, metadata),
          decode_chunk_markers(record, markers)}) {
      if (!result) {
        EXPECT_EQ(result.error().code(), util::Code::kCorruption);
      }
    }
  }
}

}  // namespace
}  // namespace narthex::tsdb
