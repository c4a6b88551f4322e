#include "tsdb/db/block_store.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "narthex/util/log.h"

#include "tsdb/block/block_repair.h"
#include "tsdb/block/meta_rescue.h"
#include "tsdb/block/ulid.h"

namespace narthex::tsdb {
namespace {

using util::Code;

constexpr std::string_view kForDeletion = ".tmp-for-deletion";
constexpr std::string_view kDamagedDirectory = "damaged";

bool is_leftover(std::string_view name) {
  for (const std::string_view suffix : {".tmp-for-creation", ".tmp-for-deletion", ".tmp"}) {
    if (name.ends_with(suffix) && is_ulid(name.substr(0, name.size() - suffix.size()))) return true;
  }
  return false;
}

// What will not be better at the next try.
bool is_damage(const util::Error& error) {
  return error.code() == Code::kCorruption || error.code() == Code::kTruncated ||
         error.code() == Code::kNotFound || error.code() == Code::kLimitExceeded;
}

auto order_of(const BlockPtr& block) {
  return std::tie(block->meta().min_time, block->meta().max_time, block->meta().ulid);
}

}  // namespace

util::Result<void> BlockStore::remove_leftovers() {
  NX_ASSIGN(const auto entries, env_.list_dir(data_directory_));
  for (const util::DirEntry& entry : entries) {
    if (!entry.is_directory || !is_leftover(entry.name)) continue;
    util::log_info("Removing what an interrupted write has left",
                   {{"component", "tsdb"}, {"directory", entry.name}});
    if (auto removed = env_.remove_all(data_directory_ + "/" + entry.name); !removed) {
      util::log_warn("It could not be removed", {{"component", "tsdb"}, {"err", removed.error()}});
    }
  }
  return {};
}

std::shared_ptr<const BlockList> BlockStore::list() const {
  const util::MutexLock lock(mutex_);
  return list_;
}

std::vector<std::string> BlockStore::set_aside() const {
  const util::MutexLock lock(mutex_);
  return set_aside_;
}

std::uint64_t BlockStore::size_bytes() const {
  std::uint64_t total = 0;
  for (const BlockPtr& block : *list()) total += block->size_bytes();
  return total;
}

void BlockStore::publish(BlockList blocks) {
  std::ranges::sort(blocks, {}, order_of);
  auto list = std::make_shared<const BlockList>(std::move(blocks));
  const util::MutexLock lock(mutex_);
  list_.swap(list);
}

util::Result<void> BlockStore::reload() {
  ++counters_.reloads;
  const auto entries = env_.list_dir(data_directory_);
  if (!entries) {
    ++counters_.reload_failures;
    return std::unexpected(entries.error());
  }
  const auto before = list();
  BlockList blocks;
  for (const util::DirEntry& entry : *entries) {
    if (!entry.is_directory || !is_ulid(entry.name)) continue;
    const auto known = std::ranges::find(*before, entry.name,
                                         [](const BlockPtr& block) { return block->meta().ulid; });
    BlockPtr block = known != before->end() ? *known : open_block(entry.name);
    if (block != nullptr) blocks.push_back(std::move(block));
  }
  std::set<std::string> superseded;
  for (const BlockPtr& block : blocks) {
    for (const BlockParent& parent : block->meta().parents) superseded.insert(parent.ulid);
    if (block->meta().deletable) superseded.insert(block->meta().ulid);
  }
  std::vector<std::string> to_remove;
  for (const BlockPtr& block : blocks) {
    if (superseded.contains(block->meta().ulid)) to_remove.push_back(block->meta().ulid);
  }
  publish(std::move(blocks));
  return remove(to_remove);
}

BlockPtr BlockStore::open_block(const std::string& name) {
  const std::string directory = data_directory_ + "/" + name;
  auto repaired = repair_block(env_, directory);
  if (repaired && *repaired) {
    util::log_info("A block of a broken release was repaired",
                   {{"component", "tsdb"}, {"block", name}});
  }
  // Whatever hindered the repair hinders open(), which says it.
  auto block = Block::open(env_, directory);
  if (!block && is_damage(block.error()) && rescue_meta(name)) block = Block::open(env_, directory);
  if (block) return *std::move(block);
  ++counters_.reload_failures;
  util::log_error("A block cannot be read",
                  {{"component", "tsdb"}, {"block", name}, {"err", block.error()}});
  if (is_damage(block.error())) set_aside_block(name);
  return nullptr;
}

bool BlockStore::rescue_meta(const std::string& name) {
  const std::string folder = fmt::format("{}/{}", data_directory_, kDamagedDirectory);
  const std::string copy = fmt::format("{}/{}-meta.json", folder, name);
  const auto rescue = [&]() -> util::Result<bool> {
    NX_TRY(env_.create_dirs(folder));
    return rescue_block_meta(env_, data_directory_ + "/" + name, copy);
  };
  const auto rescued = rescue();
  if (!rescued) {
    util::log_error("A damaged meta.json could not be made anew from the block's index",
                    {{"component", "tsdb"}, {"block", name}, {"err", rescued.error()}});
    return false;
  }
  if (!*rescued) return false;
  ++counters_.metas_rescued;
  util::log_warn("A damaged meta.json was set aside and made anew from the block's index",
                 {{"component", "tsdb"}, {"block", name}, {"copy", copy}});
  const util::MutexLock lock(mutex_);
  set_aside_.push_back(copy);
  return true;
}

void BlockStore::set_aside_block(const std::string& name) {
  const std::string folder = fmt::format("{}/{}", data_directory_, kDamagedDirectory);
  std::string to = folder + "/" + name;
  for (int copy = 1; env_.exists(to); ++copy) to = fmt::format("{}/{}.{}", folder, name, copy);
  const auto move = [&]() -> util::Result<void> {
    NX_TRY(env_.create_dirs(folder));
    NX_TRY(env_.rename(data_directory_ + "/" + name, to));
    NX_TRY(env_.sync_dir(folder));
    return env_.sync_dir(data_directory_);
  };
  if (const auto moved = move(); !moved) {
    util::log_error("The damaged block could not be set aside",
                    {{"component", "tsdb"}, {"block", name}, {"err", moved.error()}});
    return;
  }
  ++counters_.set_aside;
  util::log_warn("The damaged block was set aside", {{"component", "tsdb"}, {"directory", to}});
  const util::MutexLock lock(mutex_);
  set_aside_.push_back(std::move(to));
}

util::Result<void> BlockStore::remove(std::span<const std::string> ulids) {
  if (ulids.empty()) return {};
  BlockList left;
  for (const BlockPtr& block : *list()) {
    if (std::ranges::find(ulids, block->meta().ulid) == ulids.end()) left.push_back(block);
  }
  publish(std::move(left));
  for (const std::string& ulid : ulids) NX_TRY(delete_directory(ulid));
  return {};
}

util::Result<void> BlockStore::delete_directory(const std::string& name) {
  const std::string directory = data_directory_ + "/" + name;
  const std::string doomed = directory + std::string(kForDeletion);
  NX_TRY(env_.remove_all(doomed));
  NX_TRY(env_.rename(directory, doomed));
  // Synced before its files go: the block must not come back as a torso.
  NX_TRY(env_.sync_dir(data_directory_));
  return env_.remove_all(doomed);
}

void BlockStore::replace(const BlockPtr& block) {
  BlockList blocks = *list();
  for (BlockPtr& one : blocks) {
    if (one->meta().ulid == block->meta().ulid) one = block;
  }
  publish(std::move(blocks));
}

}  // namespace narthex::tsdb
