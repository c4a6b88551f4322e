// The blocks of a data directory: found at start and again at every reload, so that a block that
// somebody drops in is noticed; damaged ones are set aside and reported, and never fail a start.
//
// Threads: list() and the figures are synchronized; all that changes the list or the directory is
// external: the caller (Db) has one such call at a time. No query waits for a change: the list is
// replaced as a whole, and readers keep the one they have.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "narthex/util/env.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

#include "tsdb/compact/compactor.h"

namespace narthex::tsdb {

// In order of min_time, then max_time, then name.
using BlockList = std::vector<BlockPtr>;

struct BlockStoreCounters {
  std::atomic<std::uint64_t> reloads{0};
  std::atomic<std::uint64_t> reload_failures{0};
  std::atomic<std::uint64_t> set_aside{0};
  std::atomic<std::uint64_t> metas_rescued{0};
};

class BlockStore {
 public:
  BlockStore(util::Env& env, std::string data_directory)
      : env_(env),
        data_directory_(std::move(data_directory)),
        list_(std::make_shared<BlockList>()) {}

  // Removes what an interrupted write or deletion has left. Before the first reload.
  util::Result<void> remove_leftovers();
  // Opens the blocks that are new, forgets those that are gone, and deletes those that a block
  // written from them has replaced. A block that cannot be opened now (EIO, no permission) is
  // reported and tried again the next time; a damaged one is moved to "damaged", but where only
  // meta.json is, that is made anew. Errors are those of listing the directory.
  util::Result<void> reload();

  [[nodiscard]] std::shared_ptr<const BlockList> list() const;
  // Takes the blocks out of the list, then off the disk: renamed first, so that a crash leaves no
  // half block.
  util::Result<void> remove(std::span<const std::string> ulids);
  // Puts `block` in the place of the one of the same name.
  void replace(const BlockPtr& block);

  [[nodiscard]] const BlockStoreCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::uint64_t size_bytes() const;
  [[nodiscard]] const std::string& data_directory() const noexcept { return data_directory_; }
  [[nodiscard]] util::Env& env() const noexcept { return env_; }
  // Where damaged blocks, and damaged files of others, went, of this run.
  [[nodiscard]] std::vector<std::string> set_aside() const;

 private:
  void publish(BlockList blocks);
  [[nodiscard]] BlockPtr open_block(const std::string& name);
  // Whether the block's meta.json was damaged and is now made anew.
  bool rescue_meta(const std::string& name);
  void set_aside_block(const std::string& name);
  util::Result<void> delete_directory(const std::string& name);

  util::Env& env_;
  const std::string data_directory_;
  BlockStoreCounters counters_;
  mutable util::Mutex mutex_;
  std::shared_ptr<const BlockList> list_ NX_GUARDED_BY(mutex_);
  std::vector<std::string> set_aside_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::tsdb
