// Memory of chunks that samples are still added to: chains of 64-byte blocks, newest first.
//
// One size for all, because sizes that grow (64, 128, 256 …) leave as much free memory behind in
// the small sizes as is in use in the large ones whenever many series grow in step, which scraped
// series do. A chain wastes half a block, needs no copy to grow, and appending touches one cache
// line. A full chunk keeps its chain until it is written to a file. Threads: external for
// allocate() and free_chain(); a chain may be read by whoever was told of it under the owner's
// lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "narthex/util/check.h"

#include "tsdb/chunk/stable_array.h"

namespace narthex::tsdb {

using BlockIndex = std::uint32_t;
inline constexpr BlockIndex kNoBlock = 0;

class BlockPool {
 public:
  static constexpr std::size_t kPayloadBytes = 60;
  struct alignas(64) Block {
    BlockIndex previous = kNoBlock;  // Or the next free one.
    std::uint8_t payload[kPayloadBytes];
  };
  static_assert(sizeof(Block) == 64);

  [[nodiscard]] BlockIndex allocate(BlockIndex previous) {
    BlockIndex index = free_;
    if (index == kNoBlock) {
      index = end_++;
      NX_CHECK(index != 0xffff'ffffU, "block pool is full");
      blocks_.ensure(index);
    } else {
      free_ = blocks_[index].previous;
    }
    blocks_[index].previous = previous;
    ++used_;
    return index;
  }
  void free_chain(BlockIndex tail) noexcept {
    while (tail != kNoBlock) {
      Block& block = blocks_[tail];
      const BlockIndex previous = block.previous;
      block.previous = free_;
      free_ = tail;
      tail = previous;
      --used_;
    }
  }
  // A new chain of these bytes; gives its tail.
  [[nodiscard]] BlockIndex store_chain(std::string_view bytes) {
    BlockIndex tail = kNoBlock;
    for (std::size_t at = 0; at < bytes.size(); at += kPayloadBytes) {
      tail = allocate(tail);
      const std::string_view part = bytes.substr(at, kPayloadBytes);
      std::memcpy(blocks_[tail].payload, part.data(), part.size());
    }
    return tail;
  }
  [[nodiscard]] Block& operator[](BlockIndex index) const noexcept { return blocks_[index]; }

  // How many blocks a chain of so many bytes has.
  [[nodiscard]] static constexpr std::size_t blocks_of(std::size_t bytes) noexcept {
    return (bytes + kPayloadBytes - 1) / kPayloadBytes;
  }
  // Copies the chain's bytes, oldest first. `out` has room for blocks_of(bytes) whole blocks.
  void copy_chain(BlockIndex tail, std::size_t bytes, char* out) const noexcept {
    for (std::size_t i = blocks_of(bytes); i-- > 0;) {
      const Block& block = blocks_[tail];
      std::memcpy(out + i * kPayloadBytes, block.payload, kPayloadBytes);
      tail = block.previous;
    }
  }
  [[nodiscard]] const Block& oldest(BlockIndex tail) const noexcept {
    while (blocks_[tail].previous != kNoBlock) tail = blocks_[tail].previous;
    return blocks_[tail];
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return blocks_.bytes(); }
  [[nodiscard]] std::size_t used_blocks() const noexcept { return used_; }

 private:
  StableArray<Block, 12> blocks_;
  BlockIndex free_ = kNoBlock;
  BlockIndex end_ = 1;
  std::size_t used_ = 0;
};

}  // namespace narthex::tsdb
