// A file system in memory that fails on command: short writes, a full disk, I/O errors, and power
// loss (what was not synced is gone). Threads: synchronized.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "narthex/util/env.h"
#include "narthex/util/mutex.h"

namespace narthex::tsdb {

enum class FileOperation : std::uint8_t {
  kOpen,
  kWrite,
  kSync,
  kTruncate,
  kSyncDir,
  kRename,
  kAllocate
};

class FaultyEnv final : public util::Env {
 public:
  // What an operation shall do instead of its work. `written` bytes of a write arrive all the same.
  struct Fault {
    util::Code code = util::Code::kIo;
    std::size_t written = 0;
  };
  // Asked before every operation that changes something, with a running number.
  using Plan = std::function<std::optional<Fault>(FileOperation, std::size_t number)>;

  void set_plan(Plan plan) {
    const util::MutexLock lock(mutex_);
    plan_ = std::move(plan);
    operations_ = 0;
  }
  [[nodiscard]] std::size_t operations() const {
    const util::MutexLock lock(mutex_);
    return operations_;
  }
  // The machine loses power: of every file only what was synced remains.
  void lose_power() {
    const util::MutexLock lock(mutex_);
    for (auto& [path, file] : files_) {
      file->content.resize(std::min(file->content.size(), file->synced_bytes));
    }
    locks_.clear();
  }
  // The process dies: locks are gone, everything written stays.
  void kill_process() {
    const util::MutexLock lock(mutex_);
    locks_.clear();
  }
  [[nodiscard]] std::string content(const std::string& path) const {
    const util::MutexLock lock(mutex_);
    return files_.at(path)->content;
  }
  void set_content(const std::string& path, std::string content) {
    const util::MutexLock lock(mutex_);
    auto file = std::make_shared<File>();
    file->synced_bytes = content.size();
    file->content = std::move(content);
    files_[path] = std::move(file);
  }
  [[nodiscard]] std::vector<std::string> paths(const std::string& prefix) const {
    const util::MutexLock lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [path, file] : files_) {
      if (path.starts_with(prefix)) out.push_back(path);
    }
    return out;
  }

  util::Result<std::unique_ptr<util::WritableFile>> open_writable(const std::string& path,
                                                                  util::WriteMode mode) override {
    const util::MutexLock lock(mutex_);
    if (const auto fault = ask(FileOperation::kOpen)) return failed("open", path, *fault);
    auto& file = files_[path];
    if (!file || mode == util::WriteMode::kTruncate) file = std::make_shared<File>();
    return std::make_unique<Writable>(*this, path, file);
  }
  util::Result<std::unique_ptr<util::RandomAccessFile>> open_random_access(
      const std::string& path) override {
    return util::fail(util::Code::kUnsupported, "open_random_access " + path);
  }
  util::Result<std::unique_ptr<util::MappedFile>> map_file(const std::string& path) override {
    const util::MutexLock lock(mutex_);
    const auto it = files_.find(path);
    if (it == files_.end()) return util::fail(util::Code::kNotFound, "map " + path);
    return std::make_unique<Mapped>(it->second->content);
  }
  util::Result<std::string> read_file(const std::string& path, std::uint64_t) override {
    const util::MutexLock lock(mutex_);
    const auto it = files_.find(path);
    if (it == files_.end()) return util::fail(util::Code::kNotFound, "read " + path);
    return it->second->content;
  }
  util::Result<std::vector<util::DirEntry>> list_dir(const std::string& path) override {
    const util::MutexLock lock(mutex_);
    std::map<std::string, bool> names;
    for (const auto& [file, content] : files_) {
      if (!file.starts_with(path + "/")) continue;
      const std::string rest = file.substr(path.size() + 1);
      names[rest.substr(0, rest.find('/'))] = rest.find('/') != std::string::npos;
    }
    std::vector<util::DirEntry> out;
    for (const auto& [name, is_directory] : names) out.push_back({name, is_directory});
    return out;
  }
  util::Result<void> create_dirs(const std::string&) override { return {}; }
  util::Result<void> rename(const std::string& from, const std::string& to) override {
    const util::MutexLock lock(mutex_);
    if (const auto fault = ask(FileOperation::kRename)) return failed("rename", from, *fault);
    if (const auto it = files_.find(from); it != files_.end()) {
      files_[to] = it->second;
      files_.erase(it);
      return {};
    }
    // A directory.
    std::map<std::string, std::shared_ptr<File>> moved;
    for (const auto& [path, file] : files_) {
      if (path.starts_with(from + "/")) moved[to + path.substr(from.size())] = file;
    }
    if (moved.empty()) return util::fail(util::Code::kNotFound, "rename " + from);
    std::erase_if(files_, [&](const auto& entry) { return entry.first.starts_with(from + "/"); });
    files_.merge(moved);
    return {};
  }
  util::Result<void> remove_file(const std::string& path) override {
    const util::MutexLock lock(mutex_);
    files_.erase(path);
    return {};
  }
  util::Result<void> remove_all(const std::string& path) override {
    const util::MutexLock lock(mutex_);
    std::erase_if(files_, [&](const auto& entry) {
      return entry.first == path || entry.first.starts_with(path + "/");
    });
    return {};
  }
  util::Result<void> sync_dir(const std::string& path) override {
    const util::MutexLock lock(mutex_);
    if (const auto fault = ask(FileOperation::kSyncDir)) return failed("sync", path, *fault);
    return {};
  }
  util::Result<void> link(const std::string& from, const std::string& to) override {
    const util::MutexLock lock(mutex_);
    files_[to] = files_.at(from);
    return {};
  }
  util::Result<std::uint64_t> file_size(const std::string& path) override {
    const util::MutexLock lock(mutex_);
    const auto it = files_.find(path);
    if (it == files_.end()) return util::fail(util::Code::kNotFound, "stat " + path);
    return it->second->content.size();
  }
  [[nodiscard]] bool exists(const std::string& path) override {
    const util::MutexLock lock(mutex_);
    const auto it = files_.lower_bound(path);
    return it != files_.end() && (it->first == path || it->first.starts_with(path + "/"));
  }
  // The size of the disk; allocations and writes beyond it fail.
  void set_disk_bytes(std::uint64_t bytes) {
    const util::MutexLock lock(mutex_);
    disk_bytes_ = bytes;
  }
  [[nodiscard]] std::uint64_t used_bytes() const {
    const util::MutexLock lock(mutex_);
    return used();
  }
  util::Result<util::DiskSpace> space(const std::string&) override {
    const util::MutexLock lock(mutex_);
    return util::DiskSpace{.total_bytes = disk_bytes_,
                           .available_bytes = disk_bytes_ - std::min(disk_bytes_, used())};
  }
  util::Result<void> allocate(const std::string& path, std::uint64_t size_bytes) override {
    const util::MutexLock lock(mutex_);
    auto fault = ask(FileOperation::kAllocate);
    if (!fault && size_bytes > disk_bytes_ - std::min(disk_bytes_, used()))
      fault = Fault{.code = util::Code::kNoSpace};
    if (fault) return failed("allocate", path, *fault);
    auto file = std::make_shared<File>();
    file->content.resize(size_bytes);
    file->synced_bytes = size_bytes;
    files_[path] = std::move(file);
    return {};
  }
  util::Result<std::unique_ptr<util::FileLock>> lock_file(const std::string& path) override {
    const util::MutexLock lock(mutex_);
    if (locks_[path].lock())
      return util::fail(util::Code::kAlreadyExists, "lock " + path + ": held");
    auto held = std::make_shared<int>(0);
    locks_[path] = held;
    files_.try_emplace(path, std::make_shared<File>());
    return std::make_unique<Lock>(held);
  }

