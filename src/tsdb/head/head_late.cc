// How samples that are behind newer ones of their series get into the head, and out of it.
#include <algorithm>
#include <set>

#include "tsdb/chunk/histogram_chunk.h"
#include "tsdb/head/head.h"
#include "tsdb/head/stored_form.h"

namespace narthex::tsdb {

namespace {

// What a hint says about the sample before is not true among samples that come in any order.
std::shared_ptr<const model::FloatHistogram> as_late(model::FloatHistogram histogram) {
  if (histogram.counter_reset_hint != model::CounterResetHint::kGauge)
    histogram.counter_reset_hint = model::CounterResetHint::kUnknown;
  return std::make_shared<const model::FloatHistogram>(std::move(histogram));
}
model::FloatHistogram to_floats(const model::IntHistogram& histogram) {
  return to_float_histogram(histogram);
}
model::FloatHistogram to_floats(const model::FloatHistogram& histogram) {
  return histogram;
}

model::TimestampMs begin_of_range(model::TimestampMs t, std::int64_t range_ms) {
  const std::int64_t rest = t % range_ms;
  return model::sub_saturated(t, rest < 0 ? rest + range_ms : rest);
}

}  // namespace

bool Head::insert_late(SeriesId id, LateSample sample) {
  const model::TimestampMs timestamp = sample.timestamp;
  {
    SeriesPage& page = page_of(id);
    const util::MutexLock lock(page.mutex);
    SeriesExtra& extra = page.make_extra(id);
    if (extra.late) {
      extra_bytes_.fetch_sub(extra.late->memory_bytes(), std::memory_order_relaxed);
    } else {
      extra.late = std::make_unique<LateSamples>();
    }
    const LateSamples::Insert inserted = extra.late->insert(std::move(sample));
    extra_bytes_.fetch_add(extra.late->memory_bytes(), std::memory_order_relaxed);
    if (inserted == LateSamples::Insert::kRepeated) return false;
    if (inserted == LateSamples::Insert::kSealed && options_.files != nullptr)
      unfiled_late_.push_back(id);
  }
  // One writer: no compare-and-swap needed.
  if (timestamp < late_min_.load()) late_min_ = timestamp;
  if (timestamp > late_max_.load()) late_max_ = timestamp;
  return true;
}

void Head::apply_late(const PreparedBatch& prepared, CommitSequence commit) {
  std::uint64_t floats = 0;
  for (std::size_t i = 0; i < prepared.late_refs.size(); ++i) {
    floats += insert_late(static_cast<SeriesId>(prepared.late_refs[i]),
                          {.timestamp = prepared.late_timestamps[i],
                           .commit = commit,
                           .value = prepared.late_values[i],
                           .histogram = nullptr})
                  ? 1U
                  : 0U;
  }
  std::uint64_t histograms = 0;
  for (const PreparedHistogram& one : prepared.late_histograms) {
    auto histogram =
        one.integer != nullptr ? as_late(to_floats(*one.integer)) : as_late(*one.floating);
    histograms += insert_late(static_cast<SeriesId>(one.ref), {.timestamp = one.timestamp,
                                                               .commit = commit,
                                                               .value = 0,
                                                               .histogram = std::move(histogram)})
                      ? 1U
                      : 0U;
  }
  counters_.late_appended.fetch_add(floats, std::memory_order_relaxed);
  counters_.samples_appended.fetch_add(floats, std::memory_order_relaxed);
  counters_.late_histograms_appended.fetch_add(histograms, std::memory_order_relaxed);
  counters_.histograms_appended.fetch_add(histograms, std::memory_order_relaxed);
}

ReplayOutcome Head::replay_late(std::uint64_t ref, model::TimestampMs timestamp, double value) {
  if (find_series(ref) == nullptr) return ReplayOutcome::kUnknownSeries;
  const LateSample sample{
      .timestamp = timestamp, .commit = 0, .value = value, .histogram = nullptr};
  return insert_late(static_cast<SeriesId>(ref), sample) ? ReplayOutcome::kStored
                                                         : ReplayOutcome::kNotNewer;
}

template <class Histogram>
ReplayOutcome Head::replay_late_histogram(std::uint64_t ref, model::TimestampMs timestamp,
                                          const Histogram& histogram) {
  if (find_series(ref) == nullptr) return ReplayOutcome::kUnknownSeries;
  if (!check_histogram(histogram)) return ReplayOutcome::kInvalid;
  Histogram stored = histogram;
  if (!is_in_stored_form(stored)) bring_into_stored_form(stored);
  const LateSample sample{
      .timestamp = timestamp, .commit = 0, .value = 0, .histogram = as_late(to_floats(stored))};
  return insert_late(static_cast<SeriesId>(ref), sample) ? ReplayOutcome::kStored
                                                         : ReplayOutcome::kNotNewer;
}

ReplayOutcome Head::replay_late(std::uint64_t ref, model::TimestampMs timestamp,
                                const model::IntHistogram& histogram) {
  return replay_late_histogram(ref, timestamp, histogram);
}
ReplayOutcome Head::replay_late(std::uint64_t ref, model::TimestampMs timestamp,
                                const model::FloatHistogram& histogram) {
  return replay_late_histogram(ref, timestamp, histogram);
}

model::TimestampMs Head::newest_timestamp(SeriesId id, const HeadSeries& series) const {
  const SeriesExtra* extra = page_of(id).extra(id);
  if (extra == nullptr || !extra->late) return series.last_timestamp;
  return std::max(series.last_timestamp, extra->late->time_range().max);
}

// Calls visit(page) for every page, locked.
template <class Visit>
void Head::for_each_page(Visit visit) {
  SeriesId ids_end = 0;
  {
    const util::MutexLock lock(create_mutex_);
    ids_end = next_id_;
  }
  for (SeriesId number = 0; number <= ids_end >> SeriesPage::kBits; ++number) {
    SeriesPage* page = pages_.find(number);
    if (page == nullptr) continue;
    const util::MutexLock lock(page->mutex);
    visit(*page);
  }
}

util::Result<std::vector<model::TimestampMs>> Head::late_range_begins(std::int64_t range_ms) {
  // Decoded without the locks.
  std::vector<LateView> views;
  for_each_page([&](const SeriesPage& page) {
    for (const auto& [place, extra] : page.extras) {
      if (extra->late) views.push_back(extra->late->view({}, kAnyCommit));
    }
  });
  std::set<model::TimestampMs> begins;
  storage::SampleColumns samples;
  for (const LateView& view : views) {
    samples.clear();
    NX_TRY(read_late(view, {}, kAnyCommit, samples));
    for (const auto* times : {&samples.float_timestamps, &samples.histogram_timestamps}) {
      for (const model::TimestampMs t : *times) begins.insert(begin_of_range(t, range_ms));
    }
  }
  return std::vector<model::TimestampMs>(begins.begin(), begins.end());
}

void Head::drop_late(CommitSequence until) {
  model::TimeRange left{model::kTimestampMax, model::kTimestampMin};
  for_each_page([&](SeriesPage& page) {
    for (auto& [place, extra] : page.extras) {
      if (!extra->late) continue;
      extra_bytes_.fetch_sub(extra->late->memory_bytes(), std::memory_order_relaxed);
      extra->late->drop(until);
      if (extra->late->empty()) {
        extra->late.reset();
        continue;
      }
      extra_bytes_.fetch_add(extra->late->memory_bytes(), std::memory_order_relaxed);
      const model::TimeRange range = extra->late->time_range();
      left = {std::min(left.min, range.min), std::max(left.max, range.max)};
    }
    boost::unordered::erase_if(page.extras, [](const auto& entry) {
      return !entry.second->late && !entry.second->has_histograms();
    });
  });
  late_min_ = left.min;
  late_max_ = left.max;
}

}  // namespace narthex::tsdb
