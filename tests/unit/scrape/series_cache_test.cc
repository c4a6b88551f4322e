#include "scrape/series_cache.h"

#include <string>

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::scrape {
namespace {

util::Hash128 hash_of(std::uint64_t n) {
  return util::hash128(std::to_string(n));
}

TEST(SeriesCache, FindsWhatWasAddedInAnyOrder) {
  SeriesCache cache;
  util::Random random(1);
  std::vector<bool> known(5000);
  for (int i = 0; i < 50000; ++i) {
    const std::uint64_t n = random.below(known.size());
    if (random.below(100) == 0) cache.rewind();
    const SeriesCache::Index index = cache.find(hash_of(n));
    ASSERT_EQ(index != SeriesCache::kNone, known[n]);
    if (index == SeriesCache::kNone) {
      cache[cache.add(hash_of(n))].ref = n + 1;
      known[n] = true;
    } else {
      ASSERT_EQ(cache[index].ref, n + 1);
    }
  }
}

TEST(SeriesCache, KeepsWhatOneRoundSaw) {
  SeriesCache cache;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    ASSERT_EQ(cache.find(hash_of(n)), SeriesCache::kNone);
    SeriesCache::Entry& entry = cache[cache.add(hash_of(n))];
    entry.round = n % 3 == 0 ? 7 : 6;
    entry.ref = n;
  }
  cache.keep_only(7);
  EXPECT_EQ(cache.size(), 334U);
  cache.rewind();
  for (std::uint64_t n = 0; n < 1000; ++n) {
    const SeriesCache::Index index = cache.find(hash_of(n));
    ASSERT_EQ(index != SeriesCache::kNone, n % 3 == 0);
    if (index != SeriesCache::kNone) {
      ASSERT_EQ(cache[index].ref, n);
    }
  }
  cache.keep_only(1);
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.find(hash_of(0)), SeriesCache::kNone);
}

}  // namespace
}  // namespace narthex::scrape
