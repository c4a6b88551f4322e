#include "narthex/util/memory_budget.h"

#include <gtest/gtest.h>

namespace narthex::util {
namespace {

TEST(MemoryBudget, IsSpentWhenItsOwnersHoldThatMuch) {
  MemoryBudget budget(100);
  std::uint64_t head = 60;
  std::uint64_t cache = 39;
  const MemoryBudget::Owner of_head = budget.add_owner("head", [&] { return head; });
  const MemoryBudget::Owner of_cache = budget.add_owner("cache", [&] { return cache; });
  EXPECT_EQ(budget.used(), 99U);
  EXPECT_FALSE(budget.is_spent());
  cache = 40;
  EXPECT_TRUE(budget.is_spent());
  EXPECT_EQ(budget.bytes_of("head"), 60U);
  EXPECT_EQ(budget.bytes_of("cache"), 40U);
  EXPECT_EQ(budget.bytes_of("queries"), 0U);
}

TEST(MemoryBudget, AnOwnerThatIsGoneHoldsNothing) {
  MemoryBudget budget(100);
  {
    MemoryBudget::Owner first = budget.add_owner("a", [] { return 70U; });
    MemoryBudget::Owner second = budget.add_owner("a", [] { return 30U; });
    EXPECT_EQ(budget.bytes_of("a"), 100U);
    MemoryBudget::Owner moved = std::move(first);
    EXPECT_TRUE(budget.is_spent());
    second = std::move(moved);
    EXPECT_EQ(budget.bytes_of("a"), 70U) << "assigning over an account ends it";
  }
  EXPECT_EQ(budget.used(), 0U);
}

TEST(MemoryBudget, WhatTheOperatingSystemCountsMayBeMore) {
  std::uint64_t resident = 10;
  MemoryBudget budget(100, [&] { return resident; });
  const MemoryBudget::Owner owner = budget.add_owner("a", [] { return 50U; });
  EXPECT_EQ(budget.used(), 50U);
  resident = 120;
  EXPECT_EQ(budget.used(), 120U);
  EXPECT_TRUE(budget.is_spent());
}

TEST(MemoryBudget, ZeroIsNoLimit) {
  MemoryBudget budget(0);
  const MemoryBudget::Owner owner = budget.add_owner("a", [] { return ~std::uint64_t{0}; });
  EXPECT_FALSE(budget.is_spent());
}

}  // namespace
}  // namespace narthex::util
