#include "tsdb/compact/plan.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "narthex/util/check.h"

namespace narthex::tsdb {
namespace {

using Metas = std::vector<BlockMeta>;

constexpr std::size_t kRangesMax = 10;
constexpr std::int64_t kRangeFactor = 3;
constexpr double kTombstoneShareMax = 0.05;

std::vector<std::string> names_of(std::span<const BlockMeta> blocks) {
  std::vector<std::string> names;
  for (const BlockMeta& block : blocks) names.push_back(block.ulid);
  return names;
}

// The first run of blocks that overlap one another.
std::vector<std::string> plan_overlapping(const Metas& blocks) {
  std::size_t begin = 0;
  model::TimestampMs end_time = blocks.front().max_time;
  for (std::size_t i = 1; i <= blocks.size(); ++i) {
    if (i < blocks.size() && blocks[i].min_time < end_time) {
      end_time = std::max(end_time, blocks[i].max_time);
      continue;
    }
    const auto group = std::span(blocks).subspan(begin, i - begin);
    if (group.size() > 1 && std::ranges::none_of(group, &BlockMeta::failed)) return names_of(group);
    if (i == blocks.size()) break;
    begin = i;
    end_time = blocks[i].max_time;
  }
  return {};
}

std::int64_t floor_to(std::int64_t t, std::int64_t range) {
  const std::int64_t rest = t % range;
  return t - (rest < 0 ? rest + range : rest);
}

// Runs of blocks that lie in one aligned window of this range each.
std::vector<std::span<const BlockMeta>> split_by_range(const Metas& blocks, std::int64_t range) {
  std::vector<std::span<const BlockMeta>> groups;
  for (std::size_t i = 0; i < blocks.size();) {
    const std::int64_t window_end =
        model::add_saturated(floor_to(blocks[i].min_time, range), range);
    if (blocks[i].max_time > window_end) {
      ++i;  // Longer than the range, or across a border of it.
      continue;
    }
    const std::size_t begin = i;
    while (i < blocks.size() && blocks[i].max_time <= window_end) ++i;
    groups.push_back(std::span(blocks).subspan(begin, i - begin));
  }
  return groups;
}

std::vector<std::string> plan_by_range(const Metas& blocks, std::span<const std::int64_t> ranges) {
  if (ranges.size() < 2 || blocks.empty()) return {};
  const model::TimestampMs newest_begin = blocks.back().min_time;
  for (const std::int64_t range : ranges.subspan(1)) {
    for (const auto group : split_by_range(blocks, range)) {
      if (group.size() < 2 || std::ranges::any_of(group, &BlockMeta::failed)) continue;
      const model::TimestampMs from = group.front().min_time;
      const model::TimestampMs to = std::ranges::max(group, {}, &BlockMeta::max_time).max_time;
      // Whole, or nothing more will come into its window.
      if (to - from == range || to <= newest_begin) return names_of(group);
    }
  }
  return {};
}

std::vector<std::string> plan_rewrite(const Metas& blocks, std::span<const std::int64_t> ranges) {
  for (std::size_t i = blocks.size(); i > 0; --i) {
    const BlockMeta& block = blocks[i - 1];
    const std::uint64_t stones = block.failed ? 0 : block.stats.tombstones;
    if (block.max_time - block.min_time < ranges[ranges.size() / 2]) {
      // A young block will be merged soon anyway, unless nothing of it is left.
      if (stones > 0 && stones >= block.stats.series) return {block.ulid};
      break;
    }
    const double share = static_cast<double>(stones) / static_cast<double>(block.stats.series + 1);
    if (share > kTombstoneShareMax) return {block.ulid};
  }
  return {};
}

std::vector<std::string> plan_class(Metas blocks, const PlanOptions& options) {
  if (blocks.empty()) return {};
  std::ranges::stable_sort(blocks, {}, &BlockMeta::min_time);
  if (options.merge_overlapping) {
    if (auto overlapping = plan_overlapping(blocks); !overlapping.empty()) return overlapping;
  }
  // The newest one is left alone, so that a backup tool has the time of a whole block to take it.
  blocks.pop_back();
  if (auto group = plan_by_range(blocks, options.ranges); !group.empty()) return group;
  return plan_rewrite(blocks, options.ranges);
}

// Newest first, as retention looks at them.
std::vector<const SizedBlock*> newest_first(std::span<const SizedBlock> blocks) {
  std::vector<const SizedBlock*> order;
  for (const SizedBlock& block : blocks) order.push_back(&block);
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [](const SizedBlock* block) { return block->meta.max_time; });
  return order;
}

std::vector<std::string> names_from(const std::vector<const SizedBlock*>& order,
                                    std::size_t first) {
  std::vector<std::string> names;
  for (std::size_t i = first; i < order.size(); ++i) names.push_back(order[i]->meta.ulid);
  return names;
}

}  // namespace

