// A few bits on their way into a chunk: collected in registers, then stored whole words at a time.
// Chunks are bit streams, most significant bit first (storage-format.md §5).
// Threads: confined.
#pragma once

#include <array>
#include <cstdint>

#include "narthex/util/bytes.h"
#include "narthex/util/check.h"

namespace narthex::tsdb {

class BitBuffer {
 public:
  static constexpr unsigned kBitsMax = 192;
  static constexpr std::size_t kBytesMax = kBitsMax / 8;

  BitBuffer() = default;
  // Starts with the `bit_count` (0…7) bits that a stream's last, unfinished byte already holds.
  BitBuffer(std::uint8_t unfinished, unsigned bit_count) noexcept
      : words_{static_cast<std::uint64_t>(unfinished) << 56U, 0, 0}, count_(bit_count) {}

  // Appends the low `bits` (1…64) bits of `value`, whose higher bits must be zero.
  void put(std::uint64_t value, unsigned bits) noexcept {
    NX_DCHECK(bits >= 1 && bits <= 64 && count_ + bits <= kBitsMax, "{} bits after {}", bits,
              count_);
    const unsigned word = count_ >> 6U;
    const unsigned offset = count_ & 63U;
    const std::uint64_t aligned = value << (64U - bits);
    words_[word] |= aligned >> offset;
    if (offset + bits > 64U) words_[word + 1] |= aligned << (64U - offset);
    count_ += bits;
  }
  void put_uvarint(std::uint64_t value) noexcept {
    while (value >= 0x80U) {
      put((value & 0x7fU) | 0x80U, 8);
      value >>= 7U;
    }
    put(value, 8);
  }

  [[nodiscard]] unsigned bit_count() const noexcept { return count_; }
  [[nodiscard]] std::size_t byte_count() const noexcept { return (count_ + 7U) / 8U; }
  // Writes kBytesMax bytes, zeros behind the last bit.
  void store(std::uint8_t* out) const noexcept {
    util::store_be(out, words_[0]);
    util::store_be(out + 8, words_[1]);
    util::store_be(out + 16, words_[2]);
  }

 private:
  std::array<std::uint64_t, 3> words_{};
  unsigned count_ = 0;
};

}  // namespace narthex::tsdb
