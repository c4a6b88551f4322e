#include "scrape/series_cache.h"

#include <algorithm>
#include <bit>

#include "narthex/util/random.h"

namespace narthex::scrape {
namespace {

// A target chooses its series and knows our hash; it does not know this number, so it cannot choose
// series that all meet in one slot.
std::uint64_t slot_seed() {
  static const std::uint64_t seed = util::os_entropy();
  return seed;
}

}  // namespace

// Where the hash is or would be. Precondition: there is a free slot.
std::size_t SeriesCache::slot_of(const util::Hash128& hash) const noexcept {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = util::mix64(hash.low, slot_seed()) & mask;
  while (slots_[slot] != kNone && entries_[slots_[slot]].hash != hash) slot = (slot + 1) & mask;
  return slot;
}

void SeriesCache::link(Index index) noexcept {
  if (last_ == kNone) {
    first_ = index;
  } else {
    entries_[last_].next = index;
  }
  last_ = index;
}

SeriesCache::Index SeriesCache::find_elsewhere(const util::Hash128& hash) noexcept {
  if (slots_.empty()) return kNone;
  const Index index = slots_[slot_of(hash)];
  if (index != kNone) link(index);
  return index;
}

SeriesCache::Index SeriesCache::add(const util::Hash128& hash) {
  if (4 * (entries_.size() + 1) > 3 * slots_.size())
    rebuild(slots_.empty() ? 64 : 2 * slots_.size());
  const auto index = static_cast<Index>(entries_.size());
  entries_.push_back({.hash = hash});
  slots_[slot_of(hash)] = index;
  link(index);
  return index;
}

void SeriesCache::rebuild(std::size_t slot_count) {
  slots_.assign(slot_count, kNone);
  for (std::size_t i = 0; i < entries_.size(); ++i)
    slots_[slot_of(entries_[i].hash)] = static_cast<Index>(i);
}

void SeriesCache::keep_only(std::uint32_t round) {
  std::vector<Index> moved(entries_.size(), kNone);
  std::vector<Entry> kept;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].round != round) continue;
    moved[i] = static_cast<Index>(kept.size());
    kept.push_back(entries_[i]);
  }
  for (Entry& entry : kept) {
    if (entry.next != kNone) entry.next = moved[entry.next];
  }
  if (first_ != kNone) first_ = moved[first_];
  last_ = kNone;
  entries_ = std::move(kept);
  entries_.shrink_to_fit();
  rebuild(std::bit_ceil(std::max<std::size_t>(64, entries_.size() * 4 / 3 + 2)));
}

void SeriesCache::clear() {
  *this = SeriesCache();
}

}  // namespace narthex::scrape