std::vector<std::int64_t> compaction_ranges(std::int64_t min_ms, std::int64_t max_ms) {
  std::vector<std::int64_t> ranges = {min_ms};
  while (ranges.size() < kRangesMax && ranges.back() <= max_ms / kRangeFactor) {
    ranges.push_back(ranges.back() * kRangeFactor);
  }
  return ranges;
}

std::vector<std::string> plan_compaction(std::vector<BlockMeta> blocks,
                                         const PlanOptions& options) {
  NX_CHECK(!options.ranges.empty(), "no ranges");
  // Blocks of series that were taken out of the head early never mix with the others.
  std::array<Metas, 3> classes;
  for (BlockMeta& block : blocks) {
    const std::size_t index = block.has_hint(kFromSelectedSeries) ? 2
                              : block.has_hint(kFromStaleSeries)  ? 1
                                                                  : 0;
    classes[index].push_back(std::move(block));
  }
  for (Metas& one : classes) {
    if (auto plan = plan_class(std::move(one), options); !plan.empty()) return plan;
  }
  return {};
}

BlockMeta compacted_meta(std::span<const BlockMeta> parents, std::string ulid) {
  BlockMeta meta;
  meta.ulid = std::move(ulid);
  meta.min_time = parents.front().min_time;
  meta.max_time = parents.front().max_time;
  std::set<std::string> sources;
  bool all_out_of_order = true;
  bool any_stale = false;
  bool any_selected = false;
  int level = 0;
  for (const BlockMeta& parent : parents) {
    meta.min_time = std::min(meta.min_time, parent.min_time);
    meta.max_time = std::max(meta.max_time, parent.max_time);
    level = std::max(level, parent.level);
    sources.insert(parent.sources.begin(), parent.sources.end());
    meta.parents.push_back(
        {.ulid = parent.ulid, .min_time = parent.min_time, .max_time = parent.max_time});
    all_out_of_order = all_out_of_order && parent.has_hint(kFromOutOfOrder);
    any_stale = any_stale || parent.has_hint(kFromStaleSeries);
    any_selected = any_selected || parent.has_hint(kFromSelectedSeries);
  }
  meta.level = level + 1;
  meta.sources.assign(sources.begin(), sources.end());
  if (all_out_of_order) meta.hints.emplace_back(kFromOutOfOrder);
  if (any_selected) meta.hints.emplace_back(kFromSelectedSeries);
  if (any_stale) meta.hints.emplace_back(kFromStaleSeries);
  return meta;
}

std::vector<std::string> beyond_time(std::span<const SizedBlock> blocks,
                                     std::int64_t retention_ms) {
  if (retention_ms <= 0 || blocks.empty()) return {};
  const auto order = newest_first(blocks);
  const model::TimestampMs newest = order.front()->meta.max_time;
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (model::sub_saturated(newest, order[i]->meta.max_time) >= retention_ms)
      return names_from(order, i);
  }
  return {};
}

std::vector<std::string> beyond_size(std::span<const SizedBlock> blocks, std::uint64_t head_bytes,
                                     std::uint64_t bytes_max) {
  if (bytes_max == 0) return {};
  const auto order = newest_first(blocks);
  std::uint64_t total = head_bytes;
  for (std::size_t i = 0; i < order.size(); ++i) {
    total += order[i]->bytes;
    if (total > bytes_max) return names_from(order, i);
  }
  return {};
}

}  // namespace narthex::tsdb
