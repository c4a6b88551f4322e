#include "tsdb/compact/compactor.h"

#include <algorithm>
#include <functional>

#include "tsdb/compact/plan.h"

namespace narthex::tsdb {

std::vector<BlockPtr> by_precedence(std::span<const BlockPtr> blocks) {
  std::vector<BlockPtr> out(blocks.begin(), blocks.end());
  const auto late = std::ranges::stable_partition(out, std::not_fn(is_late));
  // Their names begin with the time at which they were written.
  std::ranges::sort(late, {}, [](const BlockPtr& block) { return block->meta().ulid; });
  return out;
}

util::Result<std::optional<WrittenBlock>> compact_blocks(const BlockTarget& target,
                                                         std::span<const BlockPtr> parents,
                                                         const BlockWriteOptions& options) {
  std::vector<BlockMeta> metas;
  std::vector<std::unique_ptr<SeriesSource>> sources;
  for (const BlockPtr& parent : parents) metas.push_back(parent->meta());
  for (BlockPtr& parent : by_precedence(parents))
    sources.push_back(block_source(std::move(parent)));
  const auto merged = merge_sources(std::move(sources));
  return write_block(target.env, target.directory, compacted_meta(metas, target.ulid), *merged,
                     options);
}

util::Result<std::optional<WrittenBlock>> compact_head(const BlockTarget& target,
                                                       SeriesSource& source, model::TimeRange range,
                                                       const BlockWriteOptions& options,
                                                       std::vector<std::string> hints) {
  BlockMeta meta;
  meta.hints = std::move(hints);
  meta.ulid = target.ulid;
  meta.min_time = range.min;
  meta.max_time = model::add_saturated(range.max, 1);
  meta.sources = {target.ulid};
  return write_block(target.env, target.directory, std::move(meta), source, options);
}

bool is_lasting_failure(const util::Error& error) noexcept {
  switch (error.code()) {
    case util::Code::kCorruption:
    case util::Code::kTruncated:
    case util::Code::kUnsupported:
    case util::Code::kLimitExceeded:
      return true;
    default:
      return false;  // The disk is full, somebody asked to stop, …: it may go well the next time.
  }
}

}  // namespace narthex::tsdb
