#include "tsdb/head/file_chunk.h"

#include <gtest/gtest.h>

#include "narthex/util/random.h"

#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {
namespace {

struct Written {
  FileChunk chunk;
  std::string payload;
  std::uint64_t offset = 0;
  std::uint64_t end = 0;
};

std::string random_bytes(util::Random& random, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(static_cast<char>(random.below(256)));
  return out;
}

// A file of chunks whose fields are anything that may be in one.
std::string random_file(util::Random& random, std::size_t count, std::vector<Written>& written) {
  std::string file = head_chunks_header();
  written.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Written one;
    one.payload = random_bytes(random, 2 + random.below(random.below(10) == 0 ? 20'000 : 200));
    one.chunk.series = 1 + random.below(random.below(2) == 0 ? 100 : std::uint64_t{1} << 40U);
    one.chunk.min = static_cast<model::TimestampMs>(random.below(1'000'000)) - 500'000;
    one.chunk.max = one.chunk.min + static_cast<model::TimestampMs>(random.below(100'000));
    one.chunk.encoding = static_cast<std::uint8_t>(1 + random.below(6));
    one.chunk.late = random.below(4) == 0;
    written.push_back(std::move(one));
    Written& last = written.back();
    last.chunk.payload = last.payload;
    last.offset = file.size();
    append_file_chunk(file, last.chunk);
    last.end = file.size();
  }
  return file;
}

void expect_equal(const FileChunk& got, const Written& want) {
  EXPECT_EQ(got.series, want.chunk.series);
  EXPECT_EQ(got.min, want.chunk.min);
  EXPECT_EQ(got.max, want.chunk.max);
  EXPECT_EQ(got.encoding, want.chunk.encoding);
  EXPECT_EQ(got.late, want.chunk.late);
  EXPECT_EQ(got.payload, want.payload);
}

// storage-format.md §7, worked out by hand; the checksum is CRC-32C of the bytes before it.
TEST(FileChunk, HasTheBytesOfTheFormat) {
  std::string out;
  append_file_chunk(out, {.series = 5,
                          .min = 16,
                          .max = 32,
                          .encoding = 1,
                          .late = true,
                          .payload = std::string_view("\0\1\x20", 3)});
  const std::string_view want("\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x20\x81\3\0\1\x20",
                              29);
  ASSERT_EQ(out.size(), want.size() + 4);
  EXPECT_EQ(std::string_view(out).substr(0, want.size()), want);
  EXPECT_EQ(head_chunks_header(), std::string("\x01\x30\xbc\x91\1\0\0\0", 8));
}

TEST(FileChunk, ScanFindsEverythingThatWasWritten) {
  util::Random random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<Written> written;
    std::string file = random_file(random, random.below(30), written);
    const std::size_t end = file.size();
    file.append(random.below(2) * 40'000, '\0');  // Room that was asked for in advance.
    const HeadChunksScan scan = scan_head_chunks(file);
    ASSERT_EQ(scan.chunks.size(), written.size());
    for (std::size_t i = 0; i < written.size(); ++i) {
      expect_equal(scan.chunks[i].chunk, written[i]);
      EXPECT_EQ(scan.chunks[i].offset, written[i].offset);
      EXPECT_FALSE(scan.chunks[i].after_damage);
    }
    EXPECT_EQ(scan.damaged_regions, 0U);
    EXPECT_FALSE(scan.torn);
    EXPECT_EQ(scan.sound_end, end);
  }
}

TEST(FileChunk, ATornTailAtEveryByteKeepsTheWholeChunks) {
  util::Random random(2);
  std::vector<Written> written;
  const std::string file = random_file(random, 6, written);
  for (std::size_t cut = kHeadChunksHeaderBytes; cut <= file.size(); ++cut) {
    const HeadChunksScan scan = scan_head_chunks(std::string_view(file).substr(0, cut));
    std::size_t whole = 0;
    std::uint64_t end = kHeadChunksHeaderBytes;
    while (whole < written.size() && written[whole].end <= cut) end = written[whole++].end;
    ASSERT_EQ(scan.chunks.size(), whole) << cut;
    ASSERT_EQ(scan.damaged_regions, 0U);
    // A tail that has nothing but zeros yet cannot be told from none.
    if (!scan.torn) {
      ASSERT_EQ(file.substr(end, cut - end).find_first_not_of('\0'), std::string::npos);
    }
    ASSERT_EQ(scan.sound_end, end);
  }
}

TEST(FileChunk, ADamagedByteCostsItsChunkAlone) {
  util::Random random(3);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Written> written;
    std::string file = random_file(random, 8, written);
    const std::size_t at =
        kHeadChunksHeaderBytes + random.below(file.size() - kHeadChunksHeaderBytes);
    file[at] = static_cast<char>(file[at] ^ (1 << random.below(8)));
    const HeadChunksScan scan = scan_head_chunks(file);
    std::size_t next = 0;
    for (const Written& one : written) {
      if (one.offset <= at && at < one.end) continue;
      ASSERT_LT(next, scan.chunks.size()) << at;
      expect_equal(scan.chunks[next].chunk, one);
      EXPECT_EQ(scan.chunks[next].after_damage, one.offset > at);
      ++next;
    }
    ASSERT_EQ(next, scan.chunks.size());
    EXPECT_TRUE(scan.damaged_regions == 1 || scan.torn);
  }
}

TEST(FileChunk, NonsenseIsNoChunk) {
  util::Random random(4);
  for (int round = 0; round < 300; ++round) {
    const std::string file = head_chunks_header() + random_bytes(random, random.below(5000));
    EXPECT_TRUE(scan_head_chunks(file).chunks.empty());
    static_cast<void>(parse_file_chunk(file, random.below(file.size() + 100)));
  }
  EXPECT_FALSE(is_head_chunks_header(""));
  EXPECT_FALSE(is_head_chunks_header(std::string(8, '\0')));
}

}  // namespace
}  // namespace narthex::tsdb
