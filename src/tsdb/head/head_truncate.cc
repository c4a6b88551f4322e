// How old samples leave the head, and the series that have no others.
//
// First nobody finds them any more, then, when every reader of that time has gone, their memory is
// used again.
#include <algorithm>

#include "tsdb/head/head.h"

namespace narthex::tsdb {

namespace {

// What one step looks at: long enough that a step's fixed cost does not matter, short enough that
// appends between two steps hardly wait.
constexpr SeriesId kPageSeries = SeriesPage::kSeries;
constexpr SeriesId kSeriesPerStep = 256 * kPageSeries;

}  // namespace

void Head::stop_appends_before(model::TimestampMs time) noexcept {
  if (time > min_valid_.load()) min_valid_ = time;
}

bool Head::truncate_step(Truncation& truncation) {
  reclaim();
  SeriesId ids_end = 0;
  {
    const util::MutexLock lock(create_mutex_);
    ids_end = next_id_;
  }
  if (truncation.next == 1) low_since_truncation_ = model::kTimestampMax;
  const SeriesId step_end =
      std::min(ids_end, truncation.next / kPageSeries * kPageSeries + kSeriesPerStep);
  const std::size_t removed_before = truncation.removed.size();
  Garbage garbage;
  while (truncation.next < step_end) {
    const SeriesId first = truncation.next;
    const SeriesId page_end = (first / kPageSeries + 1) * kPageSeries;
    truncation.next = std::min(page_end, step_end);
    SeriesPage* page = pages_.find(first >> SeriesPage::kBits);
    if (page != nullptr) truncate_page(*page, first, truncation.next, truncation, garbage);
  }
  remove_series(std::span(truncation.removed).subspan(removed_before), garbage);
  if (!garbage.chains.empty() || !garbage.sealed.empty() || !garbage.index.series.empty()) {
    garbage.free_at = isolation_.next_reader();
    garbage_.push_back(std::move(garbage));
  }
  if (truncation.next < ids_end) return true;
  finish_truncation(truncation);
  idle_end_ = ids_end;
  reclaim();
  return false;
}

void Head::truncate_page(SeriesPage& page, SeriesId first, SeriesId end, Truncation& truncation,
                         Garbage& garbage) {
  const util::MutexLock lock(page.mutex);
  for (SeriesId id = first; id < end; ++id) {
    HeadSeries& series = page.series[id & (SeriesPage::kSeries - 1)];
    const SeriesState state = series.state.load(std::memory_order_relaxed);
    if (state == SeriesState::kNone) continue;
    if (const SeriesExtra* extra = page.extra(id); extra != nullptr && extra->late)
      truncation.oldest_file = std::min(truncation.oldest_file, extra->late->oldest_file());
    // A new series without a sample: its writer may be about to bring one.
    if (state == SeriesState::kEmpty && id >= idle_end_) continue;
    if (const SeriesExtra* extra = page.extra(id);
        state == SeriesState::kEmpty && extra != nullptr && extra->late)
      continue;
    if (state == SeriesState::kActive && truncate_series(page, id, series, truncation, garbage))
      continue;
    truncation.removed.push_back(id);
  }
}

bool Head::truncate_series(SeriesPage& page, SeriesId id, HeadSeries& series,
                           Truncation& truncation, Garbage& garbage) {
  if (series.last_timestamp < truncation.before) {
    if (series.tail != kNoBlock) {
      garbage.chains.push_back(series.tail);
      counters_.chunks.fetch_sub(1, std::memory_order_relaxed);
      counters_.chunks_removed.fetch_add(1, std::memory_order_relaxed);
    }
    drop_extra(page, id);
    drop_sealed(series.sealed, garbage);
    series.tail = kNoBlock;
    series.sealed = kNoSealed;
    if (page.extra(id) == nullptr) return false;
    // It has late samples yet: from here on as if it were new.
    series.last_timestamp = model::kTimestampMin;
    series.bit_count = 0;
    series.sample_count = 0;
    series.state = SeriesState::kEmpty;
    return true;
  }
  // The newest chunk that goes, and the oldest that stays.
  SealedIndex kept = kNoSealed;
  SealedIndex gone = series.sealed;
  while (gone != kNoSealed && sealed_[gone].max >= truncation.before) {
    kept = gone;
    gone = sealed_[gone].previous.load();
  }
  if (gone != kNoSealed) {
    if (kept == kNoSealed) {
      series.sealed = kNoSealed;
    } else {
      sealed_[kept].previous = kNoSealed;
    }
    drop_sealed(gone, garbage);
  }
  if (kept != kNoSealed) {
    if (const ChunkPlace place = sealed_[kept].place.load(); place.is_in_file()) {
      truncation.oldest_file =
          std::min(truncation.oldest_file, static_cast<std::uint32_t>(place.file_ref() >> 32U));
    }
  }
  const model::TimestampMs oldest =
      kept != kNoSealed ? sealed_[kept].min : open_begin(page, id, series);
  truncation.oldest = std::min(truncation.oldest, oldest);
  return true;
}

void Head::drop_extra(SeriesPage& page, SeriesId id) {
  SeriesExtra* extra = page.extra(id);
  if (extra == nullptr) return;
  // Readers copy from it under the page's lock: nobody looks at it any more.
  if (extra->has_histograms()) {
    extra_bytes_.fetch_sub(extra->memory_bytes(), std::memory_order_relaxed);
    counters_.chunks.fetch_sub(1, std::memory_order_relaxed);
    counters_.chunks_removed.fetch_add(1, std::memory_order_relaxed);
    extra->histograms = std::monostate{};
  }
  if (extra->late) return;
  page.extras.erase(static_cast<std::uint8_t>(id & (SeriesPage::kSeries - 1)));
}

void Head::drop_sealed(SealedIndex newest, Garbage& garbage) {
  for (SealedIndex i = newest; i != kNoSealed; i = sealed_[i].previous.load()) {
    garbage.sealed.push_back(i);
    counters_.chunks.fetch_sub(1, std::memory_order_relaxed);
    counters_.chunks_removed.fetch_add(1, std::memory_order_relaxed);
  }
}

void Head::remove_series(std::span<const SeriesId> ids, Garbage& garbage) {
  if (ids.empty()) return;
  // Out of the index first: whoever asks for the labels then gets a new series, not a dead one.
  index_.remove(ids, garbage.index);
  for (const SeriesId id : ids) {
    SeriesPage& page = page_of(id);
    const util::MutexLock lock(page.mutex);
    HeadSeries& series = page.series[id & (SeriesPage::kSeries - 1)];
    series.state = SeriesState::kNone;
    series.last_timestamp = model::kTimestampMin;
    series.bit_count = 0;
    series.sample_count = 0;
  }
  counters_.series_removed.fetch_add(ids.size(), std::memory_order_relaxed);
  const util::MutexLock lock(create_mutex_);
  std::erase_if(unlogged_, [ids](SeriesId id) { return std::ranges::binary_search(ids, id); });
}

void Head::finish_truncation(const Truncation& truncation) {
  counters_.truncations.fetch_add(1, std::memory_order_relaxed);
  min_time_ = std::min(truncation.oldest, low_since_truncation_);
}

void Head::forget_deletions_before(model::TimestampMs time) {
  const auto before = deletions();
  if (before->empty()) return;
  auto left = std::make_shared<Tombstones>();
  for (const auto& [ref, ranges] : before->all()) {
    if (find_series(ref) == nullptr) continue;
    const auto id = static_cast<SeriesId>(ref);
    SeriesPage& page = page_of(id);
    const util::MutexLock lock(page.mutex);
    const SeriesExtra* extra = page.extra(id);
    const LateSamples* late = extra == nullptr ? nullptr : extra->late.get();
    for (const model::TimeRange& range : ranges) {
      if (range.max >= time || (late != nullptr && late->any_in(range, kAnyCommit)))
        left->add(ref, range);
    }
  }
  const util::MutexLock lock(deletions_mutex_);
  deletions_ = std::move(left);
}

void Head::reclaim() noexcept {
  while (!garbage_.empty() && isolation_.gone_before(garbage_.front().free_at)) {
    const Garbage& garbage = garbage_.front();
    for (const BlockIndex tail : garbage.chains) blocks_.free_chain(tail);
    for (const SealedIndex index : garbage.sealed) {
      SealedChunk& chunk = sealed_[index];
      if (const ChunkPlace place = chunk.place.load(); !place.is_in_file())
        blocks_.free_chain(place.tail());
      chunk.place = ChunkPlace();
      free_sealed_.push_back(index);
    }
    index_.reclaim(garbage.index);
    release_empty_pages(garbage.index.series);
    garbage_.pop_front();
  }
}

void Head::release_empty_pages(std::span<const SeriesId> gone) {
  const util::MutexLock lock(create_mutex_);
  SeriesId last_page = ~SeriesId{0};
  for (const SeriesId id : gone) {
    const SeriesId number = id >> SeriesPage::kBits;
    // The newest page is still being filled.
    if (number == last_page || number >= next_id_ >> SeriesPage::kBits) continue;
    last_page = number;
    SeriesPage* page = pages_.find(number);
    if (page == nullptr) continue;
    const bool empty = std::ranges::all_of(page->series, [](const HeadSeries& series) {
      return series.state.load() == SeriesState::kNone;
    });
    if (empty) pages_.release_page(number);
  }
}

}  // namespace narthex::tsdb