 private:
  static constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 50U;
  struct File {
    std::string content;
    std::size_t synced_bytes = 0;
  };
  class Lock final : public util::FileLock {
   public:
    explicit Lock(std::shared_ptr<int> held) : held_(std::move(held)) {}

   private:
    std::shared_ptr<int> held_;
  };
  class Mapped final : public util::MappedFile {
   public:
    explicit Mapped(std::string content) : content_(std::move(content)) {}
    [[nodiscard]] std::string_view bytes() const noexcept override { return content_; }

   private:
    std::string content_;
  };
  class Writable final : public util::WritableFile {
   public:
    Writable(FaultyEnv& env, std::string path, std::shared_ptr<File> file)
        : env_(env), path_(std::move(path)), file_(std::move(file)) {}
    util::Result<void> append(std::string_view bytes) override {
      const util::MutexLock lock(env_.mutex_);
      auto fault = env_.ask(FileOperation::kWrite);
      if (!fault && env_.disk_bytes_ != kUnlimited) {
        const std::uint64_t room = env_.disk_bytes_ - std::min(env_.disk_bytes_, env_.used());
        if (bytes.size() > room)
          fault = Fault{.code = util::Code::kNoSpace, .written = static_cast<std::size_t>(room)};
      }
      file_->content.append(fault ? bytes.substr(0, fault->written) : bytes);
      if (fault) return failed("write", path_, *fault);
      return {};
    }
    util::Result<void> sync() override {
      const util::MutexLock lock(env_.mutex_);
      if (const auto fault = env_.ask(FileOperation::kSync))
        return failed("fdatasync", path_, *fault);
      file_->synced_bytes = file_->content.size();
      return {};
    }
    util::Result<void> truncate(std::uint64_t size_bytes) override {
      const util::MutexLock lock(env_.mutex_);
      if (const auto fault = env_.ask(FileOperation::kTruncate))
        return failed("truncate", path_, *fault);
      file_->content.resize(size_bytes);
      file_->synced_bytes = std::min(file_->synced_bytes, file_->content.size());
      return {};
    }
    util::Result<void> close() override { return {}; }
    [[nodiscard]] std::uint64_t size_bytes() const noexcept override {
      const util::MutexLock lock(env_.mutex_);
      return file_->content.size();
    }

   private:
    FaultyEnv& env_;
    std::string path_;
    std::shared_ptr<File> file_;
  };

  [[nodiscard]] std::uint64_t used() const NX_REQUIRES(mutex_) {
    std::uint64_t bytes = 0;
    for (const auto& [path, file] : files_) bytes += file->content.size();
    return bytes;
  }
  std::optional<Fault> ask(FileOperation operation) NX_REQUIRES(mutex_) {
    const std::size_t number = operations_++;
    return plan_ ? plan_(operation, number) : std::nullopt;
  }
  static std::unexpected<util::Error> failed(std::string_view what, const std::string& path,
                                             const Fault& fault) {
    return util::fail(fault.code, std::string(what) + " " + path + ": injected fault");
  }

  mutable util::Mutex mutex_;
  std::map<std::string, std::shared_ptr<File>> files_ NX_GUARDED_BY(mutex_);
  std::map<std::string, std::weak_ptr<int>> locks_ NX_GUARDED_BY(mutex_);
  Plan plan_ NX_GUARDED_BY(mutex_);
  std::size_t operations_ NX_GUARDED_BY(mutex_) = 0;
  std::uint64_t disk_bytes_ NX_GUARDED_BY(mutex_) = kUnlimited;
};

}  // namespace narthex::tsdb
