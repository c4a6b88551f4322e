// How full chunks go from memory to files, and how a start takes them over from there.
#include <algorithm>
#include <array>
#include <bit>

#include "tsdb/block/chunk_samples.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

namespace {

// Of one step: what it holds twice meanwhile stays small.
constexpr std::size_t kSeriesPerStep = 4096;

bool is_known(std::uint8_t encoding) noexcept {
  return encoding == static_cast<std::uint8_t>(ChunkEncoding::kXor) ||
         encoding == static_cast<std::uint8_t>(ChunkEncoding::kHistogram) ||
         encoding == static_cast<std::uint8_t>(ChunkEncoding::kFloatHistogram);
}

}  // namespace

// ---- From memory to files.

Head::FullChunks Head::take_full_chunks() {
  FullChunks out;
  while (!unfiled_.empty() && out.series_.size() < kSeriesPerStep) {
    out.series_.push_back(unfiled_.front());
    unfiled_.pop_front();
  }
  if (out.series_.empty()) return out;
  std::ranges::sort(out.series_);
  out.series_.erase(std::ranges::unique(out.series_).begin(), out.series_.end());
  // Nothing that it names is used for something else meanwhile.
  out.reader_ = isolation_.begin_read(model::kTimestampMax);
  std::vector<std::size_t> ends;
  for (const SeriesId id : out.series_) {
    const HeadSeries* series = find_series(id);
    if (series == nullptr) continue;
    const std::size_t first = out.indices_.size();
    for (SealedIndex i = series->sealed; i != kNoSealed && !sealed_[i].place.load().is_in_file();
         i = sealed_[i].previous.load())
      out.indices_.push_back(i);
    // Oldest first, as every reader of the files wants them.
    std::ranges::reverse(out.indices_.begin() + static_cast<std::ptrdiff_t>(first),
                         out.indices_.end());
    for (std::size_t k = first; k < out.indices_.size(); ++k) {
      const SealedChunk& chunk = sealed_[out.indices_[k]];
      out.chunks_.push_back({.series = id,
                             .min = chunk.min,
                             .max = chunk.max,
                             .encoding = static_cast<std::uint8_t>(chunk.encoding),
                             .late = false,
                             .payload = {}});
      append_stored_chunk(out.bytes_, chunk);
      ends.push_back(out.bytes_.size());
    }
  }
  std::size_t begin = 0;
  for (std::size_t k = 0; k < ends.size(); ++k) {
    out.chunks_[k].payload = std::string_view(out.bytes_).substr(begin, ends[k] - begin);
    begin = ends[k];
  }
  return out;
}

void Head::append_stored_chunk(std::string& out, const SealedChunk& chunk) const {
  const ChunkPlace place = chunk.place.load();
  append_chain(out, place.tail(), place.byte_count(), chunk.sample_count);
}

void Head::append_chain(std::string& out, BlockIndex tail, std::size_t bytes,
                        std::uint16_t sample_count) const {
  const std::size_t begin = out.size();
  out.resize(begin + kChunkCountBytes + BlockPool::blocks_of(bytes) * BlockPool::kPayloadBytes);
  util::store_be(out.data() + begin, sample_count);
  blocks_.copy_chain(tail, bytes, out.data() + begin + kChunkCountBytes);
  out.resize(begin + kChunkCountBytes + bytes);
}

void Head::chunks_filed(const FullChunks& full, std::span<const FileChunkRef> refs) {
  NX_CHECK(full.indices_.size() == refs.size(), "{} chunks, {} references", full.indices_.size(),
           refs.size());
  Garbage garbage;
  for (std::size_t k = 0; k < refs.size(); ++k) {
    SealedChunk& chunk = sealed_[full.indices_[k]];
    const ChunkPlace place = chunk.place.load();
    if (place.is_in_file()) continue;
    // Truncation may have dropped it meanwhile: its memory is let go of here all the same.
    garbage.chains.push_back(place.tail());
    chunk.place = ChunkPlace::in_file(refs[k]);
  }
  if (garbage.chains.empty()) return;
  garbage.free_at = isolation_.next_reader();
  garbage_.push_back(std::move(garbage));
}

void Head::give_back(const FullChunks& full) {
  unfiled_.insert(unfiled_.begin(), full.series_.begin(), full.series_.end());
}

// ---- What is not in files, at shutdown.

SeriesId Head::next_series_id() {
  const util::MutexLock lock(create_mutex_);
  return next_id_;
}

