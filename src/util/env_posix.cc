#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "narthex/util/env.h"

namespace narthex::util {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kReadBytes = 1U << 16U;  // How much read_file asks for at a time.

std::unexpected<Error> last_error(std::string_view operation, const std::string& path) {
  const int saved = errno;
  return std::unexpected(errno_error(fmt::format("{} {}", operation, path), saved));
}

std::unexpected<Error> fs_error(std::string_view operation, const std::string& path,
                                const std::error_code& ec) {
  return std::unexpected(errno_error(fmt::format("{} {}", operation, path), ec.value()));
}

// Owns a file descriptor.
class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, Fd fd, std::uint64_t size_bytes)
      : path_(std::move(path)), fd_(std::move(fd)), size_bytes_(size_bytes) {}

  Result<void> append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        return last_error("write", path_);
      }
      size_bytes_ += static_cast<std::uint64_t>(written);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
  Result<void> sync() override {
    if (::fdatasync(fd_.get()) != 0) return last_error("fdatasync", path_);
    return {};
  }
  Result<void> truncate(std::uint64_t size_bytes) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)) != 0)
      return last_error("truncate", path_);
    if (::lseek(fd_.get(), static_cast<off_t>(size_bytes), SEEK_SET) < 0)
      return last_error("seek", path_);
    size_bytes_ = size_bytes;
    return {};
  }
  Result<void> close() override {
    const int fd = fd_.release();
    if (fd < 0) return fail(Code::kInternal, fmt::format("close {}: already closed", path_));
    if (::close(fd) != 0) return last_error("close", path_);
    return {};
  }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept override { return size_bytes_; }

 private:
  std::string path_;
  Fd fd_;
  std::atomic<std::uint64_t> size_bytes_;
};

class PosixRandomAccessFile final : public RandomAccessFile {
 public:
  PosixRandomAccessFile(std::string path, Fd fd, std::uint64_t size_bytes)
      : path_(std::move(path)), fd_(std::move(fd)), size_bytes_(size_bytes) {}

  Result<void> read_at(std::uint64_t offset, std::span<char> out) const override {
    while (!out.empty()) {
      const ssize_t got = ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset));
      if (got < 0) {
        if (errno == EINTR) continue;
        return last_error("read", path_);
      }
      if (got == 0) {
        return fail(Code::kTruncated, fmt::format("read {}: file ends at byte {}", path_, offset));
      }
      offset += static_cast<std::uint64_t>(got);
      out = out.subspan(static_cast<std::size_t>(got));
    }
    return {};
  }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept override { return size_bytes_; }

 private:
  std::string path_;
  Fd fd_;
  std::uint64_t size_bytes_;
};

class PosixMappedFile final : public MappedFile {
 public:
  PosixMappedFile(void* address, std::size_t size) noexcept : address_(address), size_(size) {}
  ~PosixMappedFile() override {
    if (size_ != 0) ::munmap(address_, size_);
  }
  PosixMappedFile(const PosixMappedFile&) = delete;
  PosixMappedFile& operator=(const PosixMappedFile&) = delete;
  [[nodiscard]] std::string_view bytes() const noexcept override {
    return {static_cast<const char*>(address_), size_};
  }

 private:
  void* address_;
  std::size_t size_;
};

// flock on an open descriptor: released by the kernel when the process dies, however it dies.
class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Fd fd) : fd_(std::move(fd)) {}

 private:
  Fd fd_;
};

class PosixEnv final : public Env {
 public:
  Result<std::unique_ptr<WritableFile>> open_writable(const std::string& path,
                                                      WriteMode mode) override {
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC;
    if (mode == WriteMode::kTruncate) flags |= O_TRUNC;
    if (mode == WriteMode::kExclusive) flags |= O_EXCL;
    Fd fd(::open(path.c_str(), flags, 0644));
    if (fd.get() < 0) return last_error("open", path);
    off_t size = 0;
    if (mode == WriteMode::kAppend) {
      size = ::lseek(fd.get(), 0, SEEK_END);
      if (size < 0) return last_error("seek", path);
    }
    return std::make_unique<PosixWritableFile>(path, std::move(fd),
                                               static_cast<std::uint64_t>(size));
  }

  Result<std::unique_ptr<RandomAccessFile>> open_random_access(const std::string& path) override {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return last_error("open", path);
    NX_ASSIGN(const std::uint64_t size, regular_size(fd, path));
    return std::make_unique<PosixRandomAccessFile>(path, std::move(fd), size);
  }

  Result<std::unique_ptr<MappedFile>> map_file(const std::string& path) override {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return last_error("open", path);
    NX_ASSIGN(const std::uint64_t size, regular_size(fd, path));
    if (size == 0) return std::make_unique<PosixMappedFile>(nullptr, 0);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (address == MAP_FAILED) return last_error("mmap", path);
    return std::make_unique<PosixMappedFile>(address, size);
  }

