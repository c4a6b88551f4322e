// How native histograms get into the head.
#include <algorithm>
#include <bit>
#include <cstring>

#include "narthex/model/stale.h"

#include "tsdb/chunk/histogram_layout.h"
#include "tsdb/head/chunk_end.h"
#include "tsdb/head/head.h"
#include "tsdb/head/stored_form.h"

namespace narthex::tsdb {

using storage::AppendOutcome;

namespace {

// ST-H2: what a chunk aims at, the fewest samples it has before its time range ends.
constexpr std::size_t kTargetBytes = 1024;
constexpr std::size_t kSamplesMin = 10;

const model::IntHistogram& stale_integers() {
  static const model::IntHistogram kStale = [] {
    model::IntHistogram histogram;
    histogram.sum = model::stale_nan();
    return histogram;
  }();
  return kStale;
}
const model::FloatHistogram& stale_floats() {
  static const model::FloatHistogram kStale = [] {
    model::FloatHistogram histogram;
    histogram.sum = model::stale_nan();
    return histogram;
  }();
  return kStale;
}

// Whether two histograms are one: empty buckets that one of them spells out do not count.
template <class Histogram>
bool equivalent(const Histogram& a, const Histogram& b) {
  if (same_histogram(a, b)) return true;
  if (model::is_stale(a.sum) || model::is_stale(b.sum))
    return model::is_stale(a.sum) && model::is_stale(b.sum);
  Histogram left = a;
  Histogram right = b;
  left.counter_reset_hint = right.counter_reset_hint = model::CounterResetHint::kGauge;
  const HistogramStep step = histogram_step(left, right, true);
  if (step.fit != HistogramFit::kFits) return false;
  spread_over(step.positive_spans, step.negative_spans, left);
  spread_over(step.positive_spans, step.negative_spans, right);
  return same_histogram(left, right);
}

template <class Histogram>
const Histogram* in_stored_form(const Histogram* histogram, PreparedBatch& prepared) {
  if (histogram == nullptr || is_in_stored_form(*histogram)) return histogram;
  auto changed = std::make_shared<Histogram>(*histogram);
  bring_into_stored_form(*changed);
  const Histogram* out = changed.get();
  prepared.owned.push_back(std::move(changed));
  return out;
}

double sum_of(const PreparedHistogram& one) noexcept {
  return one.integer != nullptr ? one.integer->sum : one.floating->sum;
}

}  // namespace

void Head::know_pending(const storage::WriteBatch& batch, const PreparedBatch& prepared,
                        std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) {
    if (prepared.series[k] == nullptr) continue;
    pending_[batch.refs[k]] = {batch.timestamps[k], std::bit_cast<std::uint64_t>(batch.values[k])};
  }
  pending_known_ = true;
}

void Head::prepare_stale_marker(const storage::WriteBatch& batch, std::size_t index,
                                HeadSeries& series, PreparedBatch& prepared) {
  const auto id = static_cast<SeriesId>(batch.refs[index]);
  const model::TimestampMs timestamp = batch.timestamps[index];
  const auto pending = pending_.find(id);
  PreparedHistogram* earlier = nullptr;
  bool integers = false;
  if (pending != pending_.end()) {
    earlier = pending->second.histogram;
    integers = earlier->integer != nullptr;
  } else {
    integers = std::holds_alternative<SeriesExtra::IntChunk>(page_of(id).extra(id)->histograms);
  }
  prepared.histograms.push_back({.series = &series,
                                 .ref = id,
                                 .timestamp = timestamp,
                                 .integer = integers ? &stale_integers() : nullptr,
                                 .floating = integers ? nullptr : &stale_floats(),
                                 .marker_index = index,
                                 .earlier_marker = earlier});
  pending_[id] = {timestamp, model::kStaleNanBits, &prepared.histograms.back()};
  series.in_batch = 1;
}

void Head::take_back_markers(PreparedHistogram* newest, PreparedBatch& prepared) {
  for (PreparedHistogram* marker = newest; marker != nullptr; marker = marker->earlier_marker) {
    marker->taken_back = true;
    prepared.series[marker->marker_index] = marker->series;
    ++prepared.stored_count;
  }
}

