#include "tsdb/chunk/sample_cache.h"

#include <utility>

namespace narthex::tsdb {
namespace {

// How many chunks offered once a shard remembers: some times as many as it holds, but small beside
// them.
constexpr std::size_t kOfferedPerShard = 1U << 13U;
// Once it is full, one of so many takes another's place. When more is asked for in turn than there
// is room for, those that stay are found again; if all came in, each would push out the one that is
// asked for next.
constexpr unsigned kTakenOfOnesMissed = 4;
// What a slot and its entry in the map cost beside the samples.
constexpr std::size_t kEntryBytes = 48;

// SplitMix64's finisher.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

}  // namespace

std::size_t SampleCache::KeyHash::operator()(const ChunkKey& key) const noexcept {
  return mix(mix(key.source * 0x9e3779b97f4a7c15U + key.place) +
             static_cast<std::uint64_t>(key.time));
}

SampleCache::SampleCache(std::size_t limit_bytes) : shard_limit_(limit_bytes / kShards) {}
SampleCache::~SampleCache() = default;

std::uint64_t SampleCache::next_source() noexcept {
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

bool SampleCache::read(const ChunkKey& key, FloatColumns out) {
  if (shard_limit_ == 0) return false;
  Shard& shard = shard_of(KeyHash{}(key));
  {
    const util::MutexLock lock(shard.mutex);
    if (const auto it = shard.slot_of.find(key); it != shard.slot_of.end()) {
      Slot& slot = shard.slots[it->second];
      slot.used = true;
      slot.samples.append_to(out);
      hits_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
  }
  misses_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void SampleCache::offer(const ChunkKey& key, std::span<const model::TimestampMs> times,
                        std::span<const double> values) {
  if (shard_limit_ == 0 || times.empty()) return;
  const std::size_t hash = KeyHash{}(key);
  Shard& shard = shard_of(hash);
  {
    const util::MutexLock lock(shard.mutex);
    if (shard.offered.empty()) shard.offered.resize(kOfferedPerShard);
    // Zero is as good a mark as any other: at worst one chunk comes in at once.
    std::uint32_t& mark = shard.offered[(hash / kShards) % kOfferedPerShard];
    const auto own_mark = static_cast<std::uint32_t>(hash >> 32U);
    if (mark != own_mark) {
      // Chance decides who stays, or two that come in turn would keep each other out for ever.
      if (mark == 0 || shard.dice() % 2 == 0) mark = own_mark;
      return;
    }
    if (shard.is_full && shard.dice() % kTakenOfOnesMissed != 0) return;
  }
  PackedSamples packed = PackedSamples::pack(times, values);
  const std::size_t bytes = packed.size_bytes() + kEntryBytes;
  if (bytes > shard_limit_) return;

  const util::MutexLock lock(shard.mutex);
  if (shard.slot_of.contains(key)) return;  // Another thread was faster.
  make_room(shard, bytes);
  if (shard.free.empty()) {
    shard.free.push_back(static_cast<std::uint32_t>(shard.slots.size()));
    shard.slots.emplace_back();
  }
  const std::uint32_t index = shard.free.back();
  shard.free.pop_back();
  shard.slots[index] = {.key = key, .samples = std::move(packed), .used = false, .taken = true};
  shard.slot_of.emplace(key, index);
  shard.bytes += bytes;
  size_bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void SampleCache::make_room(Shard& shard, std::size_t bytes) {
  while (shard.bytes + bytes > shard_limit_) {
    shard.is_full = true;
    if (shard.hand >= shard.slots.size()) shard.hand = 0;
    Slot& slot = shard.slots[shard.hand];
    if (slot.taken && !std::exchange(slot.used, false)) drop(shard, shard.hand);
    ++shard.hand;
  }
}

void SampleCache::drop(Shard& shard, std::size_t index) {
  Slot& slot = shard.slots[index];
  const std::size_t bytes = slot.samples.size_bytes() + kEntryBytes;
  shard.slot_of.erase(slot.key);
  slot = {};
  shard.free.push_back(static_cast<std::uint32_t>(index));
  shard.bytes -= bytes;
  size_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

}  // namespace narthex::tsdb
