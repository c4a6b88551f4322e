// What the head keeps of one series: the state that an append touches (one cache line), and its
// chunks.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/model/timestamp.h"
#include "narthex/util/mutex.h"

#include "tsdb/chunk/xor_chunk.h"
#include "tsdb/head/block_pool.h"
#include "tsdb/head/series_extra.h"
#include "tsdb/index/ids.h"

namespace narthex::tsdb {

using SealedIndex = std::uint32_t;
inline constexpr SealedIndex kNoSealed = 0;

// Where the payload of a complete chunk is: a chain of blocks in memory, or an entry of a file.
class ChunkPlace {
 public:
  ChunkPlace() = default;
  // `byte_count`: of the payload, without the sample count in front of it.
  [[nodiscard]] static ChunkPlace in_memory(BlockIndex tail, std::uint32_t byte_count) noexcept {
    return ChunkPlace((std::uint64_t{byte_count} << 32U) | tail);
  }
  [[nodiscard]] static ChunkPlace in_file(std::uint64_t ref) noexcept {
    return ChunkPlace(ref | kFileBit);
  }
  [[nodiscard]] bool is_in_file() const noexcept { return (bits_ & kFileBit) != 0; }
  // Precondition: is_in_file().
  [[nodiscard]] std::uint64_t file_ref() const noexcept { return bits_ & ~kFileBit; }
  // Precondition of both: !is_in_file().
  [[nodiscard]] BlockIndex tail() const noexcept { return static_cast<BlockIndex>(bits_); }
  [[nodiscard]] std::uint32_t byte_count() const noexcept {
    return static_cast<std::uint32_t>(bits_ >> 32U);
  }

 private:
  // Numbers of files are below 2^31, and no chunk has so many bytes.
  static constexpr std::uint64_t kFileBit = std::uint64_t{1} << 63U;
  explicit ChunkPlace(std::uint64_t bits) noexcept : bits_(bits) {}
  std::uint64_t bits_ = 0;
};

// A chunk that is complete. Immutable, but for `previous`, which truncation cuts, and `place`,
// which changes once, from memory to a file: the samples are the same in either, and the memory
// stays as long as somebody may be reading it.
struct SealedChunk {
  model::TimestampMs min = 0;
  model::TimestampMs max = 0;
  std::atomic<ChunkPlace> place;
  std::atomic<SealedIndex> previous = kNoSealed;  // The series' next older chunk.
  std::uint16_t sample_count = 0;
  ChunkEncoding encoding = ChunkEncoding::kNone;
};
static_assert(sizeof(SealedChunk) == 32);

enum class SeriesState : std::uint8_t {
  kNone,   // No such series.
  kEmpty,  // Created, no sample yet.
  kActive,
};

// Guarded by its page's mutex, with two exceptions: the committing thread (there is one at a time)
// is the only writer and may read without it; `state` and `in_batch` say themselves.
struct alignas(64) HeadSeries {
  model::TimestampMs last_timestamp = model::kTimestampMin;
  std::uint64_t last_value_bits = 0;
  std::uint64_t delta = 0;
  model::TimestampMs chunk_end = 0;  // A sample at or after this starts a new chunk.
  // The newest timestamp before the last commit that touched the series: what a reader who must not
  // see that commit cuts at.
  model::TimestampMs cutoff = model::kTimestampMin;
  CommitSequence commit = 0;
  BlockIndex tail = kNoBlock;
  SealedIndex sealed = kNoSealed;  // Newest complete chunk.
  std::uint16_t bit_count =
      0;  // Of the open chunk's payload (without the sample count that goes in front of it).
  std::uint16_t sample_count = 0;  // Of the open chunk.
  std::uint8_t leading = XorState::kNoWindow;
  std::uint8_t trailing = 0;
  std::uint8_t in_batch = 0;  // The committing thread's own mark.
  std::atomic<SeriesState> state = SeriesState::kNone;
};
static_assert(sizeof(HeadSeries) == 64);

// Neighbours share a lock, because a batch comes in order of ids: one lock for up to 256 appends.
// Readers hold it for the copy of one open chunk.
struct SeriesPage {
  static constexpr unsigned kBits = 8;
  static constexpr std::size_t kSeries = std::size_t{1} << kBits;
  util::Mutex mutex;
  std::array<HeadSeries, kSeries> series;
  // By the series' place in the page; few have one. Guarded as HeadSeries is.
  boost::unordered_flat_map<std::uint8_t, std::unique_ptr<SeriesExtra>> extras;

  // Null when there is none.
  [[nodiscard]] SeriesExtra* extra(SeriesId id) const noexcept {
    if (extras.empty()) [[likely]]
      return nullptr;
    const auto it = extras.find(static_cast<std::uint8_t>(id & (kSeries - 1)));
    return it == extras.end() ? nullptr : it->second.get();
  }
  SeriesExtra& make_extra(SeriesId id) {
    auto& slot = extras[static_cast<std::uint8_t>(id & (kSeries - 1))];
    if (!slot) slot = std::make_unique<SeriesExtra>();
    return *slot;
  }
};

}  // namespace narthex::tsdb