void Head::validate_histograms(const storage::WriteBatch& batch, PreparedBatch& prepared,
                               storage::AppendReport& report) {
  const Limits bounds = limits();
  for (std::size_t i = 0; i < batch.histograms.size(); ++i) {
    const storage::HistogramSample& sample = batch.histograms[i];
    PreparedHistogram next{.series = find_series(sample.ref),
                           .ref = sample.ref,
                           .timestamp = sample.timestamp,
                           .integer = sample.integer.get(),
                           .floating = sample.floating.get()};
    if (next.series != nullptr && next.series->in_batch != 0 && !pending_known_)
      know_pending(batch, prepared, batch.float_count());
    const auto [outcome, late] = check_histogram_sample(next, bounds);
    if (outcome == AppendOutcome::kOk) {
      next.integer = in_stored_form(next.integer, prepared);
      next.floating = in_stored_form(next.floating, prepared);
    }
    if (outcome != AppendOutcome::kOk) {
      report.histograms.push_back({.index = i, .outcome = outcome});
      count_histogram_refusal(outcome);
      continue;
    }
    if (late) {
      prepared.late_histograms.push_back(next);
      continue;
    }
    if (repeats_batch(next) || is_newest(next)) continue;  // The very sample that is there already.
    next.series->in_batch = 1;
    prepared.histograms.push_back(next);
    pending_[sample.ref] = {next.timestamp, std::bit_cast<std::uint64_t>(sum_of(next)),
                            &prepared.histograms.back()};
  }
}

Head::Verdict Head::check_histogram_sample(const PreparedHistogram& next,
                                           const Limits& limits) const {
  if ((next.integer == nullptr) == (next.floating == nullptr))
    return {AppendOutcome::kInvalidHistogram, false};
  const auto checked =
      next.integer != nullptr ? check_histogram(*next.integer) : check_histogram(*next.floating);
  if (!checked) return {AppendOutcome::kInvalidHistogram, false};
  if (next.series == nullptr) return {AppendOutcome::kUnknownSeries, false};
  if (next.timestamp < limits.min_valid) return behind(next.timestamp, limits);
  model::TimestampMs last = next.series->last_timestamp;
  if (next.series->in_batch != 0) {
    last = pending_.at(next.ref).timestamp;
  } else if (next.series->state.load(std::memory_order_relaxed) == SeriesState::kEmpty) {
    return {};
  }
  if (next.timestamp > last) return {};
  if (next.timestamp < last) return behind(next.timestamp, limits);
  const bool same = repeats_batch(next) || is_newest(next);
  return {same ? AppendOutcome::kOk : AppendOutcome::kDuplicate, false};
}

bool Head::repeats_batch(const PreparedHistogram& next) const {
  return next.series->in_batch != 0 && pending_.at(next.ref).timestamp == next.timestamp;
}

bool Head::is_newest(const PreparedHistogram& next) const {
  if (next.series->in_batch != 0) {
    const LastSample& last = pending_.at(next.ref);
    if (last.timestamp != next.timestamp || last.histogram == nullptr) return false;
    if (next.integer != nullptr)
      return last.histogram->integer != nullptr &&
             equivalent(*last.histogram->integer, *next.integer);
    return last.histogram->floating != nullptr &&
           equivalent(*last.histogram->floating, *next.floating);
  }
  const auto id = static_cast<SeriesId>(next.ref);
  const SeriesExtra* extra = page_of(id).extra(id);
  if (extra == nullptr || next.series->last_timestamp != next.timestamp) return false;
  if (next.integer != nullptr) {
    const auto* chunk = std::get_if<SeriesExtra::IntChunk>(&extra->histograms);
    return chunk != nullptr && equivalent(chunk->last(), *next.integer);
  }
  const auto* chunk = std::get_if<SeriesExtra::FloatChunk>(&extra->histograms);
  return chunk != nullptr && equivalent(chunk->last(), *next.floating);
}

void Head::count_histogram_refusal(AppendOutcome outcome) noexcept {
  std::atomic<std::uint64_t>* counter = nullptr;
  if (outcome == AppendOutcome::kOutOfOrder) counter = &counters_.histograms_out_of_order;
  if (outcome == AppendOutcome::kOutOfBounds) counter = &counters_.histograms_out_of_bounds;
  if (outcome == AppendOutcome::kTooOld) counter = &counters_.histograms_too_old;
  if (outcome == AppendOutcome::kUnknownSeries) counter = &counters_.series_not_found;
  if (counter != nullptr) counter->fetch_add(1, std::memory_order_relaxed);
}

void Head::apply_histograms(const PreparedBatch& prepared, CommitSequence commit) {
  for (const PreparedHistogram& one : prepared.histograms) {
    const auto id = static_cast<SeriesId>(one.ref);
    SeriesPage& page = page_of(id);
    const util::MutexLock lock(page.mutex);
    one.series->in_batch = 0;
    isolation_.touch(id, *one.series, commit);
    if (one.integer != nullptr) {
      append_histogram(page, id, *one.series, one.timestamp, *one.integer);
    } else {
      append_histogram(page, id, *one.series, one.timestamp, *one.floating);
    }
    widen_time(one.timestamp, one.timestamp);
  }
  counters_.histograms_appended.fetch_add(prepared.histograms.size(), std::memory_order_relaxed);
}

