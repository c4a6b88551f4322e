#include "tsdb/chunk/xor_chunk.h"

#include <fmt/format.h>

namespace narthex::tsdb {

void XorChunkBuilder::append(model::TimestampMs timestamp, double value) {
  NX_CHECK(sample_count_ < kChunkSamplesMax, "chunk of {} samples is full", sample_count_);
  std::uint8_t unfinished = 0;
  if (tail_bits_ != 0) {
    unfinished = static_cast<std::uint8_t>(bytes_.back());
    bytes_.pop_back();
  }
  BitBuffer bits(unfinished, tail_bits_);
  encode_xor_sample(bits, state_, sample_count_, timestamp, value);
  std::uint8_t encoded[BitBuffer::kBytesMax];
  bits.store(encoded);
  bytes_.append(reinterpret_cast<const char*>(encoded), bits.byte_count());
  tail_bits_ = bits.bit_count() & 7U;
  ++sample_count_;
  util::store_be(bytes_.data(), static_cast<std::uint16_t>(sample_count_));
}

void XorChunkBuilder::clear() {
  bytes_.assign(kChunkCountBytes, '\0');
  state_ = {};
  sample_count_ = 0;
  tail_bits_ = 0;
}

namespace {

// Reads bits by position. Positions past the end read as zeros; the decoder compares positions at
// the end of each sample.
class BitCursor {
 public:
  explicit BitCursor(std::string_view bytes) noexcept
      : data_(reinterpret_cast<const std::uint8_t*>(bytes.data())), size_(bytes.size()) {}

  [[nodiscard]] bool overrun() const noexcept { return position_ > size_ * 8U; }
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

// A difference of n bits, as put_delta_of_delta wrote it.
std::uint64_t sign_extend(std::uint64_t value, unsigned bits) noexcept {
  const std::uint64_t half = std::uint64_t{1} << (bits - 1U);
  return value > half ? value - (half << 1U) : value;
}

std::uint64_t take_delta_of_delta(BitCursor& in) noexcept {
  const std::uint64_t word = in.peek();
  if ((word >> 63U) == 0) [[likely]] {
    in.skip(1);
    return 0;
  }
  const int ones = std::min(std::countl_one(word), 4);
  if (ones == 4) {
    in.skip(4);
    return in.take_wide(64);
  }
  // 10 → 14 bits, 110 → 17, 1110 → 20.
  const unsigned prefix = static_cast<unsigned>(ones) + 1U;
  const unsigned bits = 11U + 3U * static_cast<unsigned>(ones);
  in.skip(prefix + bits);
  return sign_extend((word << prefix) >> (64U - bits), bits);
}

struct Window {
  unsigned trailing = 0;
  unsigned significant = 0;  // 0: none yet.
};

// XORs the next difference into `value`; false when the bits make no sense.
[[nodiscard]] bool take_xor(BitCursor& in, Window& window, std::uint64_t& value) noexcept {
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

// Decodes `count` samples into t and v; the number of samples that were sound.
std::size_t decode_samples(BitCursor& in, std::size_t count, model::TimestampMs* t,
                           double* v) noexcept {
  std::uint64_t first = 0;
  if (!in.take_uvarint(first)) return 0;
  auto time = static_cast<std::uint64_t>(util::unzigzag(first));
  std::uint64_t value = in.take_wide(64);
  if (in.overrun()) return 0;
  t[0] = static_cast<model::TimestampMs>(time);
  v[0] = std::bit_cast<double>(value);
  if (count == 1) return 1;

  std::uint64_t delta = 0;
  if (!in.take_uvarint(delta)) return 1;
  Window window;
  for (std::size_t i = 1;;) {
    time += delta;
    if (!take_xor(in, window, value) || in.overrun()) [[unlikely]]
      return i;
    t[i] = static_cast<model::TimestampMs>(time);
    v[i] = std::bit_cast<double>(value);
    if (++i == count) return i;
    delta += take_delta_of_delta(in);
  }
}

}  // namespace

util::Result<void> decode_xor_chunk(std::string_view chunk, FloatColumns out) {
  if (chunk.size() < kChunkCountBytes) {
    return util::fail(util::Code::kCorruption,
                      fmt::format("xor chunk of {} bytes has no sample count", chunk.size()));
  }
  const std::size_t count = util::load_be<std::uint16_t>(chunk.data());
  if (count == 0) return {};
  // Two bits are the least a sample can take: a damaged count cannot make us allocate much.
  if (count / 4 > chunk.size()) {
    return util::fail(util::Code::kCorruption,
                      fmt::format("xor chunk: {} samples in {} bytes", count, chunk.size()));
  }
  const std::size_t before = out.timestamps.size();
  out.timestamps.resize(before + count);
  out.values.resize(before + count);
  BitCursor in(chunk.substr(kChunkCountBytes));
  const std::size_t decoded =
      decode_samples(in, count, out.timestamps.data() + before, out.values.data() + before);
  if (decoded == count) return {};
  out.timestamps.resize(before);
  out.values.resize(before);
  return util::fail(
      util::Code::kCorruption,
      fmt::format("xor chunk: sample {} of {} is damaged or cut off, bit {} of {} bytes", decoded,
                  count, in.position(), chunk.size()));
}

}  // namespace narthex::tsdb
