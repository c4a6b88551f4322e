// How full chunks of late samples go from memory to files, and how a start takes them over.
#include <algorithm>

#include "tsdb/head/head.h"

namespace narthex::tsdb {

namespace {

// Of one step: a batch of the files stays small.
constexpr std::size_t kSeriesPerStep = 4096;

}  // namespace

Head::FullLate Head::take_full_late() {
  FullLate out;
  const CommitSequence seen_by_all = isolation_.low_watermark();
  std::vector<SeriesId> ids;
  while (out.series_.empty() && !unfiled_late_.empty()) {
    ids.clear();
    while (!unfiled_late_.empty() && ids.size() < kSeriesPerStep) {
      ids.push_back(unfiled_late_.front());
      unfiled_late_.pop_front();
    }
    std::ranges::sort(ids);
    ids.erase(std::ranges::unique(ids).begin(), ids.end());
    for (const SeriesId id : ids) {
      if (find_series(id) == nullptr) continue;
      const SeriesExtra* extra = page_of(id).extra(id);
      if (extra == nullptr || !extra->late) continue;
      const auto chunks = extra->late->unfiled(seen_by_all);
      if (chunks.size() < extra->late->in_memory().chunks.size()) unfiled_late_later_.push_back(id);
      if (chunks.empty()) continue;
      out.series_.push_back(id);
      out.counts_.push_back(chunks.size());
      for (const LateChunkPtr& chunk : chunks) {
        out.files_.push_back({.series = id,
                              .min = chunk->min,
                              .max = chunk->max,
                              .encoding = chunk->encoding,
                              .late = true,
                              .payload = chunk->payload});
        out.late_.push_back(chunk);
      }
    }
  }
  return out;
}

void Head::late_filed(const FullLate& full, std::span<const FileChunkRef> refs,
                      const std::shared_ptr<const util::MappedFile>& file) {
  NX_CHECK(full.late_.size() == refs.size(), "{} chunks, {} references", full.late_.size(),
           refs.size());
  for (std::size_t k = 0; k < refs.size(); ++k) {
    const LateChunk& chunk = *full.late_[k];
    auto in_file = std::make_shared<LateChunk>();
    in_file->min = chunk.min;
    in_file->max = chunk.max;
    in_file->encoding = chunk.encoding;
    in_file->sample_count = chunk.sample_count;
    in_file->newest_commit = chunk.newest_commit;
    in_file->file = file;
    in_file->file_ref = refs[k];
    const auto id = static_cast<SeriesId>(full.files_[k].series);
    SeriesPage& page = page_of(id);
    const util::MutexLock lock(page.mutex);
    SeriesExtra* extra = page.extra(id);
    if (extra == nullptr || !extra->late) continue;
    extra_bytes_.fetch_sub(extra->late->memory_bytes(), std::memory_order_relaxed);
    extra->late->chunk_filed(full.late_[k], std::move(in_file));
    extra_bytes_.fetch_add(extra->late->memory_bytes(), std::memory_order_relaxed);
  }
}

void Head::give_back_late(const FullLate* failed) {
  if (failed != nullptr)
    unfiled_late_.insert(unfiled_late_.end(), failed->series_.begin(), failed->series_.end());
  unfiled_late_.insert(unfiled_late_.end(), unfiled_late_later_.begin(), unfiled_late_later_.end());
  unfiled_late_later_.clear();
}

util::Result<void> Head::unfiled_late(const FullLate& full, std::size_t index,
                                      storage::SampleColumns& out) const {
  const SeriesId id = full.series_[index];
  const SeriesExtra* extra = page_of(id).extra(id);
  if (extra == nullptr || !extra->late) return {};
  LateView view = extra->late->in_memory();
  const auto count = static_cast<std::ptrdiff_t>(full.counts_[index]);
  view.chunks.erase(view.chunks.begin(), view.chunks.begin() + count);
  return read_late(view, {}, kAnyCommit, out);
}

void Head::seal_late() {
  for (SeriesId number = 0; number <= next_series_id() >> SeriesPage::kBits; ++number) {
    SeriesPage* page = pages_.find(number);
    if (page == nullptr) continue;
    const util::MutexLock lock(page->mutex);
    for (auto& [place, extra] : page->extras) {
      if (!extra->late) continue;
      extra_bytes_.fetch_sub(extra->late->memory_bytes(), std::memory_order_relaxed);
      extra->late->seal();
      extra_bytes_.fetch_add(extra->late->memory_bytes(), std::memory_order_relaxed);
    }
  }
}

bool Head::replay_late_chunks(std::uint64_t ref, std::span<const LateChunkPtr> chunks) {
  if (find_series(ref) == nullptr || chunks.empty()) return false;
  const auto id = static_cast<SeriesId>(ref);
  SeriesPage& page = page_of(id);
  const util::MutexLock lock(page.mutex);
  SeriesExtra& extra = page.make_extra(id);
  if (extra.late) {
    extra_bytes_.fetch_sub(extra.late->memory_bytes(), std::memory_order_relaxed);
  } else {
    extra.late = std::make_unique<LateSamples>();
  }
  const auto taken = extra.late->take_filed(chunks);
  extra_bytes_.fetch_add(extra.late->memory_bytes(), std::memory_order_relaxed);
  if (!taken) return false;
  if (!extra.late->in_memory().chunks.empty()) unfiled_late_.push_back(id);
  for (const LateChunkPtr& chunk : chunks) {
    late_min_ = std::min(late_min_.load(), chunk->min);
    late_max_ = std::max(late_max_.load(), chunk->max);
  }
  return true;
}

}  // namespace narthex::tsdb