bool Head::must_cut_histograms(HeadSeries& series, SeriesExtra& extra,
                               model::TimestampMs timestamp) const {
  const model::TimestampMs end = range_end(extra.first_time(), options_.chunk_range_ms);
  const std::size_t bytes = extra.bytes().size();
  if (!extra.end_predicted && bytes >= kTargetBytes / 4) {
    extra.end_predicted = true;
    series.chunk_end = predict_end(extra.first_time(), series.last_timestamp, end,
                                   static_cast<double>(kTargetBytes) / static_cast<double>(bytes));
  }
  if (timestamp >= end) return true;
  return series.sample_count >= kSamplesMin &&
         (timestamp >= series.chunk_end || bytes >= 2 * kTargetBytes);
}

void Head::seal_histograms(SeriesId id, HeadSeries& series, SeriesExtra& extra) {
  // Without the sample count, as all chunks in memory.
  const std::string_view payload = extra.bytes().substr(kChunkCountBytes);
  const BlockIndex tail = blocks_.store_chain(payload);
  SealedChunk& chunk = new_sealed(id, series);
  chunk.min = extra.first_time();
  chunk.place = ChunkPlace::in_memory(tail, static_cast<std::uint32_t>(payload.size()));
  chunk.encoding = extra.encoding();
  extra_bytes_.fetch_sub(extra.memory_bytes(), std::memory_order_relaxed);
  extra.histograms = std::monostate{};
}

template <class Histogram>
void Head::append_histogram(SeriesPage& page, SeriesId id, HeadSeries& series,
                            model::TimestampMs timestamp, const Histogram& histogram) {
  using Chunk = OpenHistogramChunk<Histogram>;
  if (series.tail != kNoBlock) seal_chunk(id, series);
  SeriesExtra& extra = page.make_extra(id);
  HistogramStep step;
  bool append = false;
  if (auto* chunk = std::get_if<Chunk>(&extra.histograms)) {
    step = chunk->step(histogram);
    append = step.fit == HistogramFit::kFits && !must_cut_histograms(series, extra, timestamp);
    if (append) {
      extra_bytes_.fetch_sub(chunk->memory_bytes(), std::memory_order_relaxed);
      chunk->append(timestamp, histogram, step);
    }
  }
  if (!append) {
    if (extra.has_histograms()) seal_histograms(id, series, extra);
    extra.histograms.template emplace<Chunk>(timestamp, histogram,
                                             chunk_hint(step.fit, histogram.counter_reset_hint));
    extra.end_predicted = false;
    series.chunk_end = range_end(timestamp, options_.chunk_range_ms);
    series.sample_count = 0;
    counters_.chunks_created.fetch_add(1, std::memory_order_relaxed);
    counters_.chunks.fetch_add(1, std::memory_order_relaxed);
  }
  extra_bytes_.fetch_add(extra.memory_bytes(), std::memory_order_relaxed);
  ++series.sample_count;
  series.last_timestamp = timestamp;
  series.last_value_bits = std::bit_cast<std::uint64_t>(histogram.sum);
  if (series.state.load(std::memory_order_relaxed) == SeriesState::kEmpty)
    series.state = SeriesState::kActive;
}

template <class Histogram>
ReplayOutcome Head::replay_one_histogram(std::uint64_t ref, model::TimestampMs timestamp,
                                         const Histogram& histogram) NX_NO_THREAD_SAFETY_ANALYSIS {
  HeadSeries* series = find_series(ref);
  if (series == nullptr) return ReplayOutcome::kUnknownSeries;
  if (!waiting_.empty()) [[unlikely]]
    link_waiting(static_cast<SeriesId>(ref), *series, timestamp);
  const bool empty = series->state.load(std::memory_order_relaxed) == SeriesState::kEmpty;
  if (!empty && timestamp <= series->last_timestamp) return not_newer(ref, *series);
  if (timestamp < min_valid_.load(std::memory_order_relaxed)) return ReplayOutcome::kNotNewer;
  if (!check_histogram(histogram)) return ReplayOutcome::kInvalid;
  const auto id = static_cast<SeriesId>(ref);
  if (is_in_stored_form(histogram)) {
    append_histogram(page_of(id), id, *series, timestamp, histogram);
  } else {
    Histogram changed = histogram;
    bring_into_stored_form(changed);
    append_histogram(page_of(id), id, *series, timestamp, changed);
  }
  widen_time(timestamp, timestamp);
  return ReplayOutcome::kStored;
}

ReplayOutcome Head::replay_histogram(std::uint64_t ref, model::TimestampMs timestamp,
                                     const model::IntHistogram& histogram) {
  return replay_one_histogram(ref, timestamp, histogram);
}
ReplayOutcome Head::replay_histogram(std::uint64_t ref, model::TimestampMs timestamp,
                                     const model::FloatHistogram& histogram) {
  return replay_one_histogram(ref, timestamp, histogram);
}

}  // namespace narthex::tsdb
