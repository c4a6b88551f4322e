// Writes the bit streams that chunks are (storage-format.md §5) into a string. For chunks whose
// samples are large; float samples go through BitBuffer. Threads: confined.
#pragma once

#include <cstdint>
#include <string>

#include "tsdb/chunk/bit_cursor.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {

class BitWriter {
 public:
  [[nodiscard]] std::string& bytes() noexcept { return bytes_; }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

  // Appends the low `bits` (1…64) bits of `value`, whose higher bits must be zero.
  void put(std::uint64_t value, unsigned bits) {
    while (bits > 0) {
      if (free_bits_ == 0) {
        bytes_.push_back('\0');
        free_bits_ = 8;
      }
      const unsigned part = std::min(bits, free_bits_);
      const auto chunk = static_cast<std::uint8_t>((value >> (bits - part)) & ((1U << part) - 1U));
      bytes_.back() = static_cast<char>(static_cast<std::uint8_t>(bytes_.back()) |
                                        static_cast<std::uint8_t>(chunk << (free_bits_ - part)));
      bits -= part;
      free_bits_ -= part;
    }
  }
  void put_double(double value) { put(std::bit_cast<std::uint64_t>(value), 64); }
  void put_varbit_uint(std::uint64_t value) {
    unsigned ones = 0;
    while (ones < 8 && !(kVarbitBits[ones] == 0 ? value == 0 : value >> kVarbitBits[ones] == 0))
      ++ones;
    put_varbit(value, ones);
  }
  void put_varbit_int(std::int64_t value) {
    unsigned ones = 0;
    while (ones < 8 && !fits(value, kVarbitBits[ones])) ++ones;
    const unsigned bits = kVarbitBits[ones];
    const auto raw = static_cast<std::uint64_t>(value);
    put_varbit(bits == 64 ? raw : raw & ((std::uint64_t{1} << bits) - 1U), ones);
  }
  // As in XOR chunks: against the value before, whose bits and window are in `state`.
  void put_xor(XorState& state, double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    BitBuffer buffer;
    detail::put_xor(buffer, state, bits);
    state.value_bits = bits;
    put_buffer(buffer);
  }

 private:
  [[nodiscard]] static bool fits(std::int64_t value, unsigned bits) noexcept {
    if (bits == 0) return value == 0;
    const std::int64_t limit = std::int64_t{1} << (bits - 1U);
    return value > -limit && value <= limit;
  }
  // The prefix of so many ones, ended by a zero unless there are eight, then the payload.
  void put_varbit(std::uint64_t payload, unsigned ones) {
    if (ones == 8) {
      put(0xff, 8);
    } else {
      put((std::uint64_t{2} << ones) - 2U, ones + 1U);
    }
    if (kVarbitBits[ones] != 0) put(payload, kVarbitBits[ones]);
  }
  void put_buffer(const BitBuffer& buffer) {
    std::uint8_t bytes[BitBuffer::kBytesMax];
    buffer.store(bytes);
    unsigned left = buffer.bit_count();
    for (std::size_t i = 0; left > 0; ++i) {
      const unsigned part = std::min(left, 8U);
      put(bytes[i] >> (8U - part), part);
      left -= part;
    }
  }

  std::string bytes_;
  unsigned free_bits_ = 0;  // Of the last byte.
};

}  // namespace narthex::tsdb
