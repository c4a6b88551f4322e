// Reads the bit streams that chunks are (storage-format.md §5), most significant bit first.
// Threads: confined.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#include "narthex/util/bytes.h"

namespace narthex::tsdb {

// Reads bits by position. Positions past the end read as zeros; the decoder compares positions at
// the end of each sample.
class BitCursor {
 public:
  explicit BitCursor(std::string_view bytes) noexcept
      : data_(reinterpret_cast<const std::uint8_t*>(bytes.data())), size_(bytes.size()) {}

  [[nodiscard]] bool overrun() const noexcept { return position_ > size_ * 8U; }
  [[nodiscard]] std::size_t bits_left() const noexcept {
    return overrun() ? 0 : size_ * 8U - position_;
  }
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  void skip(unsigned bits) noexcept { position_ += bits; }

  // The next bits, left-aligned; at least the first 57 are valid.
  [[nodiscard]] std::uint64_t peek() const noexcept {
    const std::size_t byte = position_ >> 3U;
    const std::uint64_t word =
        byte + 8 <= size_ ? util::load_be<std::uint64_t>(data_ + byte) : load_tail(byte);
    return word << (position_ & 7U);
  }
  // 1…57 bits.
  [[nodiscard]] std::uint64_t take(unsigned bits) noexcept {
    const std::uint64_t value = peek() >> (64U - bits);
    position_ += bits;
    return value;
  }
  // 1…64 bits.
  [[nodiscard]] std::uint64_t take_wide(unsigned bits) noexcept {
    if (bits <= 57) [[likely]]
      return take(bits);
    const std::uint64_t high = take(32);
    return (high << (bits - 32U)) | take(bits - 32U);
  }
  // False when it is longer than ten bytes or larger than 64 bits.
  [[nodiscard]] bool take_uvarint(std::uint64_t& value) noexcept {
    value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const std::uint64_t byte = take(8);
      if (shift == 63 && byte > 1) return false;
      value |= (byte & 0x7fU) << shift;
      if (byte < 0x80U) return true;
    }
    return false;
  }

 private:
  [[nodiscard]] std::uint64_t load_tail(std::size_t byte) const noexcept {
    std::uint64_t word = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const std::size_t at = byte + i;
      word = (word << 8U) | (at < size_ ? data_[at] : 0U);
    }
    return word;
  }

  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t position_ = 0;
};

// A difference of n bits, as upstream writes them: -(2^(n-1)-1) … 2^(n-1).
[[nodiscard]] inline std::uint64_t sign_extend(std::uint64_t value, unsigned bits) noexcept {
  const std::uint64_t half = std::uint64_t{1} << (bits - 1U);
  return value > half ? value - (half << 1U) : value;
}

// Which bits of the last difference were not zero.
struct XorWindow {
  unsigned trailing = 0;
  unsigned significant = 0;  // 0: none yet.
};

// XORs the next difference into `value`; false when the bits make no sense.
[[nodiscard]] inline bool take_xor(BitCursor& in, XorWindow& window,
                                   std::uint64_t& value) noexcept {
  const std::uint64_t word = in.peek();
  if ((word >> 63U) == 0) {
    in.skip(1);
    return true;
  }
  if ((word >> 62U) == 0b10) {
    if (window.significant == 0) [[unlikely]]
      return false;
    if (window.significant <= 55) [[likely]] {
      in.skip(2 + window.significant);
      value ^= ((word << 2U) >> (64U - window.significant)) << window.trailing;
      return true;
    }
    in.skip(2);
  } else {
    const auto leading = static_cast<unsigned>((word >> 57U) & 31U);
    const auto coded = static_cast<unsigned>((word >> 51U) & 63U);
    window.significant = coded == 0 ? 64U : coded;
    if (leading + window.significant > 64U) [[unlikely]]
      return false;
    window.trailing = 64U - leading - window.significant;
    in.skip(13);
  }
  value ^= in.take_wide(window.significant) << window.trailing;
  return true;
}

// The payload bits behind 0, 1, 2 … leading ones of a varbit integer (storage-format.md §5.3).
inline constexpr std::array<std::uint8_t, 9> kVarbitBits = {0, 3, 6, 9, 12, 18, 25, 56, 64};

// The payload of a varbit integer and its width.
struct Varbit {
  std::uint64_t value = 0;
  unsigned bits = 0;
};
[[nodiscard]] inline Varbit take_varbit(BitCursor& in) noexcept {
  const auto ones = static_cast<unsigned>(std::min(std::countl_one(in.peek()), 8));
  in.skip(std::min(ones + 1U, 8U));
  const unsigned bits = kVarbitBits[ones];
  return {bits == 0 ? 0 : in.take_wide(bits), bits};
}
[[nodiscard]] inline std::uint64_t take_varbit_uint(BitCursor& in) noexcept {
  return take_varbit(in).value;
}
[[nodiscard]] inline std::int64_t take_varbit_int(BitCursor& in) noexcept {
  const Varbit raw = take_varbit(in);
  if (raw.bits == 0 || raw.bits == 64) return static_cast<std::int64_t>(raw.value);
  return static_cast<std::int64_t>(sign_extend(raw.value, raw.bits));
}

}  // namespace narthex::tsdb