util::Result<void> Head::visit_series(
    const std::function<util::Result<void>(SeriesId id, const OpenChunk* chunk)>& visit) {
  const SeriesId end = next_series_id();
  OpenChunk chunk;
  for (SeriesId id = 1; id < end; ++id) {
    const HeadSeries* series = find_series(id);
    if (series == nullptr) continue;
    const SeriesExtra* extra = page_of(id).extra(id);
    const bool histograms = extra != nullptr && extra->has_histograms();
    if (series->tail == kNoBlock && !histograms) {
      NX_TRY(visit(id, nullptr));
      continue;
    }
    chunk = {};
    chunk.max = series->last_timestamp;
    if (histograms) {
      chunk.min = extra->first_time();
      chunk.encoding = extra->encoding();
      chunk.bytes = extra->bytes();
      if (const auto* integers = std::get_if<SeriesExtra::IntChunk>(&extra->histograms))
        chunk.last_integer = &integers->last();
      if (const auto* floats = std::get_if<SeriesExtra::FloatChunk>(&extra->histograms))
        chunk.last_floating = &floats->last();
    } else {
      chunk.min = first_timestamp(series->tail);
      chunk.encoding = ChunkEncoding::kXor;
      append_chain(chunk.bytes, series->tail, (series->bit_count + 7U) / 8U, series->sample_count);
      chunk.last_value = std::bit_cast<double>(series->last_value_bits);
    }
    NX_TRY(visit(id, &chunk));
  }
  return {};
}

// ---- From files, at start.

SealedIndex Head::allocate_sealed() {
  if (free_sealed_.empty()) {
    sealed_.ensure(sealed_end_);
    return sealed_end_++;
  }
  const SealedIndex index = free_sealed_.back();
  free_sealed_.pop_back();
  return index;
}

void Head::free_sealed(SealedIndex index) {
  if (const ChunkPlace place = sealed_[index].place.load(); !place.is_in_file())
    blocks_.free_chain(place.tail());
  sealed_[index].place = ChunkPlace();
  free_sealed_.push_back(index);
}

void Head::replay_chunk(const FileChunk& chunk, FileChunkRef ref, bool after_damage) {
  // No new series may get the reference while files have chunks of it.
  reserve_id(chunk.series);
  if (chunk.late || chunk.max < min_valid_.load() || !is_known(chunk.encoding)) return;
  FoundChunks& found = found_[chunk.series];
  if (found.newest != kNoSealed && sealed_[found.newest].max >= chunk.min) {
    // Written twice by a failed attempt; or nonsense, and then what follows may leave a gap.
    const SealedChunk& newest = sealed_[found.newest];
    if (newest.min != chunk.min || newest.max != chunk.max) found.gap = true;
    return;
  }
  found.gap = found.gap || after_damage;
  const SealedIndex index = allocate_sealed();
  SealedChunk& sealed = sealed_[index];
  sealed.min = chunk.min;
  sealed.max = chunk.max;
  if (after_damage) {
    // Goes to a file again later, behind what the log has of its series before it.
    const std::string_view bytes = chunk.payload.substr(kChunkCountBytes);
    sealed.place =
        ChunkPlace::in_memory(blocks_.store_chain(bytes), static_cast<std::uint32_t>(bytes.size()));
  } else {
    sealed.place = ChunkPlace::in_file(ref);
  }
  sealed.previous = found.newest;
  sealed.sample_count =
      static_cast<std::uint16_t>(chunk_sample_count({chunk.encoding, chunk.payload}));
  sealed.encoding = static_cast<ChunkEncoding>(chunk.encoding);
  found.newest = index;
  if (!found.gap) found.newest_without_gap = index;
}

void Head::link_sealed(HeadSeries& series, SealedIndex index) {
  SealedChunk& chunk = sealed_[index];
  chunk.previous = series.sealed;
  series.sealed = index;
  series.last_timestamp = chunk.max;
  series.sample_count = 0;
  series.bit_count = 0;
  series.state = SeriesState::kActive;
  counters_.chunks.fetch_add(1, std::memory_order_relaxed);
  widen_time(std::max(chunk.min, min_valid_.load()), chunk.max);
}

