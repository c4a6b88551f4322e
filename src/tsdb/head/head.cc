#include "tsdb/head/head.h"

#include <algorithm>
#include <bit>

#include "narthex/model/stale.h"
#include "narthex/util/utf8.h"

namespace narthex::tsdb {

using storage::AppendOutcome;
using storage::EnsureOutcome;

namespace {

// New series are added to the index in slices, so that selects get in between.
constexpr std::size_t kCreateSlice = 256;

bool is_histogram(const SeriesPage& page, std::uint64_t ref) noexcept {
  const SeriesExtra* extra = page.extra(static_cast<SeriesId>(ref));
  return extra != nullptr && extra->has_histograms();
}

bool acceptable(const model::Labels& labels) {
  if (labels.empty()) return false;
  return std::ranges::all_of(labels, [](const model::LabelView& label) {
    return util::is_valid_utf8(label.name) && util::is_valid_utf8(label.value);
  });
}

}  // namespace

HeadSeries* Head::find_series(std::uint64_t ref) const noexcept {
  if (ref == kNoSeriesId || ref > kSeriesIdMax) return nullptr;
  const auto id = static_cast<SeriesId>(ref);
  SeriesPage* page = pages_.find(id >> SeriesPage::kBits);
  if (page == nullptr) return nullptr;
  HeadSeries& series = page->series[id & (SeriesPage::kSeries - 1)];
  return series.state.load() == SeriesState::kNone ? nullptr : &series;
}

HeadSeries& Head::activate(SeriesId id) {
  HeadSeries& series =
      pages_.ensure(id >> SeriesPage::kBits).series[id & (SeriesPage::kSeries - 1)];
  series.state = SeriesState::kEmpty;
  return series;
}

util::Result<void> Head::ensure_series(std::span<const model::Labels> series,
                                       std::span<storage::EnsuredSeries> out) {
  NX_CHECK(series.size() == out.size(), "{} series, {} results", series.size(), out.size());
  std::vector<std::uint32_t> hashes(series.size());
  std::ranges::transform(series, hashes.begin(), LabelIndex::hash_of);
  std::vector<SeriesId> known(series.size());
  index_.find(series, hashes, known);
  bool missing = false;
  for (std::size_t i = 0; i < series.size(); ++i) {
    out[i] = {known[i], EnsureOutcome::kExisting};
    if (known[i] != kNoSeriesId) continue;
    if (acceptable(series[i])) {
      missing = true;
    } else {
      out[i].outcome = EnsureOutcome::kRefusedLabels;
    }
  }
  if (!missing) return {};
  const util::MutexLock lock(create_mutex_);
  for (std::size_t begin = 0; begin < series.size(); begin += kCreateSlice) {
    const std::size_t count = std::min(kCreateSlice, series.size() - begin);
    add_missing(series.subspan(begin, count), std::span(hashes).subspan(begin, count),
                out.subspan(begin, count));
  }
  return {};
}

void Head::add_missing(std::span<const model::Labels> series, std::span<const std::uint32_t> hashes,
                       std::span<storage::EnsuredSeries> out) {
  const auto is_missing = [](const storage::EnsuredSeries& one) {
    return one.ref == storage::kNoSeries && one.outcome != EnsureOutcome::kRefusedLabels;
  };
  if (std::ranges::none_of(out, is_missing)) return;
  // Before the index is locked, which the budget may look into.
  const bool is_full = options_.memory != nullptr && options_.memory->is_spent();
  std::optional<LabelIndex::Writer> writer;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (!is_missing(out[i])) continue;
    if (is_full || next_id_ > kSeriesIdMax) {
      out[i].outcome = EnsureOutcome::kRefusedLimit;
      counters_.series_refused.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    // The series must be there before the index tells anyone its id.
    const SeriesId id = next_id_;
    activate(id);
    if (!writer) writer.emplace(index_);
    const SeriesId found = writer->find_or_add(series[i], hashes[i], id);
    out[i] = {found, found == id ? EnsureOutcome::kCreated : EnsureOutcome::kExisting};
    if (found != id) {
      // Somebody else was faster, or the labels stand twice in the list. The id stays free.
      find_series(id)->state = SeriesState::kNone;
      continue;
    }
    ++next_id_;
    unlogged_.push_back(id);
    counters_.series_created.fetch_add(1, std::memory_order_relaxed);
  }
}

std::vector<SeriesId> Head::take_unlogged() {
  const util::MutexLock lock(create_mutex_);
  return std::exchange(unlogged_, {});
}

void Head::give_back_unlogged(std::vector<SeriesId> ids) {
  const util::MutexLock lock(create_mutex_);
  ids.insert(ids.end(), unlogged_.begin(), unlogged_.end());
  unlogged_ = std::move(ids);
}

model::TimestampMs Head::min_valid_time() const noexcept {
  const model::TimestampMs newest = max_time_.load();
  if (newest == model::kTimestampMin) return min_valid_.load();
  return std::max(min_valid_.load(), model::sub_saturated(newest, options_.chunk_range_ms / 2));
}

Head::Limits Head::limits() const noexcept {
  const std::int64_t window = late_window_ms_.load();
  return {
      .min_valid = min_valid_time(),
      .takes_late = window > 0,
      // A head that is empty beside blocks goes on where they end.
      .late_begin = model::sub_saturated(std::max(max_time_.load(), min_valid_.load()), window)};
}

Head::Verdict Head::behind(model::TimestampMs timestamp, const Limits& limits) noexcept {
  if (limits.takes_late) {
    if (timestamp >= limits.late_begin) return {AppendOutcome::kOk, true};
    return {AppendOutcome::kTooOld, false};
  }
  return {timestamp < limits.min_valid ? AppendOutcome::kOutOfBounds : AppendOutcome::kOutOfOrder,
          false};
}

Head::Verdict Head::check_sample(const LastSample& last, SeriesState state,
                                 model::TimestampMs timestamp, std::uint64_t value_bits,
                                 const Limits& limits) noexcept {
  if (timestamp >= limits.min_valid) [[likely]] {
    if (state == SeriesState::kEmpty || timestamp > last.timestamp) return {};
    if (timestamp == last.timestamp) {
      return {value_bits == last.value_bits ? AppendOutcome::kOk : AppendOutcome::kDuplicate,
              false};
    }
  }
  return behind(timestamp, limits);
}

void Head::count_refusal(AppendOutcome outcome) noexcept {
  std::atomic<std::uint64_t>* counter = nullptr;
  if (outcome == AppendOutcome::kOutOfOrder) counter = &counters_.out_of_order;
  if (outcome == AppendOutcome::kOutOfBounds) counter = &counters_.out_of_bounds;
  if (outcome == AppendOutcome::kTooOld) counter = &counters_.too_old;
  if (outcome == AppendOutcome::kUnknownSeries) counter = &counters_.series_not_found;
  if (counter != nullptr) counter->fetch_add(1, std::memory_order_relaxed);
}

void Head::validate(const storage::WriteBatch& batch, storage::Atomicity atomicity,
                    PreparedBatch& prepared, storage::AppendReport& report) {
  constexpr std::size_t kAhead = 12;
  const std::size_t count = batch.float_count();
  const Limits bounds = limits();
  prepared.series.assign(count, nullptr);
  prepared.stored_count = 0;
  prepared.refused = false;
  prepared.histograms.clear();
  prepared.owned.clear();
  prepared.late_refs.clear();
  prepared.late_timestamps.clear();
  prepared.late_values.clear();
  prepared.late_histograms.clear();
  // Pending samples refer to its elements: at most one each.
  prepared.histograms.reserve(count + batch.histograms.size());
  pending_.clear();
  pending_known_ = false;
  storage::SeriesRef previous_ref = storage::kNoSeries;
  LastSample previous{};

  for (std::size_t i = 0; i < count; ++i) {
    if (i + kAhead < count) {
      if (const HeadSeries* ahead = find_series(batch.refs[i + kAhead]))
        __builtin_prefetch(ahead, 1);
    }
    const storage::SeriesRef ref = batch.refs[i];
    const auto bits = std::bit_cast<std::uint64_t>(batch.values[i]);
    HeadSeries* series = find_series(ref);
    AppendOutcome outcome = AppendOutcome::kUnknownSeries;
    LastSample last{};
    bool after_histogram = false;
    if (series != nullptr) {
      SeriesState state = series->state.load(std::memory_order_relaxed);
      last = {series->last_timestamp, series->last_value_bits};
      if (series->in_batch != 0) {
        // An earlier sample of the batch is the newest one then.
        state = SeriesState::kActive;
        if (ref == previous_ref) {
          last = previous;
        } else {
          if (!pending_known_) know_pending(batch, prepared, i);
          last = pending_.at(ref);
        }
      }
      // A batch may name a sample twice: the first is kept, as upstream does.
      if (series->in_batch != 0 && batch.timestamps[i] == last.timestamp) continue;
      after_histogram =
          last.histogram != nullptr ||
          (series->in_batch == 0 && is_histogram(page_of(static_cast<SeriesId>(ref)), ref));
      const Verdict verdict = check_sample(last, state, batch.timestamps[i], bits, bounds);
      if (verdict.late) {
        prepared.late_refs.push_back(ref);
        prepared.late_timestamps.push_back(batch.timestamps[i]);
        prepared.late_values.push_back(batch.values[i]);
        continue;
      }
      outcome = verdict.outcome;
      // The very sample that is there already: fine, and nothing to store.
      if (outcome == AppendOutcome::kOk && state == SeriesState::kActive &&
          batch.timestamps[i] == last.timestamp) {
        if (!after_histogram) continue;
        outcome = AppendOutcome::kDuplicate;
      }
      if (outcome == AppendOutcome::kOk && after_histogram && bits == model::kStaleNanBits) {
        if (!pending_known_) know_pending(batch, prepared, i);
        prepare_stale_marker(batch, i, *series, prepared);
        previous_ref = storage::kNoSeries;
        continue;
      }
      if (outcome == AppendOutcome::kOk && last.histogram != nullptr)
        take_back_markers(last.histogram, prepared);
    }
    if (outcome != AppendOutcome::kOk) {
      report.floats.push_back(
          {i, outcome, after_histogram, std::bit_cast<double>(last.value_bits)});
      count_refusal(outcome);
      continue;
    }
    prepared.series[i] = series;
    ++prepared.stored_count;
    series->in_batch = 1;
    previous_ref = ref;
    previous = {batch.timestamps[i], bits};
    if (pending_known_) pending_[ref] = previous;
  }
  if (!batch.histograms.empty()) validate_histograms(batch, prepared, report);
  std::erase_if(prepared.histograms, &PreparedHistogram::taken_back);
  if (atomicity == storage::Atomicity::kAllOrNothing &&
      (!report.floats.empty() || !report.histograms.empty()))
    prepared.refused = true;
}

void Head::discard(const PreparedBatch& prepared) noexcept {
  for (HeadSeries* series : prepared.series) {
    if (series != nullptr) series->in_batch = 0;
  }
  for (const PreparedHistogram& one : prepared.histograms) one.series->in_batch = 0;
}

void Head::apply(const storage::WriteBatch& batch, const PreparedBatch& prepared) {
  constexpr std::size_t kAhead = 6;
  if (!garbage_.empty()) [[unlikely]]
    reclaim();
  const std::size_t count = prepared.series.size();
  const CommitSequence commit = isolation_.begin_commit();
  model::TimestampMs low = model::kTimestampMax;
  model::TimestampMs high = model::kTimestampMin;
  for (std::size_t i = 0; i < count;) {
    if (prepared.series[i] == nullptr) {
      ++i;
      continue;
    }
    const storage::SeriesRef page_number = batch.refs[i] >> SeriesPage::kBits;
    SeriesPage& page = page_of(static_cast<SeriesId>(batch.refs[i]));
    const util::MutexLock lock(page.mutex);
    for (; i < count && batch.refs[i] >> SeriesPage::kBits == page_number; ++i) {
      if (i + kAhead < count) {
        const HeadSeries* ahead = prepared.series[i + kAhead];
        if (ahead != nullptr && ahead->tail != kNoBlock)
          __builtin_prefetch(&blocks_[ahead->tail], 1);
      }
      HeadSeries* series = prepared.series[i];
      if (series == nullptr) continue;
      series->in_batch = 0;
      isolation_.touch(static_cast<SeriesId>(batch.refs[i]), *series, commit);
      append_sample(static_cast<SeriesId>(batch.refs[i]), *series, batch.timestamps[i],
                    batch.values[i]);
      low = std::min(low, batch.timestamps[i]);
      high = std::max(high, batch.timestamps[i]);
    }
  }
  if (prepared.stored_count != 0) widen_time(low, high);
  if (!prepared.histograms.empty()) apply_histograms(prepared, commit);
  if (prepared.any_late()) apply_late(prepared, commit);
  counters_.samples_appended.fetch_add(prepared.stored_count, std::memory_order_relaxed);
  isolation_.end_commit(commit);
}

void Head::widen_time(model::TimestampMs low, model::TimestampMs high) noexcept {
  // One writer: no compare-and-swap needed.
  low_since_truncation_ = std::min(low_since_truncation_, low);
  if (low < min_time_.load()) min_time_ = low;
  if (high > max_time_.load()) max_time_ = high;
}

SeriesId Head::replay_series(std::uint64_t ref, const model::Labels& labels) {
  const util::MutexLock lock(create_mutex_);
  const bool usable = ref != kNoSeriesId && ref <= kSeriesIdMax / 2 && find_series(ref) == nullptr;
  const SeriesId id = usable ? static_cast<SeriesId>(ref) : next_id_;
  activate(id);
  SeriesId found = kNoSeriesId;
  {
    LabelIndex::Writer writer(index_);
    found = writer.find_or_add(labels, LabelIndex::hash_of(labels), id);
  }
  if (found != id) {
    find_series(id)->state = SeriesState::kNone;
    if (!found_.empty()) take_found_chunks(ref, found, false);
    return found;
  }
  if (!found_.empty()) take_found_chunks(ref, id, true);
  next_id_ = std::max(next_id_, id + 1);
  // Under another id than the log's, it must be logged again before its next sample.
  if (!usable) unlogged_.push_back(id);
  counters_.series_created.fetch_add(1, std::memory_order_relaxed);
  return id;
}

void Head::reserve_id(std::uint64_t ref) {
  if (ref > kSeriesIdMax / 2) return;
  const util::MutexLock lock(create_mutex_);
  next_id_ = std::max(next_id_, static_cast<SeriesId>(ref) + 1);
}

ReplayOutcome Head::replay_sample(std::uint64_t ref, model::TimestampMs timestamp,
                                  double value) NX_NO_THREAD_SAFETY_ANALYSIS {
  HeadSeries* series = find_series(ref);
  if (series == nullptr) return ReplayOutcome::kUnknownSeries;
  if (!waiting_.empty()) [[unlikely]]
    link_waiting(static_cast<SeriesId>(ref), *series, timestamp);
  const bool empty = series->state.load(std::memory_order_relaxed) == SeriesState::kEmpty;
  if (!empty && timestamp <= series->last_timestamp) return not_newer(ref, *series);
  if (timestamp < min_valid_.load(std::memory_order_relaxed)) return ReplayOutcome::kNotNewer;
  append_sample(static_cast<SeriesId>(ref), *series, timestamp, value);
  widen_time(timestamp, timestamp);
  return ReplayOutcome::kStored;
}

ReplayOutcome Head::not_newer(std::uint64_t ref, const HeadSeries& series) const {
  if (series.tail != kNoBlock || series.sealed == kNoSealed ||
      is_histogram(page_of(static_cast<SeriesId>(ref)), ref))
    return ReplayOutcome::kNotNewer;
  return ReplayOutcome::kInFile;
}

CardinalityReport Head::cardinality(std::size_t limit) const {
  // Holds the names and values of series that go meanwhile.
  const auto reader = isolation_.begin_read(model::kTimestampMax);
  return index_.cardinality(limit);
}

std::size_t Head::memory_bytes() const {
  return index_.memory_bytes() + pages_.bytes() + blocks_.memory_bytes() + sealed_.bytes() +
         extra_bytes_.load(std::memory_order_relaxed);
}

std::shared_ptr<const Tombstones> Head::deletions() const {
  const util::MutexLock lock(deletions_mutex_);
  return deletions_;
}

void Head::add_deletions(std::span<const SeriesDeletion> deletions) {
  auto changed = std::make_shared<Tombstones>(*this->deletions());
  for (const SeriesDeletion& deletion : deletions) changed->add(deletion.id, deletion.range);
  const util::MutexLock lock(deletions_mutex_);
  deletions_ = std::move(changed);
}

}  // namespace narthex::tsdb
