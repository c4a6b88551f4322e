#include "narthex/util/bytes.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "support/random_seed.h"

namespace narthex::util {
namespace {

std::string uvarint_text(std::uint64_t v) {
  std::string out;
  append_uvarint(out, v);
  return out;
}

TEST(Bytes, FixedWidthIntegersHaveTheNamedByteOrder) {
  std::string out;
  append_be<std::uint32_t>(out, 0x01020304);
  EXPECT_EQ(out, std::string("\x01\x02\x03\x04", 4));
  EXPECT_EQ(load_be<std::uint32_t>(out.data()), 0x01020304U);
  EXPECT_EQ(load_le<std::uint32_t>(out.data()), 0x04030201U);
  std::uint8_t buffer[8];
  store_le<std::uint64_t>(buffer, 0x1122334455667788ULL);
  EXPECT_EQ(buffer[0], 0x88);
  EXPECT_EQ(load_be<std::uint64_t>(buffer), 0x8877665544332211ULL);
  store_be<std::uint16_t>(buffer, 0xabcd);
  EXPECT_EQ(buffer[0], 0xab);
}

TEST(Bytes, VarintsHaveTheBytesOfProtocolBuffers) {
  EXPECT_EQ(uvarint_text(0), std::string("\x00", 1));
  EXPECT_EQ(uvarint_text(127), "\x7f");
  EXPECT_EQ(uvarint_text(128), "\x80\x01");
  EXPECT_EQ(uvarint_text(300), "\xac\x02");
  EXPECT_EQ(uvarint_text(std::numeric_limits<std::uint64_t>::max()).size(), kVarintBytesMax);
  std::string out;
  append_varint(out, -1);
  EXPECT_EQ(out, "\x01");
  append_varint(out, 1);
  EXPECT_EQ(out, "\x01\x02");
}

TEST(Bytes, ZigzagIsItsOwnInverseAtTheEnds) {
  using limits = std::numeric_limits<std::int64_t>;
  for (const std::int64_t v : {limits::min(), limits::min() + 1, std::int64_t{-1}, std::int64_t{0},
                               std::int64_t{1}, limits::max() - 1, limits::max()}) {
    EXPECT_EQ(unzigzag(zigzag(v)), v);
  }
  EXPECT_EQ(zigzag(limits::min()), std::numeric_limits<std::uint64_t>::max());
}

TEST(ByteReader, ReadsBackWhatWasWritten) {
  util::Random random = test::seeded_random();
  for (int round = 0; round < 2000; ++round) {
    const std::uint64_t u = random.next() >> random.below(64);
    const auto s = static_cast<std::int64_t>(random.next()) >> random.below(64);
    std::string out;
    append_uvarint(out, u);
    append_varint(out, s);
    append_be<std::uint64_t>(out, u);
    append_uvarint(out, 3);
    out += "abc";
    ByteReader reader{std::string_view(out)};
    ASSERT_EQ(reader.uvarint(), u);
    ASSERT_EQ(reader.varint(), s);
    ASSERT_EQ(reader.be<std::uint64_t>(), u);
    ASSERT_EQ(reader.uvarint_bytes(), "abc");
    ASSERT_TRUE(reader.ok());
    ASSERT_EQ(reader.remaining(), 0U);
    ASSERT_EQ(reader.position(), out.size());
  }
}

TEST(ByteReader, EveryCutOfARecordFailsAndStaysFailed) {
  std::string whole;
  append_uvarint(whole, 1'000'000);
  append_be<std::uint32_t>(whole, 7);
  append_uvarint(whole, 4);
  whole += "name";
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    SCOPED_TRACE(cut);
    ByteReader reader{std::string_view(whole).substr(0, cut)};
    static_cast<void>(reader.uvarint());
    static_cast<void>(reader.be<std::uint32_t>());
    static_cast<void>(reader.uvarint_bytes());
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.remaining(), 0U);
    EXPECT_EQ(reader.u8(), 0);
    EXPECT_EQ(reader.uvarint(), 0U);
    EXPECT_TRUE(reader.bytes(0).empty());
    EXPECT_FALSE(reader.ok());
  }
}

TEST(ByteReader, RefusesVarintsThatAreTooLongOrTooLarge) {
  const auto accepts = [](const std::string& bytes) {
    ByteReader reader{std::string_view(bytes)};
    static_cast<void>(reader.uvarint());
    return reader.ok();
  };
  const std::string nine(9, '\xff');
  EXPECT_TRUE(accepts(nine + "\x01"));
  EXPECT_FALSE(accepts(nine + "\x02"));
  EXPECT_FALSE(accepts(nine + "\x81\x01"));
  EXPECT_FALSE(accepts(std::string(10, '\x80') + std::string(1, '\0')));
}

// A damaged length must not wrap around the end of the buffer.
TEST(ByteReader, RefusesALengthBeyondTheEnd) {
  std::string bytes;
  append_uvarint(bytes, std::numeric_limits<std::uint64_t>::max());
  bytes += "abc";
  ByteReader reader{std::string_view(bytes)};
  EXPECT_TRUE(reader.uvarint_bytes().empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, SkipMovesOverBytes) {
  ByteReader reader(std::string_view("abcdef"));
  reader.skip(2);
  EXPECT_EQ(reader.bytes(2), "cd");
  EXPECT_EQ(reader.position(), 4U);
  reader.skip(3);
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace narthex::util
