// A file of slots of one size that are overwritten in place, for notes that outlive a killed
// process (not a power cut: nothing is synced).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "narthex/util/result.h"

namespace narthex::util {

// Threads: synchronized, as long as two threads do not write one slot.
class SlotFile {
 public:
  // Creates or replaces `path`: `header`, then `count` slots of `slot_bytes` bytes, all zero.
  static Result<std::unique_ptr<SlotFile>> create(const std::string& path, std::string_view header,
                                                  std::size_t count, std::size_t slot_bytes);
  ~SlotFile();
  SlotFile(const SlotFile&) = delete;
  SlotFile& operator=(const SlotFile&) = delete;

  // The content, padded with zeros. Preconditions: index < count, content fits.
  Result<void> write(std::size_t index, std::string_view content);

 private:
  SlotFile(std::string path, int fd, std::size_t header_bytes, std::size_t count,
           std::size_t slot_bytes)
      : path_(std::move(path)),
        fd_(fd),
        header_bytes_(header_bytes),
        count_(count),
        slot_bytes_(slot_bytes) {}

  const std::string path_;
  const int fd_;
  const std::size_t header_bytes_;
  const std::size_t count_;
  const std::size_t slot_bytes_;
};

}  // namespace narthex::util
