#include "tsdb/chunk/xor_chunk.h"

#include <fmt/format.h>

#include "tsdb/chunk/bit_cursor.h"

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
  XorWindow window;
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
