// How samples get into a series' open chunk, and when a chunk is full.
#include <algorithm>
#include <bit>
#include <cstring>

#include "tsdb/head/chunk_end.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

namespace {

// Upstream's bound: 1 KiB minus what one more sample may add.
constexpr std::size_t kChunkBytesMax = 1024 - kXorSampleBytesMax;

// Chunks end when they are predicted to be full, from a quarter on.
constexpr double kQuarters = 4;

}  // namespace

model::TimestampMs Head::first_timestamp(BlockIndex tail) const noexcept {
  const BlockPool::Block& oldest = blocks_.oldest(tail);
  util::ByteReader reader(std::span<const std::uint8_t>(oldest.payload, util::kVarintBytesMax));
  return reader.varint();
}

bool Head::must_cut(HeadSeries& series, model::TimestampMs timestamp) const {
  if (series.sample_count == options_.samples_per_chunk / 4) [[unlikely]] {
    series.chunk_end = predict_end(first_timestamp(series.tail), series.last_timestamp,
                                   series.chunk_end, kQuarters);
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

model::TimestampMs Head::open_begin(const SeriesPage& page, SeriesId id,
                                    const HeadSeries& series) const {
  if (series.tail != kNoBlock) return first_timestamp(series.tail);
  const SeriesExtra* extra = page.extra(id);
  return extra != nullptr && extra->has_histograms() ? extra->first_time() : model::kTimestampMax;
}

SealedChunk& Head::new_sealed(SeriesId id, HeadSeries& series) {
  const SealedIndex index = allocate_sealed();
  SealedChunk& chunk = sealed_[index];
  if (options_.files != nullptr) unfiled_.push_back(id);
  chunk.max = series.last_timestamp;
  chunk.previous = series.sealed;
  chunk.sample_count = series.sample_count;
  series.sealed = index;
  return chunk;
}

void Head::seal_chunk(SeriesId id, HeadSeries& series) {
  SealedChunk& chunk = new_sealed(id, series);
  chunk.min = first_timestamp(series.tail);
  chunk.place = ChunkPlace::in_memory(series.tail, (series.bit_count + 7U) / 8U);
  chunk.encoding = ChunkEncoding::kXor;
  series.tail = kNoBlock;
}

void Head::append_sample(SeriesId id, HeadSeries& series, model::TimestampMs timestamp,
                         double value) {
  if (series.tail != kNoBlock && must_cut(series, timestamp)) seal_chunk(id, series);
  if (series.tail == kNoBlock) {
    SeriesExtra* extra = page_of(id).extra(id);
    if (extra != nullptr && extra->has_histograms()) seal_histograms(id, series, *extra);
    begin_chunk(series, timestamp);
  }

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
