#include "tsdb/block/ulid.h"

#include <gtest/gtest.h>

namespace narthex::tsdb {
namespace {

TEST(Ulid, KnownTimesAndEntropy) {
  EXPECT_EQ(make_ulid(0, 0, 0), "00000000000000000000000000");
  EXPECT_EQ(make_ulid(0, 0, 1), "00000000000000000000000001");
  EXPECT_EQ(make_ulid((std::int64_t{1} << 48U) - 1, 0xffff, ~std::uint64_t{0}),
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  // The example of the ULID specification: 1469918176385 ms.
  EXPECT_EQ(make_ulid(1469918176385, 0, 0).substr(0, 10), "01ARYZ6S41");
}

TEST(Ulid, NamesSortByTimeAndDiffer) {
  const std::string a = new_ulid(1'700'000'000'000);
  const std::string b = new_ulid(1'700'000'000'001);
  EXPECT_LT(a, b);
  EXPECT_NE(a, new_ulid(1'700'000'000'000));
  EXPECT_TRUE(is_ulid(a));
}

TEST(Ulid, OthersAreNone) {
  for (const char* text : {"", "01ARYZ6S41", "01ARYZ6S4100000000000000000",
                           "81ARYZ6S410000000000000000", "01aryz6s410000000000000000",
                           "01ARYZ6S41000000000000000U", "01ARYZ6S41.0000000000000tmp"}) {
    EXPECT_FALSE(is_ulid(text)) << text;
  }
}

}  // namespace
}  // namespace narthex::tsdb
