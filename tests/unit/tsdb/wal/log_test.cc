// Writer and reader of log segments together.
#include <gtest/gtest.h>

#include "narthex/util/random.h"

#include "tsdb/wal/log_writer.h"
#include "tsdb/wal/segment_reader.h"
#include "unit/tsdb/faulty_env.h"

namespace narthex::tsdb {
namespace {

constexpr const char* kDirectory = "/data/wal";

std::string random_record(util::Random& random, std::size_t bytes) {
  std::string record(bytes, '\0');
  // Half of it compressible.
  for (std::size_t i = 0; i < bytes; ++i)
    record[i] = static_cast<char>(i % 16 < 8 ? random.next() : i);
  if (bytes > 0) record[0] = 1;
  return record;
}

std::vector<std::string> read_all(FaultyEnv& env, std::vector<WalDamage>* damage = nullptr) {
  std::vector<std::string> records;
  const auto segments = list_wal_segments(env, kDirectory).value();
  for (const WalSegment& segment : segments) {
    const std::string bytes = env.content(segment.path);
    SegmentReader reader(bytes);
    while (const auto record = reader.next()) records.emplace_back(*record);
    if (damage != nullptr)
      damage->insert(damage->end(), reader.damage().begin(), reader.damage().end());
  }
  return records;
}

std::unique_ptr<LogWriter> open(FaultyEnv& env, LogWriterOptions options = {}) {
  return LogWriter::open(env, kDirectory, 0, options).value();
}

class LogRoundTrip : public ::testing::TestWithParam<WalCompression> {};

TEST_P(LogRoundTrip, RecordsOfAnySizeAcrossPagesAndSegments) {
  util::Random random(1);
  FaultyEnv env;
  std::vector<std::string> want;
  {
    const auto writer = open(env, {.segment_bytes = 4 * kWalPageBytes, .compression = GetParam()});
    for (int batch = 0; batch < 200; ++batch) {
      ASSERT_TRUE(writer->begin().has_value());
      for (std::uint64_t i = random.below(5); i > 0; --i) {
        // Sizes around the page size and some far beyond a segment.
        std::size_t bytes = 1 + random.below(3000);
        if (random.below(10) == 0) bytes = kWalPageBytes - 20 + random.below(40);
        if (random.below(60) == 0) bytes = 6 * kWalPageBytes;
        want.push_back(random_record(random, bytes));
        writer->add(want.back());
      }
      ASSERT_TRUE(writer->commit().has_value());
    }
    ASSERT_TRUE(writer->close().has_value());
  }
  std::vector<WalDamage> damage;
  EXPECT_EQ(read_all(env, &damage), want);
  EXPECT_TRUE(damage.empty());
  const auto segments = list_wal_segments(env, kDirectory).value();
  EXPECT_GT(segments.size(), 10U);
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    EXPECT_EQ(segments[i].number, i);
    EXPECT_EQ(env.content(segments[i].path).size() % kWalPageBytes, 0U)
        << "complete segments end at a page";
  }
}
INSTANTIATE_TEST_SUITE_P(Compressions, LogRoundTrip,
                         ::testing::Values(WalCompression::kNone, WalCompression::kSnappy,
                                           WalCompression::kZstd));

// One record of 5 bytes, by hand: header 01 0005 crc, data.
TEST(LogWriter, GoldenBytes) {
  FaultyEnv env;
  const auto writer = open(env);
  ASSERT_TRUE(writer->begin().has_value());
  writer->add("hello");
  ASSERT_TRUE(writer->commit().has_value());
  const std::string bytes = env.content("/data/wal/00000000");
  // CRC-32C of "hello" is 9a71bb4c.
  EXPECT_EQ(bytes, std::string("\x01\x00\x05\x9a\x71\xbb\x4chello", 12));
}

TEST(SegmentReader, TornTailAtEveryByteKeepsTheIntactPrefix) {
  util::Random random(2);
  FaultyEnv env;
  std::vector<std::string> records;
  std::vector<std::size_t> ends;
  const auto writer = open(env, {.compression = WalCompression::kNone});
  for (const std::size_t bytes : {10, 200, 40'000, 1, 300}) {
    records.push_back(random_record(random, bytes));
    ASSERT_TRUE(writer->begin().has_value());
    writer->add(records.back());
    ASSERT_TRUE(writer->commit().has_value());
    ends.push_back(env.content("/data/wal/00000000").size());
  }
  const std::string whole = env.content("/data/wal/00000000");
  for (std::size_t cut = 0; cut <= whole.size();
       cut += cut > 300 && cut + 600 < whole.size() ? 97 : 1) {
    SegmentReader reader(std::string_view(whole).substr(0, cut));
    std::size_t got = 0;
    while (const auto record = reader.next()) ASSERT_EQ(*record, records[got++]);
    const auto want = static_cast<std::size_t>(
        std::ranges::count_if(ends, [cut](std::size_t end) { return end <= cut; }));
    ASSERT_EQ(got, want) << cut;
    const bool clean = cut == 0 || (got > 0 && ends[got - 1] == cut);
    ASSERT_EQ(reader.damage().empty(), clean) << cut;
    if (!clean) {
      ASSERT_TRUE(reader.damage().back().torn_tail) << cut;
    }
    ASSERT_EQ(reader.sound_end(), got == 0 ? 0 : ends[got - 1]);
  }
}

// Goal: one flipped bit costs at most the records of one page, never gives a wrong record, and is
// reported.
TEST(SegmentReader, ABitFlipAnywhereCostsAtMostOnePageAndIsReported) {
  util::Random random(3);
  FaultyEnv env;
  std::vector<std::string> records;
  const auto writer = open(env);
  ASSERT_TRUE(writer->begin().has_value());
  for (int i = 0; i < 600; ++i) {
    records.push_back(random_record(random, i % 50 == 0 ? 80'000 : 40 + random.below(900)));
    writer->add(records.back());
  }
  ASSERT_TRUE(writer->commit().has_value());
  const std::string whole = env.content("/data/wal/00000000");
  ASSERT_GT(whole.size(), 5 * kWalPageBytes);
  for (int round = 0; round < 3000; ++round) {
    std::string flipped = whole;
    const auto at = random.below(whole.size());
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << random.below(8)));
    SegmentReader reader(flipped);
    std::size_t matched = 0;
    std::size_t position = 0;
    while (const auto record = reader.next()) {
      // A subsequence of what was written.
      while (position < records.size() && records[position] != *record) ++position;
      ASSERT_LT(position, records.size()) << "a record that nobody wrote, flip at " << at;
      ++position;
      ++matched;
    }
    ASSERT_FALSE(reader.damage().empty()) << at;
    // A page holds at most a hundred or so; a lost beginning costs the record that goes on from
    // there as well.
    ASSERT_LE(records.size() - matched, 180U) << at;
  }
}

TEST(SegmentReader, HostileBytesNeverReadOutside) {
  util::Random random(4);
  for (int round = 0; round < 3000; ++round) {
    std::vector<char> bytes(random.below(200));
    for (char& c : bytes)
      c = static_cast<char>(random.below(3) == 0 ? random.below(5) : random.next());
    SegmentReader reader(std::string_view(bytes.data(), bytes.size()));
    while (reader.next()) {
    }
  }
  // A snappy record that claims four gigabytes.
  std::string buffer;
  EXPECT_FALSE(
      decompress_record(kFragmentSnappy, std::string("\xff\xff\xff\xff\x0f\x00", 6), buffer)
          .has_value());
  EXPECT_FALSE(decompress_record(kFragmentZstd, "nonsense", buffer).has_value());
  EXPECT_FALSE(decompress_record(kFragmentZstd | kFragmentSnappy, "nonsense", buffer).has_value());
}

TEST(LogWriter, AFailedWriteIsTakenBackAndTheNextBatchGoesToANewSegment) {
  FaultyEnv env;
  const auto writer = open(env);
  const auto write = [&](std::string_view record) -> util::Result<void> {
    NX_TRY(writer->begin());
    writer->add(record);
    return writer->commit();
  };
  const std::string one = "\1one";
  const std::string two = "\1two";
  const std::string three = "\1three";
  ASSERT_TRUE(write(one).has_value());
  env.set_plan([](FileOperation operation, std::size_t number) -> std::optional<FaultyEnv::Fault> {
    if (operation == FileOperation::kWrite && number == 0)
      return FaultyEnv::Fault{util::Code::kNoSpace, 4};
    return std::nullopt;
  });
  const auto failed = write(two);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code(), util::Code::kNoSpace);
  ASSERT_TRUE(write(three).has_value());
  EXPECT_EQ(writer->current_segment(), 1U);
  std::vector<WalDamage> damage;
  EXPECT_EQ(read_all(env, &damage), (std::vector<std::string>{one, three}));
  EXPECT_TRUE(damage.empty());
}

TEST(LogWriter, WhatAFailedSyncMadeDoubtfulIsWrittenAgain) {
  FaultyEnv env;
  const auto writer = open(env);
  const auto write = [&](std::string_view record) -> util::Result<void> {
    NX_TRY(writer->begin());
    writer->add(record);
    return writer->commit();
  };
  ASSERT_TRUE(write("\1synced").has_value());
  ASSERT_TRUE(writer->sync().has_value());
  ASSERT_TRUE(write("\1doubtful").has_value());
  env.set_plan([](FileOperation operation, std::size_t number) -> std::optional<FaultyEnv::Fault> {
    if (operation == FileOperation::kSync && number == 0) return FaultyEnv::Fault{};
    return std::nullopt;
  });
  EXPECT_FALSE(writer->sync().has_value());
  ASSERT_TRUE(write("\1"
                    "after")
                  .has_value());
  ASSERT_TRUE(writer->sync().has_value());
  env.lose_power();
  const auto got = read_all(env);
  EXPECT_TRUE(std::ranges::find(got, "\1doubtful") != got.end() &&
              std::ranges::find(got,
                                "\1"
                                "after") != got.end() &&
              std::ranges::find(got, "\1synced") != got.end());
}

}  // namespace
}  // namespace narthex::tsdb
