// What happens when the disk of the data directory is full: nothing is appended until there is room
// again. A reserve file is given up at that moment, so that compaction and retention can still
// write and thereby free space; it is taken back before appends go on.
//
// Threads: synchronized.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "narthex/util/env.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

class DiskGuard {
 public:
  // `reserve_bytes` 0: no reserve; then nothing is known of the disk and nothing is refused.
  // `changed` is told by probe() when appends have stopped and when they go on.
  DiskGuard(util::Env& env, std::string directory, std::uint64_t reserve_bytes,
            std::function<void(bool read_only)> changed);

  // Before anything is written to the directory, which is there. A disk that is full already leaves
  // nothing but reading.
  void start();
  // What a write to the log said. When the disk is full nothing is appended from now on.
  void note(const util::Error& error);
  // Looks whether there is room again. One thread, again and again.
  void probe();

  [[nodiscard]] bool is_read_only() const noexcept { return read_only_.load(); }
  // kNoSpace while nothing is appended.
  [[nodiscard]] util::Result<void> check() const;
  // What is reserved; less than asked for on a small file system, 0 while it is given up.
  [[nodiscard]] std::uint64_t reserved_bytes() const noexcept { return reserved_.load(); }

 private:
  // Whether there is a reserve; takes it if that leaves enough.
  [[nodiscard]] bool ensure_reserve() NX_REQUIRES(mutex_);
  void give_up_reserve() NX_REQUIRES(mutex_);
  void stop_appends(const std::string& reason) NX_REQUIRES(mutex_);
  void resume_appends() NX_REQUIRES(mutex_);

  util::Env& env_;
  const std::string directory_;
  const std::string path_;
  const std::function<void(bool)> changed_;
  bool told_read_only_ = false;  // What `changed_` was told last; of the thread that probes.
  // Held while the reserve is written or removed: the file and the state change together, and only
  // who fails for want of space waits for it.
  util::Mutex mutex_;
  std::uint64_t wanted_ NX_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> reserved_{0};
  std::atomic<std::uint64_t> room_wanted_{0};  // What must be free before appends go on.
  std::atomic<bool> read_only_{false};
};

}  // namespace narthex::tsdb
