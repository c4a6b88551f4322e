// The float samples of one chunk in a form that costs little memory and next to nothing to decode,
// unlike the bit stream that is stored: it is for samples that are read again and again. It never
// leaves memory.
//
// Times lie on a line (first + i · interval) plus a small distance each; values are whole numbers
// of a power of ten (decimals, as exporters print them) above the smallest one. Distances take 0,
// 1, 2 or 4 bytes, the least that holds them all. What does not fit so is kept as it is, 8 bytes
// each. Decoding gives the very bits back, those of NaN and -0 too.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "narthex/model/timestamp.h"

#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {

// Threads: immutable.
class PackedSamples {
 public:
  // Precondition: as many times as values, at least one, at most kChunkSamplesMax.
  static PackedSamples pack(std::span<const model::TimestampMs> times,
                            std::span<const double> values);
  PackedSamples() = default;

  void append_to(FloatColumns out) const;
  // Of memory.
  [[nodiscard]] std::size_t size_bytes() const noexcept { return sizeof(*this) + byte_count_; }

 private:
  std::int64_t time_base_ = 0;      // Of i = 0, the smallest distance included.
  std::int64_t time_interval_ = 0;  // Wraps where times do.
  double value_base_ = 0;           // A whole number.
  std::uint32_t byte_count_ = 0;
  std::uint16_t count_ = 0;
  std::uint8_t time_width_ = 0;    // Bytes of a distance; 8: a time itself.
  std::uint8_t value_width_ = 0;   // Bytes of a distance; 8: a value itself.
  std::uint8_t exponent_ = 0;      // Values are divided by 10 to the power of it.
  std::unique_ptr<char[]> bytes_;  // Distances of times, then of values.
};

}  // namespace narthex::tsdb
