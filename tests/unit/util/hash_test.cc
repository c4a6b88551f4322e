#include "narthex/util/hash.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace narthex::util {
namespace {

// The two stable hashes: other programs compute the same numbers (scrape offsets, limit_ratio).
TEST(Hash, StableHashesGiveThePublishedVectors) {
  EXPECT_EQ(xxh64(""), 0xef46db3751d8e999ULL);
  EXPECT_EQ(xxh64("a"), 0xd24ec4f1a98c6e5bULL);
  EXPECT_EQ(fnv1a64(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(fnv1a64("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(fnv1a64("foobar"), 0x85944171f73967e8ULL);
  EXPECT_EQ(fnv1a64("bar", fnv1a64("foo")), fnv1a64("foobar"));
}

TEST(Hash, DifferentTextsHaveDifferentHashes) {
  std::set<std::uint64_t> seen;
  std::set<std::uint64_t> seen_low;
  constexpr int kCount = 20'000;
  for (int i = 0; i < kCount; ++i) {
    const std::string text = "series_" + std::to_string(i);
    seen.insert(hash64(text));
    seen_low.insert(hash128(text).low);
  }
  EXPECT_EQ(seen.size(), kCount);
  EXPECT_EQ(seen_low.size(), kCount);
  EXPECT_EQ(hash128("x"), hash128("x"));
  EXPECT_NE(mix64(1, 2), mix64(2, 1));
}

}  // namespace
}  // namespace narthex::util
