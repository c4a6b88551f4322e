#include "tsdb/index/postings.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

IdList random_list(util::Random& random, std::size_t count, std::uint64_t bound) {
  std::set<SeriesId> ids;
  for (std::size_t i = 0; i < count; ++i)
    ids.insert(static_cast<SeriesId>(random.below(bound)) + 1);
  return {ids.begin(), ids.end()};
}

TEST(Postings, KeepsAnyOrderOfAddsSortedAndUnique) {
  util::Random random(3);
  for (int round = 0; round < 200; ++round) {
    Postings postings;
    std::set<SeriesId> want;
    const auto count = random.below(100);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto id = random.below(4) == 0 ? static_cast<SeriesId>(random.below(500)) + 1
                                           : (want.empty() ? 1 : *want.rbegin() + 1);
      postings.add(id);
      want.insert(id);
    }
    ASSERT_TRUE(std::ranges::equal(postings.ids(), want));
    const IdList gone = random_list(random, random.below(50), 500);
    postings.remove(gone);
    for (const SeriesId id : gone) want.erase(id);
    ASSERT_TRUE(std::ranges::equal(postings.ids(), want));
  }
}

TEST(Postings, TwoIdsNeedNoHeapAndGrowthIsTight) {
  Postings postings;
  postings.add(1);
  postings.add(2);
  EXPECT_EQ(postings.heap_bytes(), 0U);
  for (SeriesId id = 3; id <= 10000; ++id) postings.add(id);
  EXPECT_LE(postings.heap_bytes(), 10000U * 4 * 5 / 4 + 64);
}

TEST(PostingsOperations, AgreeWithTheStandardLibrary) {
  util::Random random(5);
  for (int round = 0; round < 2000; ++round) {
    // Lengths and densities from "equal" to "one against very many".
    const IdList a = random_list(random, random.below(1) + (1U << random.below(11)) - 1,
                                 1U << (4 + random.below(14)));
    const IdList b =
        random_list(random, (1U << random.below(11)) - 1, 1U << (4 + random.below(14)));
    IdList want;
    std::ranges::set_intersection(a, b, std::back_inserter(want));
    IdList got = a;
    intersect(got, b);
    ASSERT_EQ(got, want);
    want.clear();
    std::ranges::set_difference(a, b, std::back_inserter(want));
    got = a;
    subtract(got, b);
    ASSERT_EQ(got, want);
  }
}

TEST(PostingsOperations, UnionOfDisjointListsIsSortedWhetherDenseOrSparse) {
  util::Random random(6);
  for (int round = 0; round < 300; ++round) {
    const IdList all =
        random_list(random, random.below(2000), round % 2 == 0 ? 3000 : 4'000'000'000ULL);
    std::vector<IdList> parts(1 + random.below(10));
    for (const SeriesId id : all) parts[random.below(parts.size())].push_back(id);
    const std::vector<std::span<const SeriesId>> lists(parts.begin(), parts.end());
    ASSERT_EQ(unite_disjoint(lists), all);
  }
}

}  // namespace
}  // namespace narthex::tsdb
