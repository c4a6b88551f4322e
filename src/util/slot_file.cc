#include "narthex/util/slot_file.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "narthex/util/check.h"

namespace narthex::util {
namespace {

std::unexpected<Error> last_error(std::string_view operation, const std::string& path) {
  const int saved = errno;
  return std::unexpected(errno_error(fmt::format("{} {}", operation, path), saved));
}

Result<void> write_at(int fd, const std::string& path, std::string_view bytes,
                      std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return last_error("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<SlotFile>> SlotFile::create(const std::string& path, std::string_view header,
                                                   std::size_t count, std::size_t slot_bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return last_error("open", path);
  std::unique_ptr<SlotFile> file(new SlotFile(path, fd, header.size(), count, slot_bytes));
  NX_TRY(write_at(fd, path, header, 0));
  // Really written and not only sized, so that a full disk shows now and not at a query.
  const std::string zeros(slot_bytes, '\0');
  for (std::size_t i = 0; i < count; ++i) NX_TRY(file->write(i, zeros));
  return file;
}

SlotFile::~SlotFile() {
  ::close(fd_);
}

Result<void> SlotFile::write(std::size_t index, std::string_view content) {
  NX_CHECK(index < count_ && content.size() <= slot_bytes_, "slot {} with {} bytes", index,
           content.size());
  std::string padded(content);
  padded.resize(slot_bytes_, '\0');
  return write_at(fd_, path_, padded, header_bytes_ + std::uint64_t{index} * slot_bytes_);
}

}  // namespace narthex::util
