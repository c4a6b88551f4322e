#include "tsdb/chunk/xor_chunk.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "narthex/model/stale.h"
#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

struct Series {
  std::vector<model::TimestampMs> timestamps;
  std::vector<double> values;
};

std::string encode(const Series& series) {
  XorChunkBuilder builder;
  for (std::size_t i = 0; i < series.timestamps.size(); ++i)
    builder.append(series.timestamps[i], series.values[i]);
  return std::string(builder.bytes());
}

util::Result<Series> decode(std::string_view chunk) {
  Series out;
  NX_TRY(decode_xor_chunk(chunk, {out.timestamps, out.values}));
  return out;
}

void expect_same(const Series& got, const Series& want) {
  ASSERT_EQ(got.timestamps, want.timestamps);
  ASSERT_EQ(got.values.size(), want.values.size());
  for (std::size_t i = 0; i < want.values.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(got.values[i]),
              std::bit_cast<std::uint64_t>(want.values[i]))
        << i;
  }
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

// Picks steps whose second differences hit every code length and its edges, values with every kind
// of double.
Series adversarial(util::Random& random, std::size_t count) {
  Series series;
  auto time = static_cast<std::uint64_t>(random.next() >> random.below(64));
  std::uint64_t delta = random.next() >> random.below(64);
  std::uint64_t bits = random.next();
  for (std::size_t i = 0; i < count; ++i) {
    series.timestamps.push_back(static_cast<model::TimestampMs>(time));
    const auto kind = random.below(10);
    constexpr std::uint64_t kEdges[] = {8191,  8192,   8193,   65535, 65536,
                                        65537, 524287, 524288, 524289};
    if (kind < 3) delta += kEdges[random.below(std::size(kEdges))];
    if (kind == 3) delta -= kEdges[random.below(std::size(kEdges))];
    if (kind == 4) delta = random.next();
    if (kind == 5) delta += random.below(3);
    time += delta;
    switch (random.below(10)) {
      case 0:
        bits = random.next();
        break;
      case 1:
        bits = model::kStaleNanBits;
        break;
      case 2:
        bits = model::kNormalNanBits;
        break;
      case 3:
        bits = 0x7ff0000000000000ULL | (random.below(2) << 63U);
        break;  // ±Inf
      case 4:
        bits = 0xfff8000000000000ULL | random.below(1000);
        break;  // NaN payloads
      case 5:
        bits ^= std::uint64_t{1} << random.below(64);
        break;
      case 6:
        bits = std::bit_cast<std::uint64_t>(std::bit_cast<double>(bits) + 1);
        break;
      case 7:
        bits = random.below(2) << 63U;
        break;  // ±0
      default:
        break;
    }
    series.values.push_back(std::bit_cast<double>(bits));
  }
  return series;
}

TEST(XorChunk, RoundTripsAdversarialSeries) {
  util::Random random(42);
  for (int round = 0; round < 3000; ++round) {
    SCOPED_TRACE(round);
    const Series series = adversarial(random, random.below(300));
    const auto got = decode(encode(series));
    ASSERT_TRUE(got.has_value()) << got.error().message();
    expect_same(*got, series);
  }
}

TEST(XorChunk, DecodingAppendsBehindWhatIsThere) {
  Series out{{1, 2}, {10, 20}};
  ASSERT_TRUE(
      decode_xor_chunk(encode({{3, 4}, {30, 40}}), {out.timestamps, out.values}).has_value());
  expect_same(out, {{1, 2, 3, 4}, {10, 20, 30, 40}});
}

// Bytes worked out by hand from storage-format.md §5.1.
TEST(XorChunk, GoldenBytes) {
  const auto check = [](const Series& series, std::string_view want) {
    EXPECT_EQ(hex(encode(series)), want);
  };
  check({}, "0000");
  check({{0}, {0}}, "0001000000000000000000");
  // zig-zag 1000 = 2000 = d0 0f; 1.0 = 3ff0…
  check({{1000}, {1}}, "0001d00f3ff0000000000000");
  // delta 15000 = 98 75; equal value: bit 0.
  check({{1000, 16000}, {1, 1}}, "0002d00f3ff0000000000000987500");
  // Same delta again (0), 1.0 ^ 2.0 = 7ff0…: 1 leading zero, 11 significant bits: 11 00001 001011
  // 11111111111, after the 0 of sample 1.
  check({{1000, 16000, 31000}, {1, 1, 2}},
        "0003d00f3ff00000000000009875"
        "30"
        "97"
        "ff"
        "c0");
  // dod +1: 10 00000000000001.
  check({{1000, 16000, 31001}, {1, 1, 1}},
        "0003d00f3ff00000000000009875"
        "40"
        "00"
        "80");
}

TEST(XorChunk, AnyPrefixOfAChunkIsCorruptAndChangesNothing) {
  util::Random random(7);
  const std::string chunk = encode(adversarial(random, 40));
  for (std::size_t cut = 0; cut + 1 < chunk.size(); ++cut) {
    // A heap block of exactly the cut size, so that a sanitizer sees any read behind it.
    const std::vector<char> exact(chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(cut));
    Series out{{5}, {6}};
    const auto result =
        decode_xor_chunk({exact.data(), exact.size()}, {out.timestamps, out.values});
    ASSERT_FALSE(result.has_value()) << cut;
    EXPECT_EQ(result.error().code(), util::Code::kCorruption);
    expect_same(out, {{5}, {6}});
  }
}

TEST(XorChunk, HostileBytesGiveSamplesOrCorruptionAndNothingElse) {
  util::Random random(11);
  for (int round = 0; round < 20000; ++round) {
    std::vector<char> bytes(random.below(64));
    for (char& c : bytes) c = static_cast<char>(random.next());
    if (bytes.size() > 2) bytes[0] = 0;  // Counts that may fit.
    Series out;
    const auto result =
        decode_xor_chunk({bytes.data(), bytes.size()}, {out.timestamps, out.values});
    if (!result) {
      EXPECT_EQ(result.error().code(), util::Code::kCorruption);
      EXPECT_TRUE(out.timestamps.empty());
    }
    EXPECT_EQ(out.timestamps.size(), out.values.size());
  }
}

TEST(XorChunk, AReusedWindowBeforeAnyWindowIsCorrupt) {
  const Series one{{0}, {0}};
  std::string chunk = encode(one);
  chunk[1] = 2;
  chunk += std::string("\x05\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00", 11);
  EXPECT_FALSE(decode(chunk).has_value());
}

TEST(XorChunk, ACountThatCannotFitIsRefusedBeforeAllocating) {
  std::string chunk = encode({{0}, {0}});
  chunk[0] = '\xff';
  chunk[1] = '\xff';
  EXPECT_FALSE(decode(chunk).has_value());
}

}  // namespace
}  // namespace narthex::tsdb
