// How series leave the index: first nobody finds them any more, later their memory goes back.
#include <algorithm>

#include "tsdb/index/label_index.h"

namespace narthex::tsdb {

void LabelIndex::remove(std::span<const SeriesId> sorted, Garbage& garbage) {
  if (sorted.empty()) return;
  std::vector<std::pair<PairId, SeriesId>> entries;
  std::vector<std::uint32_t> hashes;
  hashes.reserve(sorted.size());
  // Label sets do not change: what takes long is done before the lock.
  for (const SeriesId id : sorted) {
    const LabelSet set = labels_of(id);
    hashes.push_back(hash_of(labels(set)));
    garbage.series.push_back(id);
    garbage.sets.push_back(set);
    for (const PairId pair : set.pairs()) entries.emplace_back(pair, id);
  }
  std::ranges::sort(entries);
  const util::WriteLock lock(mutex_);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    series_ids_.erase(hashes[i], sorted[i]);
    sets_of_series_[sorted[i]] = LabelSet{};
  }
  const std::vector<PairId> unused = remove_postings(entries);
  unlist_pairs(unused);
  garbage.pairs.insert(garbage.pairs.end(), unused.begin(), unused.end());
}

std::vector<PairId> LabelIndex::remove_postings(
    std::span<const std::pair<PairId, SeriesId>> sorted) {
  std::vector<PairId> unused;
  std::vector<SeriesId> ids;
  for (std::size_t i = 0; i < sorted.size();) {
    const PairId pair = sorted[i].first;
    ids.clear();
    for (; i < sorted.size() && sorted[i].first == pair; ++i) ids.push_back(sorted[i].second);
    Postings& postings = pairs_[pair].postings;
    postings.remove(ids);
    if (postings.size() != 0) continue;
    postings_bytes_ -= postings.heap_bytes();
    postings = Postings();
    unused.push_back(pair);
  }
  return unused;
}

void LabelIndex::unlist_pairs(std::span<const PairId> sorted) {
  std::vector<NameId> names;
  for (const PairId pair : sorted) {
    const Pair& entry = pairs_[pair];
    pair_ids_.erase(hash_pair(entry.name, entry.value()), pair);
    symbol_bytes_ -= entry.value_bytes;
    names.push_back(entry.name);
  }
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  for (const NameId name : names) {
    std::erase_if(names_[name].pairs,
                  [sorted](PairId pair) { return std::ranges::binary_search(sorted, pair); });
  }
}

void LabelIndex::reclaim(const Garbage& garbage) {
  const util::WriteLock lock(mutex_);
  for (const LabelSet set : garbage.sets) {
    // The arena's own block: it was handed out as const.
    auto* block = const_cast<std::uint32_t*>(set.block());
    sets_.free(block, (set.pairs().size() + 1) * sizeof(std::uint32_t));
  }
  for (const PairId pair : garbage.pairs) {
    Pair& entry = pairs_[pair];
    if (entry.value_bytes != 0) symbols_.free(const_cast<char*>(entry.text), entry.value_bytes);
    entry.text = nullptr;
    entry.value_bytes = 0;
    free_pairs_.push_back(pair);
  }
  release_empty_pages(garbage.series);
}

void LabelIndex::release_empty_pages(std::span<const SeriesId> gone) {
  constexpr SeriesId kPage = decltype(sets_of_series_)::kPageElements;
  SeriesId last_page = ~SeriesId{0};
  for (const SeriesId id : gone) {
    const SeriesId page = id / kPage;
    // The newest page is still being filled.
    if (page == last_page || page >= series_end_ / kPage) continue;
    last_page = page;
    const LabelSet* sets = sets_of_series_.find(page * kPage);
    if (sets == nullptr) continue;
    if (std::all_of(sets, sets + kPage, [](LabelSet set) { return set.block() == nullptr; }))
      sets_of_series_.release_page(page * kPage);
  }
}

}  // namespace narthex::tsdb
