// Collects small writes to a new file. Threads: confined.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

class BufferedFile {
 public:
  static util::Result<BufferedFile> create(util::Env& env, const std::string& path) {
    NX_ASSIGN(auto file, env.open_writable(path, util::WriteMode::kExclusive));
    return BufferedFile(std::move(file));
  }

  util::Result<void> append(std::string_view bytes) {
    position_ += bytes.size();
    buffer_ += bytes;
    if (buffer_.size() < kBufferBytes) return {};
    return flush();
  }
  // Zeros up to a multiple of `alignment`.
  util::Result<void> pad(std::uint64_t alignment) {
    const std::uint64_t missing = (alignment - position_ % alignment) % alignment;
    return append(std::string(missing, '\0'));
  }
  // How many bytes have been appended.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  // Everything is on the disk when this returns. The file takes no more.
  util::Result<void> finish() {
    NX_TRY(flush());
    NX_TRY(file_->sync());
    return file_->close();
  }

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 20U;

  explicit BufferedFile(std::unique_ptr<util::WritableFile> file) : file_(std::move(file)) {}
  util::Result<void> flush() {
    if (buffer_.empty()) return {};
    NX_TRY(file_->append(buffer_));
    buffer_.clear();
    return {};
  }

  std::unique_ptr<util::WritableFile> file_;
  std::string buffer_;
  std::uint64_t position_ = 0;
};

}  // namespace narthex::tsdb
