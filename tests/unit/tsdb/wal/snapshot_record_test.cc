#include "tsdb/wal/snapshot_record.h"

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

using model::Labels;

std::string random_text(util::Random& random, std::size_t size_max) {
  std::string out;
  for (std::uint64_t i = random.below(size_max); i > 0; --i)
    out.push_back(static_cast<char>('a' + random.below(26)));
  return out;
}

// storage-format.md §8, "Chunk snapshot", worked out by hand.
TEST(SnapshotRecord, HasTheBytesOfTheFormat) {
  std::string out;
  encode_snapshot_series(out,
                         {.ref = 7,
                          .labels = Labels{{"a", "b"}},
                          .has_chunk = true,
                          .min = 16,
                          .max = 32,
                          .encoding = 1,
                          .chunk = "xyz"},
                         {.value = 1});
  std::string want("\1\0\0\0\0\0\0\0\7\1\1a\1b", 14);
  want += std::string(8, '\0');
  want += std::string("\1\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x20\1\3xyz", 22);
  want += std::string(7 * 8, '\0');
  want += std::string("\x3f\xf0\0\0\0\0\0\0", 8);
  EXPECT_EQ(out, want);

  out.clear();
  encode_snapshot_tombstones(out, {{5, {-1, 2}}});
  EXPECT_EQ(out, std::string("\2\4\1\5\1\4", 6));
}

TEST(SnapshotRecord, SeriesComeBack) {
  util::Random random(1);
  for (int round = 0; round < 500; ++round) {
    std::vector<model::LabelView> pairs;
    std::vector<std::string> texts;
    for (std::uint64_t i = random.below(12); i > 0; --i)
      texts.push_back("l" + std::to_string(i) + random_text(random, 30));
    for (const std::string& text : texts) pairs.push_back({text, text});
    SnapshotSeries series;
    series.ref = random.below(std::uint64_t{1} << 40U);
    series.labels = Labels::from_unsorted(pairs);
    series.has_chunk = random.below(4) != 0;
    const std::string chunk = random_text(random, 500);
    std::string out;
    if (series.has_chunk) {
      series.min = static_cast<model::TimestampMs>(random.below(1000)) - 500;
      series.max = series.min + static_cast<model::TimestampMs>(random.below(1000));
      series.encoding = static_cast<std::uint8_t>(1 + random.below(3));
      series.chunk = chunk;
      encode_snapshot_series(out, series, {.value = 2.5});
    } else {
      encode_snapshot_series(out, series.ref, series.labels);
    }
    const auto got = decode_snapshot_series(out);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->ref, series.ref);
    EXPECT_EQ(got->labels, series.labels);
    EXPECT_EQ(got->has_chunk, series.has_chunk);
    EXPECT_EQ(got->min, series.min);
    EXPECT_EQ(got->max, series.max);
    EXPECT_EQ(got->encoding, series.encoding);
    EXPECT_EQ(got->chunk, series.chunk);
    // Cut anywhere before the last value, it is no record.
    const std::size_t needed = out.size() - (series.has_chunk ? 64 : 0);
    EXPECT_FALSE(
        decode_snapshot_series(std::string_view(out).substr(0, 1 + random.below(needed - 1)))
            .has_value());
  }
}

TEST(SnapshotRecord, TombstonesAndExemplarsComeBack) {
  util::Random random(2);
  std::vector<RefTombstone> stones;
  std::vector<RefExemplar> exemplars;
  for (std::uint64_t i = 1; i < 200; ++i) {
    const auto t = static_cast<model::TimestampMs>(random.below(1'000'000)) - 500'000;
    stones.push_back({i * 3, {t, t + 10}});
    exemplars.push_back({i, t, 0.5 * static_cast<double>(i), Labels{{"trace", std::to_string(i)}}});
  }
  std::string out;
  encode_snapshot_tombstones(out, stones);
  std::vector<RefTombstone> got;
  ASSERT_TRUE(decode_snapshot_tombstones(out, got).has_value());
  ASSERT_EQ(got.size(), stones.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].ref, stones[i].ref);
    EXPECT_EQ(got[i].range, stones[i].range);
  }
  EXPECT_FALSE(decode_snapshot_tombstones(std::string_view(out).substr(0, 9), got).has_value());
  out.clear();
  encode_snapshot_exemplars(out, exemplars);
  std::vector<RefExemplar> points;
  ASSERT_TRUE(decode_snapshot_exemplars(out, points).has_value());
  ASSERT_EQ(points.size(), exemplars.size());
  EXPECT_EQ(points.back().labels, exemplars.back().labels);
}

TEST(SnapshotRecord, NonsenseIsRefusedOrHarmless) {
  util::Random random(3);
  for (int round = 0; round < 5000; ++round) {
    std::string record(1, static_cast<char>(1 + random.below(3)));
    for (std::uint64_t i = random.below(60); i > 0; --i)
      record.push_back(static_cast<char>(random.below(256)));
    std::vector<RefTombstone> stones;
    std::vector<RefExemplar> exemplars;
    static_cast<void>(decode_snapshot_series(record));
    static_cast<void>(decode_snapshot_tombstones(record, stones));
    static_cast<void>(decode_snapshot_exemplars(record, exemplars));
  }
}

}  // namespace
}  // namespace narthex::tsdb
