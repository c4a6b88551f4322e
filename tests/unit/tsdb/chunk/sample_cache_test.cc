#include "tsdb/chunk/sample_cache.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace narthex::tsdb {
namespace {

using model::TimestampMs;

constexpr std::size_t kLarge = std::size_t{64} << 20U;

struct Samples {
  std::vector<TimestampMs> times;
  std::vector<double> values;
  friend bool operator==(const Samples&, const Samples&) = default;
};

// Every chunk's samples are its own.
Samples samples_of(std::uint64_t place) {
  Samples out;
  for (int i = 0; i < 120; ++i) {
    out.times.push_back(static_cast<TimestampMs>(place * 1000) + i);
    out.values.push_back(static_cast<double>(place) + i * 1.5);
  }
  return out;
}

void offer(SampleCache& cache, const ChunkKey& key) {
  const Samples samples = samples_of(key.place);
  cache.offer(key, samples.times, samples.values);
}
void offer_twice(SampleCache& cache, const ChunkKey& key) {
  offer(cache, key);
  offer(cache, key);
}
bool holds(SampleCache& cache, const ChunkKey& key) {
  Samples got;
  if (!cache.read(key, {got.times, got.values})) return false;
  EXPECT_EQ(got, samples_of(key.place));
  return true;
}

TEST(SampleCache, TakesInWhatIsOfferedASecondTime) {
  SampleCache cache(kLarge);
  const ChunkKey key{.source = 1, .place = 7, .time = 3};
  EXPECT_FALSE(holds(cache, key));
  offer(cache, key);
  EXPECT_FALSE(holds(cache, key));
  EXPECT_EQ(cache.size_bytes(), 0U);
  offer(cache, key);
  EXPECT_TRUE(holds(cache, key));
  EXPECT_GT(cache.size_bytes(), 120U);
  EXPECT_EQ(cache.hits(), 1U);
  EXPECT_EQ(cache.misses(), 2U);
}

TEST(SampleCache, TellsChunksApartByEveryPartOfTheKey) {
  SampleCache cache(kLarge);
  offer_twice(cache, {.source = 1, .place = 7, .time = 3});
  EXPECT_FALSE(holds(cache, {.source = 2, .place = 7, .time = 3}));
  EXPECT_FALSE(holds(cache, {.source = 1, .place = 8, .time = 3}));
  EXPECT_FALSE(holds(cache, {.source = 1, .place = 7, .time = 4}));
}

TEST(SampleCache, StaysBelowItsLimitAndKeepsWhatIsInUse) {
  constexpr std::size_t kLimit = std::size_t{1} << 20U;
  SampleCache cache(kLimit);
  const ChunkKey in_use{.source = 1, .place = 0};
  offer_twice(cache, in_use);
  for (std::uint64_t place = 1; place < 20000; ++place) {
    offer_twice(cache, {.source = 1, .place = place});
    ASSERT_LE(cache.size_bytes(), kLimit);
    ASSERT_TRUE(holds(cache, in_use)) << place;
  }
  EXPECT_GT(cache.size_bytes(), kLimit / 2);
  EXPECT_FALSE(holds(cache, {.source = 1, .place = 1}));
}

TEST(SampleCache, AScanThatComesOnceWashesNothingOut) {
  SampleCache cache(std::size_t{1} << 20U);
  for (std::uint64_t place = 0; place < 100; ++place)
    offer_twice(cache, {.source = 1, .place = place});
  for (std::uint64_t place = 0; place < 20000; ++place) offer(cache, {.source = 2, .place = place});
  for (std::uint64_t place = 0; place < 100; ++place)
    EXPECT_TRUE(holds(cache, {.source = 1, .place = place})) << place;
}

TEST(SampleCache, HoldsAllOfWhatIsAskedAgainAndAgain) {
  SampleCache cache(kLarge);
  constexpr std::uint64_t kChunks = 20000;
  for (int round = 0; round < 12; ++round) {
    for (std::uint64_t place = 0; place < kChunks; ++place) {
      const ChunkKey key{.source = 1, .place = place};
      if (!holds(cache, key)) offer(cache, key);
    }
  }
  const std::uint64_t before = cache.misses();
  for (std::uint64_t place = 0; place < kChunks; ++place)
    (void)holds(cache, {.source = 1, .place = place});
  EXPECT_LT(cache.misses() - before, kChunks / 1000);
}

TEST(SampleCache, OfMoreThanItHoldsAskedInTurnAPartIsFound) {
  SampleCache cache(std::size_t{1} << 20U);
  std::uint64_t chunks = 0;  // Three times what it holds.
  for (std::size_t before = 1; cache.size_bytes() != before || chunks < 100; ++chunks) {
    before = cache.size_bytes();
    offer_twice(cache, {.source = 1, .place = chunks});
  }
  chunks *= 3;
  const auto ask_in_turn = [&] {
    for (std::uint64_t place = 0; place < chunks; ++place) {
      const ChunkKey key{.source = 1, .place = place};
      if (!holds(cache, key)) offer(cache, key);
    }
  };
  for (int round = 0; round < 10; ++round) ask_in_turn();
  const std::uint64_t hits = cache.hits();
  for (int round = 0; round < 10; ++round) ask_in_turn();
  EXPECT_GT(cache.hits() - hits, 10 * chunks / 6);
}

TEST(SampleCache, WhatIsAskedNowTakesThePlaceOfWhatWas) {
  SampleCache cache(std::size_t{1} << 20U);
  for (std::uint64_t place = 0; place < 20000; ++place)
    offer_twice(cache, {.source = 1, .place = place});
  constexpr std::uint64_t kNow = 300;
  for (int round = 0; round < 30; ++round) {
    for (std::uint64_t place = 0; place < kNow; ++place) {
      const ChunkKey key{.source = 2, .place = place};
      if (!holds(cache, key)) offer(cache, key);
    }
  }
  const std::uint64_t before = cache.misses();
  for (std::uint64_t place = 0; place < kNow; ++place)
    (void)holds(cache, {.source = 2, .place = place});
  EXPECT_LT(cache.misses() - before, kNow / 20);
}

TEST(SampleCache, WithoutRoomItKeepsNothing) {
  SampleCache none(0);
  offer_twice(none, {.source = 1, .place = 1});
  EXPECT_FALSE(holds(none, {.source = 1, .place = 1}));
  SampleCache too_small(32 * 100);
  offer_twice(too_small, {.source = 1, .place = 1});
  EXPECT_FALSE(holds(too_small, {.source = 1, .place = 1}));
  EXPECT_EQ(too_small.size_bytes(), 0U);
}

TEST(SampleCache, ThreadsShareIt) {
  SampleCache cache(std::size_t{256} << 10U);
  const auto work = [&cache] {
    for (std::uint64_t round = 0; round < 20; ++round) {
      for (std::uint64_t place = 0; place < 500; ++place) {
        const ChunkKey key{.source = 1, .place = place};
        if (!holds(cache, key)) offer(cache, key);
      }
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  threads.clear();
  EXPECT_GT(cache.hits(), 0U);
  EXPECT_LE(cache.size_bytes(), std::size_t{256} << 10U);
}

}  // namespace
}  // namespace narthex::tsdb
