#include "narthex/util/crc32c.h"

#include <string>

#include <gtest/gtest.h>

#include "support/random_seed.h"

namespace narthex::util {
namespace {

// RFC 3720 appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32c, GivesThePublishedVectors) {
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  const std::string descending(ascending.rbegin(), ascending.rend());
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(ascending), 0x46dd794eU);
  EXPECT_EQ(crc32c(descending), 0x113fdb5cU);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, BothImplementationsAgreeAtEveryLengthAndAlignment) {
  Random random = test::seeded_random();
  std::string bytes(300, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  for (std::size_t offset = 0; offset < 9; ++offset) {
    for (std::size_t size = 0; size + offset <= bytes.size(); ++size) {
      const auto seed = static_cast<std::uint32_t>(random.next());
      ASSERT_EQ(crc32c_extend(seed, bytes.data() + offset, size),
                crc32c_portable(seed, bytes.data() + offset, size))
          << offset << " " << size;
    }
  }
}

TEST(Crc32c, ExtendingOverPartsEqualsTheWhole) {
  const std::string bytes = "the quick brown fox jumps over the lazy dog, twice";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::uint32_t head = crc32c_extend(0, bytes.data(), cut);
    EXPECT_EQ(crc32c_extend(head, bytes.data() + cut, bytes.size() - cut), crc32c(bytes));
  }
}

}  // namespace
}  // namespace narthex::util