void Head::take_found_chunks(std::uint64_t ref, SeriesId id, bool is_new) {
  const auto it = found_.find(ref);
  if (it == found_.end()) return;
  std::vector<SealedIndex> chunks;
  for (SealedIndex i = it->second.newest; i != kNoSealed; i = sealed_[i].previous.load())
    chunks.push_back(i);
  std::ranges::reverse(chunks);
  const SealedIndex whole_until = is_new ? it->second.newest_without_gap : kNoSealed;
  found_.erase(it);
  auto next = chunks.begin();
  if (whole_until != kNoSealed) {
    HeadSeries& series = *find_series(id);
    for (bool more = true; more; ++next) {
      more = *next != whole_until;
      link_sealed(series, *next);
    }
  }
  if (next == chunks.end()) return;
  auto& waiting = waiting_[id];
  waiting.insert(waiting.end(), next, chunks.end());
}

void Head::link_waiting(SeriesId id, HeadSeries& series,
                        model::TimestampMs until) NX_NO_THREAD_SAFETY_ANALYSIS {
  const auto it = waiting_.find(id);
  if (it == waiting_.end()) return;
  std::deque<SealedIndex>& chunks = it->second;
  while (!chunks.empty() && sealed_[chunks.front()].min <= until) {
    const SealedIndex index = chunks.front();
    chunks.pop_front();
    if (series.state.load(std::memory_order_relaxed) != SeriesState::kEmpty &&
        sealed_[index].min <= series.last_timestamp) {
      free_sealed(index);  // The log had it already.
      continue;
    }
    if (series.tail != kNoBlock) seal_chunk(id, series);
    if (SeriesExtra* extra = page_of(id).extra(id); extra != nullptr && extra->has_histograms())
      seal_histograms(id, series, *extra);
    link_sealed(series, index);
    if (!sealed_[index].place.load().is_in_file()) unfiled_.push_back(id);
  }
  if (chunks.empty()) waiting_.erase(it);
}

void Head::finish_replay() NX_NO_THREAD_SAFETY_ANALYSIS {
  while (!waiting_.empty()) {
    const SeriesId id = waiting_.begin()->first;
    link_waiting(id, *find_series(id), model::kTimestampMax);
  }
  // Of series that nobody knows any more.
  for (const auto& [ref, found] : found_) {
    for (SealedIndex i = found.newest; i != kNoSealed; i = sealed_[i].previous.load())
      free_sealed(i);
  }
  found_ = {};
  for (SeriesId number = 0; number <= next_id_ >> SeriesPage::kBits; ++number) {
    SeriesPage* page = pages_.find(number);
    if (page == nullptr) continue;
    for (HeadSeries& series : page->series) {
      if (series.state.load() == SeriesState::kActive && series.tail == kNoBlock &&
          series.sealed != kNoSealed)
        recall_last_value(series);
    }
  }
}

// A series whose newest sample is in a file: a repeated sample is told from a different one by it.
void Head::recall_last_value(HeadSeries& series) const {
  const SealedChunk& newest = sealed_[series.sealed];
  if (newest.encoding != ChunkEncoding::kXor || newest.max != series.last_timestamp) return;
  SealedBytes bytes;
  const auto stored = load_sealed(newest, bytes);
  storage::SampleColumns samples;
  if (!stored || !append_chunk_samples(*stored, samples) || samples.float_values.empty()) return;
  series.last_value_bits = std::bit_cast<std::uint64_t>(samples.float_values.back());
}

util::Result<StoredChunk> Head::load_sealed(const SealedChunk& chunk, SealedBytes& bytes) const {
  const ChunkPlace place = chunk.place.load();
  if (place.is_in_file()) {
    NX_ASSIGN(bytes.in_file, options_.files->read(place.file_ref()));
    return StoredChunk{bytes.in_file.encoding, bytes.in_file.payload};
  }
  const std::size_t count = place.byte_count();
  const std::size_t room =
      kChunkCountBytes + BlockPool::blocks_of(count) * BlockPool::kPayloadBytes;
  char* to = bytes.usual.data();
  if (room > bytes.usual.size()) {
    bytes.large.resize(room);
    to = bytes.large.data();
  }
  util::store_be(to, chunk.sample_count);
  blocks_.copy_chain(place.tail(), count, to + kChunkCountBytes);
  return StoredChunk{static_cast<std::uint8_t>(chunk.encoding), {to, kChunkCountBytes + count}};
}

util::Result<std::string> Head::sealed_bytes(const SealedChunk& chunk) const {
  const ChunkPlace place = chunk.place.load();
  if (place.is_in_file()) {
    NX_ASSIGN(const auto found, options_.files->read(place.file_ref()));
    return std::string(found.payload);
  }
  std::string out;
  append_stored_chunk(out, chunk);
  return out;
}

}  // namespace narthex::tsdb
