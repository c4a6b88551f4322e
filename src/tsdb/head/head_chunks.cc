// How samples get into a series' open chunk, and when a chunk is full.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "tsdb/head/head.h"

namespace narthex::tsdb {

namespace {

// Upstream's bound: 1 KiB minus what one more sample may add.
constexpr std::size_t kChunkBytesMax = 1024 - kXorSampleBytesMax;

// The end of the aligned range that holds t.
model::TimestampMs range_end(model::TimestampMs t, std::int64_t range_ms) noexcept {
  const std::int64_t into = ((t % range_ms) + range_ms) % range_ms;
  return model::add_saturated(t, range_ms - into);
}

// ST-H1: after a quarter of the target, predicts the end so that equal chunks fill the range.
model::TimestampMs predict_end(model::TimestampMs start, model::TimestampMs current,
                               model::TimestampMs end) noexcept {
  constexpr double kQuarters = 4;
  const double left = static_cast<double>(end) - static_cast<double>(start);
  const double chunks =
      left / ((static_cast<double>(current) - static_cast<double>(start) + 1) * kQuarters);
  if (chunks <= 1) return end;
  return static_cast<model::TimestampMs>(static_cast<double>(start) + left / std::floor(chunks));
}

}  // namespace

model::TimestampMs Head::first_timestamp(BlockIndex tail) const noexcept {
  const BlockPool::Block& oldest = blocks_.oldest(tail);
  util::ByteReader reader(std::span<const std::uint8_t>(oldest.payload, util::kVarintBytesMax));
  return reader.varint();
}

bool Head::must_cut(HeadSeries& series, model::TimestampMs timestamp) const {
  if (series.sample_count == options_.samples_per_chunk / 4) [[unlikely]] {
    series.chunk_end =
        predict_end(first_timestamp(series.tail), series.last_timestamp, series.chunk_end);
  }
  const std::size_t bytes = kChunkCountBytes + (series.bit_count + 7U) / 8U;
  return timestamp >= series.chunk_end || series.sample_count >= options_.samples_per_chunk * 2 ||
         bytes > kChunkBytesMax;
}

void Head::begin_chunk(HeadSeries& series, model::TimestampMs timestamp) {
  series.chunk_end = range_end(timestamp, options_.chunk_range_ms);
  series.tail = blocks_.allocate(kNoBlock);
  series.bit_count = 0;
  series.sample_count = 0;
  counters_.chunks_created.fetch_add(1, std::memory_order_relaxed);
  counters_.chunks.fetch_add(1, std::memory_order_relaxed);
}

void Head::seal_chunk(HeadSeries& series) {
  SealedIndex index = sealed_end_;
  if (free_sealed_.empty()) {
    ++sealed_end_;
  } else {
    index = free_sealed_.back();
    free_sealed_.pop_back();
  }
  SealedChunk& chunk = sealed_.ensure(index);
  chunk.min = first_timestamp(series.tail);
  chunk.max = series.last_timestamp;
  chunk.tail = series.tail;
  chunk.previous = series.sealed;
  chunk.bit_count = series.bit_count;
  chunk.sample_count = series.sample_count;
  chunk.encoding = ChunkEncoding::kXor;
  series.sealed = index;
  series.tail = kNoBlock;
}

void Head::append_sample(HeadSeries& series, model::TimestampMs timestamp, double value) {
  if (series.tail != kNoBlock && must_cut(series, timestamp)) seal_chunk(series);
  if (series.tail == kNoBlock) begin_chunk(series, timestamp);

  const unsigned unfinished_bits = series.bit_count & 7U;
  const std::size_t byte = series.bit_count >> 3U;
  // At a block's end with no unfinished byte the offset is 0, but the tail has no room.
  const std::size_t offset =
      unfinished_bits == 0 && byte != 0 && byte % BlockPool::kPayloadBytes == 0
          ? BlockPool::kPayloadBytes
          : byte % BlockPool::kPayloadBytes;
  const std::size_t room = BlockPool::kPayloadBytes - offset;
  std::uint8_t* out = blocks_[series.tail].payload + offset;

  BitBuffer bits(unfinished_bits == 0 ? std::uint8_t{0} : *out, unfinished_bits);
  XorState state{series.last_timestamp, series.last_value_bits, series.delta, series.leading,
                 series.trailing};
  encode_xor_sample(bits, state, series.sample_count, timestamp, value);
  if (room >= BitBuffer::kBytesMax) [[likely]] {
    bits.store(out);
  } else {
    std::uint8_t bytes[BitBuffer::kBytesMax];
    bits.store(bytes);
    const std::size_t first = std::min(room, bits.byte_count());
    std::memcpy(out, bytes, first);
    if (bits.byte_count() > first) {
      series.tail = blocks_.allocate(series.tail);
      std::memcpy(blocks_[series.tail].payload, bytes + first, bits.byte_count() - first);
    }
  }
  series.bit_count =
      static_cast<std::uint16_t>(series.bit_count + bits.bit_count() - unfinished_bits);
  ++series.sample_count;
  series.last_timestamp = timestamp;
  series.last_value_bits = state.value_bits;
  series.delta = state.delta;
  series.leading = state.leading;
  series.trailing = state.trailing;
  if (series.state.load(std::memory_order_relaxed) == SeriesState::kEmpty)
    series.state = SeriesState::kActive;
}

}  // namespace narthex::tsdb
