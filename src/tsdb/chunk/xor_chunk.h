// Gorilla-compressed float chunks, encoding 1 (storage-format.md §5.1; Gorilla paper §4.1).
//
// chunk = sample count u16, then a bit stream. The encoder below makes the bits of one sample at a
// time, so that the head can keep open chunks in memory of its own shape; XorChunkBuilder puts them
// into one string.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/timestamp.h"
#include "narthex/util/result.h"

#include "tsdb/chunk/bit_buffer.h"

namespace narthex::tsdb {

// The encoding byte of stored chunks (storage-format.md §4).
enum class ChunkEncoding : std::uint8_t {
  kNone = 0,
  kXor = 1,
  kHistogram = 2,
  kFloatHistogram = 3,
  kXor2 = 4
};

inline constexpr std::size_t kChunkCountBytes = 2;
inline constexpr std::size_t kChunkSamplesMax = 65535;
// The most that one sample adds to an XOR chunk once two samples are in it: 4 + 64 bits of time, 13
// + 64 of value.
inline constexpr std::size_t kXorSampleBytesMax = 19;

// What the next sample is encoded against. Value type; the head keeps the same fields packed in its
// series.
struct XorState {
  static constexpr std::uint8_t kNoWindow = 0xff;

  model::TimestampMs timestamp = 0;
  std::uint64_t value_bits = 0;
  std::uint64_t delta = 0;  // Of the last two timestamps; wraps, as upstream's does.
  std::uint8_t leading = kNoWindow;
  std::uint8_t trailing = 0;
};

namespace detail {

// Time as difference of differences. n bits hold -(2^(n-1)-1) … 2^(n-1).
inline void put_delta_of_delta(BitBuffer& out, std::int64_t dod) noexcept {
  const auto fits = [dod](unsigned bits) {
    const std::int64_t limit = std::int64_t{1} << (bits - 1U);
    return dod > -limit && dod <= limit;
  };
  const auto low = [dod](unsigned bits) {
    return static_cast<std::uint64_t>(dod) & ((std::uint64_t{1} << bits) - 1U);
  };
  if (dod == 0) {
    out.put(0, 1);
  } else if (fits(14)) {
    out.put((std::uint64_t{0b10} << 14U) | low(14), 16);
  } else if (fits(17)) {
    out.put((std::uint64_t{0b110} << 17U) | low(17), 20);
  } else if (fits(20)) {
    out.put((std::uint64_t{0b1110} << 20U) | low(20), 24);
  } else {
    out.put(0b1111, 4);
    out.put(static_cast<std::uint64_t>(dod), 64);
  }
}

inline void put_xor(BitBuffer& out, XorState& state, std::uint64_t value_bits) noexcept {
  const std::uint64_t difference = state.value_bits ^ value_bits;
  if (difference == 0) {
    out.put(0, 1);
    return;
  }
  // Five bits hold at most 31 leading zeros.
  const auto leading = static_cast<std::uint8_t>(std::min(std::countl_zero(difference), 31));
  const auto trailing = static_cast<std::uint8_t>(std::countr_zero(difference));
  if (state.leading != XorState::kNoWindow && leading >= state.leading &&
      trailing >= state.trailing) {
    out.put(0b10, 2);
    out.put(difference >> state.trailing, 64U - state.leading - state.trailing);
    return;
  }
  state.leading = leading;
  state.trailing = trailing;
  const unsigned significant = 64U - leading - trailing;
  // 64 significant bits are written as 0: there is no difference of no bits.
  out.put((std::uint64_t{0b11} << 11U) | (std::uint64_t{leading} << 6U) | (significant & 63U), 13);
  out.put(difference >> trailing, significant);
}

}  // namespace detail

// Appends the bits of sample number `index` (0-based) of a chunk and moves `state` on.
inline void encode_xor_sample(BitBuffer& out, XorState& state, std::size_t index,
                              model::TimestampMs timestamp, double value) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  if (index == 0) {
    out.put_uvarint(util::zigzag(timestamp));
    out.put(bits, 64);
    state = XorState{.timestamp = timestamp, .value_bits = bits};
    return;
  }
  const std::uint64_t delta =
      static_cast<std::uint64_t>(timestamp) - static_cast<std::uint64_t>(state.timestamp);
  if (index == 1) {
    out.put_uvarint(delta);
  } else {
    detail::put_delta_of_delta(out, static_cast<std::int64_t>(delta - state.delta));
  }
  detail::put_xor(out, state, bits);
  state.timestamp = timestamp;
  state.value_bits = bits;
  state.delta = delta;
}

// Builds one chunk in a string. Threads: confined.
class XorChunkBuilder {
 public:
  XorChunkBuilder() { clear(); }
  // Precondition: fewer than kChunkSamplesMax samples; ascending timestamps are the caller's
  // business.
  void append(model::TimestampMs timestamp, double value);
  [[nodiscard]] std::size_t sample_count() const noexcept { return sample_count_; }
  // The chunk so far, with its count; valid until the next append() or clear().
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  void clear();

 private:
  std::string bytes_;
  XorState state_;
  std::size_t sample_count_ = 0;
  unsigned tail_bits_ = 0;  // Bits used in the last byte, 0…7; 0 = it is full.
};

// Where decoded samples go: two arrays that grow together. Threads: confined.
struct FloatColumns {
  std::vector<model::TimestampMs>& timestamps;
  std::vector<double>& values;
};

// Appends all samples of a chunk. kCorruption when the bytes are not a chunk: then nothing is
// appended, and nothing outside `chunk` has been read. Timestamps are not checked for order.
util::Result<void> decode_xor_chunk(std::string_view chunk, FloatColumns out);

}  // namespace narthex::tsdb