  Result<std::string> read_file(const std::string& path, std::uint64_t bytes_max) override {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return last_error("open", path);
    std::string content;
    // By bytes seen and not by the size that stat claims: files in /proc claim none.
    for (;;) {
      const std::size_t before = content.size();
      if (before > bytes_max) {
        return fail(Code::kLimitExceeded,
                    fmt::format("read {}: larger than {} bytes", path, bytes_max));
      }
      // One byte more than allowed, so that a file of exactly bytes_max is told from a larger one.
      const std::size_t want = std::min<std::uint64_t>(bytes_max - before, kReadBytes - 1) + 1;
      content.resize(before + want);
      const ssize_t got = ::read(fd.get(), content.data() + before, want);
      if (got < 0 && errno == EINTR) {
        content.resize(before);
        continue;
      }
      if (got < 0) return last_error("read", path);
      content.resize(before + static_cast<std::size_t>(got));
      if (got == 0) return content;
    }
  }

  Result<std::vector<DirEntry>> list_dir(const std::string& path) override {
    std::error_code ec;
    std::vector<DirEntry> entries;
    fs::directory_iterator it(path, ec);
    if (ec) return fs_error("list", path, ec);
    for (; it != fs::directory_iterator(); it.increment(ec)) {
      // A link to nothing, or a file that went away meanwhile, is an entry that is no directory.
      std::error_code not_there;
      entries.push_back({it->path().filename().string(), it->is_directory(not_there)});
    }
    if (ec) return fs_error("list", path, ec);
    std::ranges::sort(entries, {}, &DirEntry::name);
    return entries;
  }

  Result<void> create_dirs(const std::string& path) override {
    std::error_code ec;
    fs::create_directories(path, ec);
    if (ec) return fs_error("create directory", path, ec);
    return {};
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return last_error("rename to " + to, from);
    return {};
  }
  Result<void> remove_file(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return last_error("remove", path);
    return {};
  }
  Result<void> remove_all(const std::string& path) override {
    std::error_code ec;
    fs::remove_all(path, ec);
    if (ec) return fs_error("remove", path, ec);
    return {};
  }
  Result<void> sync_dir(const std::string& path) override {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return last_error("open", path);
    if (::fsync(fd.get()) != 0) return last_error("fsync", path);
    return {};
  }
  Result<void> link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) return last_error("link to " + to, from);
    return {};
  }
  Result<std::uint64_t> file_size(const std::string& path) override {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return last_error("stat", path);
    return static_cast<std::uint64_t>(info.st_size);
  }
  [[nodiscard]] bool exists(const std::string& path) override {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0;
  }
  Result<DiskSpace> space(const std::string& directory) override {
    struct statvfs info{};
    if (::statvfs(directory.c_str(), &info) != 0) return last_error("statvfs", directory);
    return DiskSpace{.total_bytes = std::uint64_t{info.f_blocks} * info.f_frsize,
                     .available_bytes = std::uint64_t{info.f_bavail} * info.f_frsize};
  }
  Result<void> allocate(const std::string& path, std::uint64_t size_bytes) override {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (fd.get() < 0) return last_error("open", path);
    int failed = EINTR;
    while (failed == EINTR) failed = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size_bytes));
    if (failed != 0) return std::unexpected(errno_error("allocate " + path, failed));
    if (::fsync(fd.get()) != 0) return last_error("fsync", path);
    return {};
  }
  Result<std::unique_ptr<FileLock>> lock_file(const std::string& path) override {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (fd.get() < 0) return last_error("open", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        return fail(
            Code::kAlreadyExists,
            fmt::format("lock {}: held by another process; is a second server running on this "
                        "directory?",
                        path));
      }
      return last_error("lock", path);
    }
    return std::make_unique<PosixFileLock>(std::move(fd));
  }

 private:
  static Result<std::uint64_t> regular_size(const Fd& fd, const std::string& path) {
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return last_error("stat", path);
    if (!S_ISREG(info.st_mode)) {
      return fail(Code::kInvalidArgument, fmt::format("open {}: not a regular file", path));
    }
    return static_cast<std::uint64_t>(info.st_size);
  }
};

}  // namespace

Env& posix_env() {
  static PosixEnv env;
  return env;
}

Result<void> write_file_atomically(Env& env, const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  {
    NX_ASSIGN(const auto file, env.open_writable(temporary, WriteMode::kTruncate));
    NX_TRY(file->append(content));
    NX_TRY(file->sync());
    NX_TRY(file->close());
  }
  NX_TRY(env.rename(temporary, path));
  const std::string parent = fs::path(path).parent_path().string();
  return env.sync_dir(parent.empty() ? "." : parent);
}

}  // namespace narthex::util
