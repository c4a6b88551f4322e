#include "tsdb/compact/plan.h"

#include <gtest/gtest.h>

namespace narthex::tsdb {
namespace {

using Names = std::vector<std::string>;

BlockMeta block(std::string name, model::TimestampMs from, model::TimestampMs to) {
  BlockMeta meta;
  meta.ulid = std::move(name);
  meta.min_time = from;
  meta.max_time = to;
  meta.stats.series = 10;
  meta.sources = {meta.ulid};
  return meta;
}

const PlanOptions kOptions{.ranges = {20, 60, 180, 540}, .merge_overlapping = true};

TEST(Plan, RangesGrowByThreeUpToTheLongest) {
  EXPECT_EQ(compaction_ranges(2, 100), (std::vector<std::int64_t>{2, 6, 18, 54}));
  EXPECT_EQ(compaction_ranges(2, 54), (std::vector<std::int64_t>{2, 6, 18, 54}));
  EXPECT_EQ(compaction_ranges(2, 1), (std::vector<std::int64_t>{2}));
  EXPECT_EQ(compaction_ranges(1, INT64_MAX).size(), 10U);
}

TEST(Plan, NothingToDo) {
  EXPECT_EQ(plan_compaction({}, kOptions), Names{});
  EXPECT_EQ(plan_compaction({block("1", 0, 20)}, kOptions), Names{});
  EXPECT_EQ(plan_compaction({block("1", 0, 20), block("2", 20, 40)}, kOptions), Names{});
  // The window is not complete without the newest block, which is left alone.
  EXPECT_EQ(plan_compaction({block("1", 0, 20), block("2", 20, 40), block("3", 40, 60)}, kOptions),
            Names{});
}

TEST(Plan, AFullWindowIsCompacted) {
  EXPECT_EQ(plan_compaction(
                {block("1", 0, 20), block("2", 20, 40), block("3", 40, 60), block("4", 60, 80)},
                kOptions),
            (Names{"1", "2", "3"}));
  // In any order of input.
  EXPECT_EQ(plan_compaction(
                {block("4", 60, 80), block("3", 40, 60), block("1", 0, 20), block("2", 20, 40)},
                kOptions),
            (Names{"1", "2", "3"}));
}

TEST(Plan, AWindowWithHolesIsCompactedOnceItIsPast) {
  EXPECT_EQ(plan_compaction(
                {block("1", 0, 20), block("3", 40, 60), block("4", 60, 80), block("5", 80, 100)},
                kOptions),
            (Names{"1", "3"}));
  EXPECT_EQ(plan_compaction({block("2", 20, 40), block("3", 40, 60), block("4", 60, 80)}, kOptions),
            Names{});
}

TEST(Plan, SmallRangesGoFirst) {
  EXPECT_EQ(plan_compaction(
                {block("a", 0, 60), block("b", 60, 120), block("c", 120, 180), block("1", 180, 200),
                 block("2", 200, 220), block("3", 220, 240), block("4", 240, 260)},
                kOptions),
            (Names{"1", "2", "3"}));
  EXPECT_EQ(plan_compaction({block("a", 0, 60), block("b", 60, 120), block("c", 120, 180),
                             block("d", 180, 240), block("4", 240, 260)},
                            kOptions),
            (Names{"a", "b", "c"}));
}

TEST(Plan, BlocksThatFailedAreLeftAlone) {
  auto failed = block("2", 20, 40);
  failed.failed = true;
  EXPECT_EQ(plan_compaction({block("1", 0, 20), failed, block("3", 40, 60), block("4", 60, 80)},
                            kOptions),
            Names{});
}

TEST(Plan, OverlappingBlocksAreMergedFirst) {
  EXPECT_EQ(plan_compaction({block("1", 0, 20), block("2", 19, 40), block("3", 40, 60)}, kOptions),
            (Names{"1", "2"}));
  EXPECT_EQ(plan_compaction({block("1", 0, 20), block("2", 20, 40), block("3", 20, 30)}, kOptions),
            (Names{"2", "3"}));
  // Through one another, and the newest too.
  EXPECT_EQ(
      plan_compaction({block("1", 0, 100), block("2", 10, 20), block("3", 50, 110)}, kOptions),
      (Names{"1", "2", "3"}));
  PlanOptions without = kOptions;
  without.merge_overlapping = false;
  EXPECT_EQ(plan_compaction({block("1", 0, 20), block("2", 19, 40), block("3", 40, 60)}, without),
            Names{});
}

TEST(Plan, BlocksOfDifferentKindsDoNotMix) {
  auto stale = block("2", 0, 20);
  stale.hints = {"from-stale-series"};
  EXPECT_EQ(plan_compaction({block("1", 0, 20), stale}, kOptions), Names{});
  auto other = stale;
  other.ulid = "3";
  EXPECT_EQ(plan_compaction({block("1", 0, 20), stale, other}, kOptions), (Names{"2", "3"}));
}

TEST(Plan, ABlockWithManyDeletionsIsRewritten) {
  auto old_block = block("1", 0, 540);
  old_block.stats.tombstones = 2;  // Of 10 series.
  EXPECT_EQ(plan_compaction({old_block, block("2", 540, 560)}, kOptions), Names{"1"});
  auto few = old_block;
  few.stats.series = 100;
  EXPECT_EQ(plan_compaction({few, block("2", 540, 560)}, kOptions), Names{});
  auto young = block("1", 0, 20);
  young.stats.tombstones = 9;
  EXPECT_EQ(plan_compaction({young, block("2", 20, 40)}, kOptions), Names{});
  young.stats.tombstones = 10;
  EXPECT_EQ(plan_compaction({young, block("2", 20, 40)}, kOptions), Names{"1"});
}

TEST(Plan, MetaOfACompactedBlock) {
  auto a = block("1", 0, 20);
  a.level = 2;
  a.sources = {"x", "y"};
  a.hints = {"from-out-of-order"};
  auto b = block("2", 10, 40);
  b.sources = {"a", "x"};
  const std::vector<BlockMeta> parents = {a, b};
  const BlockMeta meta = compacted_meta(parents, "new");
  EXPECT_EQ(meta.ulid, "new");
  EXPECT_EQ(meta.min_time, 0);
  EXPECT_EQ(meta.max_time, 40);
  EXPECT_EQ(meta.level, 3);
  EXPECT_EQ(meta.sources, (Names{"a", "x", "y"}));
  EXPECT_EQ(meta.parents.size(), 2U);
  EXPECT_TRUE(meta.hints.empty());
  EXPECT_EQ(compacted_meta(std::span(parents).first(1), "n").hints, Names{"from-out-of-order"});
}

TEST(Retention, ByTimeCountsFromTheNewestBlock) {
  const std::vector<SizedBlock> blocks = {
      {block("1", 0, 20), 1}, {block("2", 20, 40), 1}, {block("3", 40, 60), 1}};
  EXPECT_EQ(beyond_time(blocks, 0), Names{});
  EXPECT_EQ(beyond_time(blocks, 41), Names{});
  EXPECT_EQ(beyond_time(blocks, 40), Names{"1"});
  EXPECT_EQ(beyond_time(blocks, 1), (Names{"2", "1"}));
}

TEST(Retention, BySizeDropsTheOldest) {
  const std::vector<SizedBlock> blocks = {
      {block("1", 0, 20), 100}, {block("2", 20, 40), 100}, {block("3", 40, 60), 100}};
  EXPECT_EQ(beyond_size(blocks, 0, 0), Names{});
  EXPECT_EQ(beyond_size(blocks, 0, 300), Names{});
  EXPECT_EQ(beyond_size(blocks, 1, 300), Names{"1"});
  EXPECT_EQ(beyond_size(blocks, 0, 100), (Names{"2", "1"}));
  EXPECT_EQ(beyond_size(blocks, 500, 100), (Names{"3", "2", "1"}));
}

}  // namespace
}  // namespace narthex::tsdb
