// The decoded samples of sealed chunks that queries read more than once: dashboards ask the same
// again and again, and decoding is the larger part of many a query.
//
// A chunk is taken in when it is offered for the second time in a while, so that a query over
// everything does not wash out what is in use. Beyond the limit some of those come in, and the ones
// go that were not asked for since the hand last came by (the clock algorithm). Chunks that are
// gone are not told to it: their keys never come again, and they leave in their turn.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/util/mutex.h"

#include "tsdb/chunk/packed_samples.h"

namespace narthex::tsdb {

// Names a chunk whose content never changes. Sources (a block's chunk files, a head) are numbered
// by next_source; `place` and `time` tell the chunks of one source apart.
struct ChunkKey {
  std::uint64_t source = 0;
  std::uint64_t place = 0;
  model::TimestampMs time = 0;
  friend bool operator==(const ChunkKey&, const ChunkKey&) = default;
};

// Threads: synchronized.
class SampleCache {
 public:
  // 0: keeps nothing.
  explicit SampleCache(std::size_t limit_bytes);
  ~SampleCache();
  SampleCache(const SampleCache&) = delete;
  SampleCache& operator=(const SampleCache&) = delete;

  // Never the same twice in a process.
  [[nodiscard]] static std::uint64_t next_source() noexcept;

  // Appends the chunk's samples, or returns false.
  [[nodiscard]] bool read(const ChunkKey& key, FloatColumns out);
  // What the chunk holds, after a read that found nothing.
  void offer(const ChunkKey& key, std::span<const model::TimestampMs> times,
             std::span<const double> values);

  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] std::uint64_t hits() const noexcept { return hits_; }
  [[nodiscard]] std::uint64_t misses() const noexcept { return misses_; }

 private:
  struct KeyHash {
    std::size_t operator()(const ChunkKey& key) const noexcept;
  };
  struct Slot {
    ChunkKey key;
    PackedSamples samples;
    bool used = false;  // Since the hand came by.
    bool taken = false;
  };
  // Keys are spread over shards by their hash.
  struct Shard {
    util::Mutex mutex;
    boost::unordered_flat_map<ChunkKey, std::uint32_t, KeyHash> slot_of NX_GUARDED_BY(mutex);
    std::vector<Slot> slots NX_GUARDED_BY(mutex);
    std::vector<std::uint32_t> free NX_GUARDED_BY(mutex);
    std::size_t hand NX_GUARDED_BY(mutex) = 0;
    std::size_t bytes NX_GUARDED_BY(mutex) = 0;
    bool is_full NX_GUARDED_BY(mutex) =
        false;  // Something had to go once; chunks stay about as large.
    // A part of the hashes of what was offered once.
    std::vector<std::uint32_t> offered NX_GUARDED_BY(mutex);
    std::minstd_rand dice NX_GUARDED_BY(mutex);
  };
  static constexpr std::size_t kShards = 32;

  [[nodiscard]] Shard& shard_of(std::size_t hash) noexcept { return shards_[hash % kShards]; }
  void make_room(Shard& shard, std::size_t bytes) NX_REQUIRES(shard.mutex);
  void drop(Shard& shard, std::size_t index) NX_REQUIRES(shard.mutex);

  const std::size_t shard_limit_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::size_t> size_bytes_{0};
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> misses_{0};
};

}  // namespace narthex::tsdb
