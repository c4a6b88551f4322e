// A file system in memory that knows what is durable: bytes of a file once it was synced, names in
// a directory once the directory was. Operations that change something are numbered, and any of
// them can be made to fail, or to be the last before a crash. Threads: synchronized.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "narthex/util/env.h"
#include "narthex/util/mutex.h"
#include "narthex/util/random.h"

namespace narthex::test {

class SimulatedEnv final : public util::Env {
 public:
  SimulatedEnv() : root_(std::make_shared<Node>()) { root_->is_directory = true; }

  // What an operation does instead of its work; of a write, half of the bytes arrive all the same.
  // Asked before every operation that changes something, with a running number from 0.
  using Plan = std::function<std::optional<util::Code>(std::size_t number)>;
  void set_plan(Plan plan) {
    const util::MutexLock lock(mutex_);
    plan_ = std::move(plan);
    operations_ = 0;
  }
  // Since set_plan().
  [[nodiscard]] std::size_t operations() const {
    const util::MutexLock lock(mutex_);
    return operations_;
  }
  // Everything is on the disk.
  void sync_all();
  // The machine loses power. What was not durable is there or not, as `random` has it: of a file
  // any length from what was synced on, of a directory's changes each for itself.
  void lose_power(util::Random& random);
  // Locks of a process that has died.
  void release_locks() {
    const util::MutexLock lock(mutex_);
    locks_.clear();
  }

  util::Result<std::unique_ptr<util::WritableFile>> open_writable(const std::string& path,
                                                                  util::WriteMode mode) override;
  util::Result<std::unique_ptr<util::RandomAccessFile>> open_random_access(
      const std::string& path) override;
  util::Result<std::unique_ptr<util::MappedFile>> map_file(const std::string& path) override;
  util::Result<std::string> read_file(const std::string& path, std::uint64_t bytes_max) override;
  util::Result<std::vector<util::DirEntry>> list_dir(const std::string& path) override;
  util::Result<void> create_dirs(const std::string& path) override;
  util::Result<void> rename(const std::string& from, const std::string& to) override;
  util::Result<void> remove_file(const std::string& path) override;
  util::Result<void> remove_all(const std::string& path) override;
  util::Result<void> sync_dir(const std::string& path) override;
  util::Result<void> link(const std::string& from, const std::string& to) override;
  util::Result<std::uint64_t> file_size(const std::string& path) override;
  // A disk that is never full.
  util::Result<util::DiskSpace> space(const std::string& directory) override;
  util::Result<void> allocate(const std::string& path, std::uint64_t size_bytes) override;
  [[nodiscard]] bool exists(const std::string& path) override;
  util::Result<std::unique_ptr<util::FileLock>> lock_file(const std::string& path) override;

 private:
  class Writable;
  struct Node;
  using NodePtr = std::shared_ptr<Node>;
  using Entries = std::map<std::string, NodePtr>;
  struct Node {
    bool is_directory = false;
    std::string content;
    std::string durable_content;
    Entries entries;
    Entries durable_entries;
  };
  // The directory that holds the last part of a path, and that part.
  struct Place {
    NodePtr directory;
    std::string name;
  };

  [[nodiscard]] NodePtr find(const std::string& path) const NX_REQUIRES(mutex_);
  [[nodiscard]] std::optional<Place> place_of(const std::string& path) const NX_REQUIRES(mutex_);
  util::Result<void> ask(std::string_view what, const std::string& path) NX_REQUIRES(mutex_);
  static void sync_node(Node& node);
  static void lose_node(Node& node, util::Random& random);

  mutable util::Mutex mutex_;
  NodePtr root_ NX_GUARDED_BY(mutex_);
  std::map<std::string, std::weak_ptr<int>> locks_ NX_GUARDED_BY(mutex_);
  Plan plan_ NX_GUARDED_BY(mutex_);
  std::size_t operations_ NX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::test
