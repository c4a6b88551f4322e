#include "tsdb/index/byte_arena.h"

#include <cstdlib>
#include <new>

namespace narthex::tsdb {

void* ByteArena::allocate(std::size_t bytes) {
  const std::size_t units = (bytes + kUnit - 1) / kUnit;
  const std::size_t rounded = units * kUnit;
  if (rounded > kSmallBytesMax) {
    bytes_ += rounded;
    return ::operator new(rounded);
  }
  if (FreeBlock* block = free_[units]; block != nullptr) {
    free_[units] = block->next;
    return block;
  }
  if (rounded > left_) {
    // What is left of the old page is a free block of its size.
    if (left_ != 0) free(cursor_, left_);
    pages_.push_back(std::make_unique_for_overwrite<std::byte[]>(kPageBytes));
    cursor_ = pages_.back().get();
    left_ = kPageBytes;
    bytes_ += kPageBytes;
  }
  void* block = cursor_;
  cursor_ += rounded;
  left_ -= rounded;
  return block;
}

void ByteArena::free(void* block, std::size_t bytes) noexcept {
  const std::size_t units = (bytes + kUnit - 1) / kUnit;
  if (units * kUnit > kSmallBytesMax) {
    bytes_ -= units * kUnit;
    ::operator delete(block);
    return;
  }
  auto* entry = static_cast<FreeBlock*>(block);
  entry->next = free_[units];
  free_[units] = entry;
}

}  // namespace narthex::tsdb
