#include "tsdb/chunk/bit_buffer.h"

#include <string>

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

std::string bits_of(const BitBuffer& buffer) {
  std::uint8_t bytes[BitBuffer::kBytesMax];
  buffer.store(bytes);
  std::string out;
  for (unsigned i = 0; i < BitBuffer::kBitsMax; ++i) {
    out.push_back(((bytes[i / 8] >> (7U - i % 8U)) & 1U) != 0 ? '1' : '0');
  }
  return out;
}

// Goal: any sequence of fields comes out as the same bits, zeros behind. Method: a string of '0'
// and '1' as the model.
TEST(BitBuffer, HoldsAnySequenceOfFieldsMostSignificantBitFirst) {
  util::Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const auto start = static_cast<unsigned>(random.below(8));
    const auto unfinished = static_cast<std::uint8_t>(random.next() & (0xff00U >> start) & 0xffU);
    std::string want;
    for (unsigned i = 0; i < start; ++i)
      want.push_back(((unfinished >> (7U - i)) & 1U) != 0 ? '1' : '0');
    BitBuffer buffer(unfinished, start);
    for (;;) {
      const auto bits = static_cast<unsigned>(random.below(64)) + 1;
      if (buffer.bit_count() + bits > BitBuffer::kBitsMax) break;
      const std::uint64_t value = random.next() >> (64U - bits);
      buffer.put(value, bits);
      for (unsigned i = bits; i-- > 0;) want.push_back(((value >> i) & 1U) != 0 ? '1' : '0');
    }
    ASSERT_EQ(buffer.bit_count(), want.size());
    ASSERT_EQ(buffer.byte_count(), (want.size() + 7) / 8);
    want.resize(BitBuffer::kBitsMax, '0');
    ASSERT_EQ(bits_of(buffer), want);
  }
}

TEST(BitBuffer, WritesVarintsAsBytes) {
  BitBuffer buffer;
  buffer.put_uvarint(300);
  EXPECT_EQ(buffer.bit_count(), 16U);
  EXPECT_EQ(bits_of(buffer).substr(0, 16), "1010110000000010");
}

}  // namespace
}  // namespace narthex::tsdb
