// Files, behind one seam: everything that storage does to a disk goes through Env, so that tests
// can inject short writes, ENOSPC, EIO and a crash at every operation. The real one is posix_env().
// Threads: an Env is synchronized; a file object is confined unless its comment says more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/util/result.h"

namespace narthex::util {

// An open file for appending (log segments, chunk files, temporary files before a rename).
class WritableFile {
 public:
  virtual ~WritableFile() = default;  // Closes without syncing.
  // All bytes or an error. After an error the file may hold any prefix of them: size_bytes() tells
  // how many surely arrived.
  virtual Result<void> append(std::string_view bytes) = 0;
  // Bytes reach the disk before this returns (fdatasync). May run while another thread appends.
  virtual Result<void> sync() = 0;
  virtual Result<void> truncate(std::uint64_t size_bytes) = 0;
  // Closes and reports what the destructor would swallow. Further calls fail.
  virtual Result<void> close() = 0;
  [[nodiscard]] virtual std::uint64_t size_bytes() const noexcept = 0;
};

// Positioned reads. Threads: synchronized.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;
  // Reads exactly out.size() bytes at `offset`; kTruncated if the file ends before.
  virtual Result<void> read_at(std::uint64_t offset, std::span<char> out) const = 0;
  [[nodiscard]] virtual std::uint64_t size_bytes() const noexcept = 0;
};

// A whole file mapped read-only; the view is valid for the life of the object. Truncation of the
// file by somebody else while it is mapped is outside the contract (our own files are only ever
// renamed or unlinked). Threads: immutable.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  [[nodiscard]] virtual std::string_view bytes() const noexcept = 0;
};

// Held for the life of the object.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct DirEntry {
  std::string name;  // Without the path.
  bool is_directory = false;
};

enum class WriteMode : std::uint8_t {
  kTruncate,   // Create, or empty an existing file.
  kAppend,     // Create, or continue at the end.
  kExclusive,  // Create; an existing file is an error (kAlreadyExists).
};

// Of the file system that a directory is on.
struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;  // To this process.
};

class Env {
 public:
  virtual ~Env() = default;
  virtual Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path,
                                                              WriteMode mode) = 0;
  virtual Result<std::unique_ptr<RandomAccessFile>> open_random_access(const std::string& path) = 0;
  virtual Result<std::unique_ptr<MappedFile>> map_file(const std::string& path) = 0;
  // The whole file, if it has at most `bytes_max` bytes; kLimitExceeded beyond.
  virtual Result<std::string> read_file(const std::string& path, std::uint64_t bytes_max) = 0;

  virtual Result<std::vector<DirEntry>> list_dir(
      const std::string& path) = 0;  // Sorted by name, without . and ..
  virtual Result<void> create_dirs(
      const std::string& path) = 0;  // And parents; existing ones are fine.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove_file(const std::string& path) = 0;
  virtual Result<void> remove_all(const std::string& path) = 0;  // Nothing there is fine.
  virtual Result<void> sync_dir(const std::string& path) = 0;
  virtual Result<void> link(const std::string& from, const std::string& to) = 0;  // Hard link.
  virtual Result<std::uint64_t> file_size(const std::string& path) = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  virtual Result<DiskSpace> space(const std::string& directory) = 0;
  // Makes a new file of `size_bytes` zeros whose blocks are taken on the disk, durably. After an
  // error a part of it may be there.
  virtual Result<void> allocate(const std::string& path, std::uint64_t size_bytes) = 0;
  // Exclusive lock on `path`, created if absent. kAlreadyExists, naming the path, when another
  // process has it.
  virtual Result<std::unique_ptr<FileLock>> lock_file(const std::string& path) = 0;
};

// The operating system; lives for the whole process.
[[nodiscard]] Env& posix_env();

// Writes path + ".tmp", syncs it, renames it to `path`, syncs the directory: a reader sees the old
// or the new content.
Result<void> write_file_atomically(Env& env, const std::string& path, std::string_view content);

}  // namespace narthex::util
