// Memory for small immutable blocks (strings, id lists) that never move. Freed blocks are used
// again for others of their size class. Threads: external; the blocks themselves may be read by
// anyone who was told of them under the owner's lock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace narthex::tsdb {

class ByteArena {
 public:
  // `bytes` bytes, aligned to 8. Precondition: bytes > 0.
  [[nodiscard]] void* allocate(std::size_t bytes);
  // Precondition: `block` came from allocate(bytes), and nobody reads it any more.
  void free(void* block, std::size_t bytes) noexcept;
  // A copy of `text`.
  [[nodiscard]] std::string_view add(std::string_view text) {
    if (text.empty()) return {};
    char* copy = static_cast<char*>(allocate(text.size()));
    std::memcpy(copy, text.data(), text.size());
    return {copy, text.size()};
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kUnit = 8;
  static constexpr std::size_t kPageBytes = std::size_t{64} * 1024;
  // Larger blocks get heap blocks of their own.
  static constexpr std::size_t kSmallBytesMax = 1024;
  struct FreeBlock {
    FreeBlock* next;
  };

  std::vector<std::unique_ptr<std::byte[]>> pages_;
  std::byte* cursor_ = nullptr;
  std::size_t left_ = 0;
  std::array<FreeBlock*, kSmallBytesMax / kUnit + 1> free_{};
  std::size_t bytes_ = 0;
};

}  // namespace narthex::tsdb
