// What a target exposed before: from the text of a series to its reference in storage, without
// keeping any text.
//
// Targets repeat themselves, so every entry remembers which one followed it: walking the same body
// again finds each series by one comparison of hashes, and the table is asked only where the order
// has changed. 32 bytes an entry and 4 to 11 in the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "narthex/storage/appender.h"
#include "narthex/util/hash.h"

namespace narthex::scrape {

// Threads: confined.
class SeriesCache {
 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = 0xffffffffU;
  static constexpr std::uint32_t kRoundMask = (1U << 24U) - 1;

  struct Entry {
    util::Hash128 hash;  // Of the series' text.
    storage::SeriesRef ref = storage::kNoSeries;
    Index next = kNone;             // What came after it the last time.
    std::uint32_t round : 24 = 0;   // When it was seen last; counts on and wraps.
    std::uint32_t tracked : 1 = 0;  // Gets a stale marker when it is gone.
    std::uint32_t dropped : 1 = 0;  // metric_relabel_configs dropped it; there is no reference.
    std::uint32_t joined : 1 = 0;   // Was not there in the round before the last that saw it.
    std::uint32_t resolve : 1 = 0;  // The reference must be asked for again before it is used.
    std::uint32_t refused : 1 = 0;  // Storage would not take it; offered again only now and then.
  };

  // The entry of this hash, or kNone. Moves along: the next call expects the successor.
  [[nodiscard]] Index find(const util::Hash128& hash) noexcept {
    const Index expected = last_ == kNone ? first_ : entries_[last_].next;
    if (expected < entries_.size() && entries_[expected].hash == hash) [[likely]] {
      last_ = expected;
      return expected;
    }
    return find_elsewhere(hash);
  }
  // Precondition: find() just gave kNone for this hash. The reference stays valid until the next
  // add().
  Index add(const util::Hash128& hash);
  // The next find() starts at the front again.
  void rewind() noexcept { last_ = kNone; }

  [[nodiscard]] Entry& operator[](Index index) noexcept { return entries_[index]; }
  [[nodiscard]] std::vector<Entry>& entries() noexcept { return entries_; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return entries_.capacity() * sizeof(Entry) + slots_.capacity() * sizeof(Index);
  }
  // Forgets every entry that was not seen in `round`.
  void keep_only(std::uint32_t round);
  void clear();

 private:
  [[nodiscard]] Index find_elsewhere(const util::Hash128& hash) noexcept;
  void link(Index index) noexcept;
  void rebuild(std::size_t slot_count);
  [[nodiscard]] std::size_t slot_of(const util::Hash128& hash) const noexcept;

  std::vector<Entry> entries_;
  std::vector<Index>
      slots_;  // Open addressing; a power of two, or empty; at most three quarters full.
  Index first_ = kNone;
  Index last_ = kNone;
};

static_assert(sizeof(SeriesCache::Entry) == 32);

}  // namespace narthex::scrape
