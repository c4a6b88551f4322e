#include "support/memory_storage.h"

#include <algorithm>
#include <set>
#include <utility>

#include "narthex/model/stale.h"

namespace narthex::test {
namespace {

using model::FloatHistogram;
using model::LabelView;
using model::TimestampMs;

template <class Value>
void put(std::vector<TimestampMs>& timestamps, std::vector<Value>& values, TimestampMs t,
         Value value) {
  const auto it = std::ranges::lower_bound(timestamps, t);
  const auto at = it - timestamps.begin();
  if (it != timestamps.end() && *it == t) {
    values[static_cast<std::size_t>(at)] = std::move(value);
    return;
  }
  timestamps.insert(it, t);
  values.insert(values.begin() + at, std::move(value));
}

template <class Value>
void drop(std::vector<TimestampMs>& timestamps, std::vector<Value>& values, TimestampMs t) {
  const auto it = std::ranges::lower_bound(timestamps, t);
  if (it == timestamps.end() || *it != t) return;
  values.erase(values.begin() + (it - timestamps.begin()));
  timestamps.erase(it);
}

template <class Value>
void copy_range(const std::vector<TimestampMs>& timestamps, const std::vector<Value>& values,
                model::TimeRange range, std::vector<TimestampMs>& timestamps_out,
                std::vector<Value>& values_out) {
  const auto first = std::ranges::lower_bound(timestamps, range.min);
  const auto last = std::ranges::upper_bound(timestamps, range.max);
  if (first >= last) return;
  timestamps_out.insert(timestamps_out.end(), first, last);
  values_out.insert(values_out.end(), values.begin() + (first - timestamps.begin()),
                    values.begin() + (last - timestamps.begin()));
}

bool any_bucket_dropped(const std::vector<double>& before, const std::vector<double>& after) {
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    if (after[i] < before[i]) return true;
  }
  return after.size() < before.size();
}

// Good enough for test data, whose layout stays the same along a series.
bool continues(const FloatHistogram& before, const FloatHistogram& after) {
  return before.schema == after.schema && before.zero_threshold == after.zero_threshold &&
         before.custom_values == after.custom_values && after.count >= before.count &&
         after.zero_count >= before.zero_count &&
         !any_bucket_dropped(before.positive_buckets, after.positive_buckets) &&
         !any_bucket_dropped(before.negative_buckets, after.negative_buckets);
}

void tell_resets(const storage::SampleColumns& stored, storage::SampleColumns& out) {
  for (std::size_t i = 0; i < out.histograms.size(); ++i) {
    FloatHistogram& histogram = out.histograms[i];
    const auto it =
        std::ranges::lower_bound(stored.histogram_timestamps, out.histogram_timestamps[i]);
    const auto index = static_cast<std::size_t>(it - stored.histogram_timestamps.begin());
    if (histogram.counter_reset_hint != model::CounterResetHint::kUnknown || index == 0) continue;
    if (model::is_stale(histogram.sum) || model::is_stale(stored.histograms[index - 1].sum))
      continue;
    if (continues(stored.histograms[index - 1], histogram)) {
      histogram.counter_reset_hint = model::CounterResetHint::kNotReset;
    }
  }
}

void copy_starts(const std::map<TimestampMs, TimestampMs>& starts,
                 const std::vector<TimestampMs>& timestamps, std::vector<TimestampMs>& out) {
  for (const TimestampMs t : timestamps) {
    const auto it = starts.find(t);
    out.push_back(it == starts.end() ? 0 : it->second);
  }
}

bool matches_all(std::span<const model::Matcher> matchers, const model::Labels& labels) {
  return std::ranges::all_of(
      matchers, [&](const model::Matcher& matcher) { return matcher.matches_labels(labels); });
}

std::vector<std::string> limited(const std::set<std::string>& sorted, std::size_t limit) {
  std::vector<std::string> out(sorted.begin(), sorted.end());
  if (limit != 0 && out.size() > limit) out.resize(limit);
  return out;
}

}  // namespace

class MemorySeriesSet final : public storage::SeriesSet {
 public:
  explicit MemorySeriesSet(std::vector<const MemoryStorage::Series*> series)
      : series_(std::move(series)) {}
  [[nodiscard]] std::size_t size() const noexcept override { return series_.size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return series_[index]->labels;
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return series_[index]->labels.get(name);
  }
  util::Result<void> read(std::size_t index, model::TimeRange range,
                          storage::SampleColumns& out) const override {
    const storage::SampleColumns& stored = series_[index]->samples;
    copy_range(stored.float_timestamps, stored.float_values, range, out.float_timestamps,
               out.float_values);
    copy_range(stored.histogram_timestamps, stored.histograms, range, out.histogram_timestamps,
               out.histograms);
    tell_resets(stored, out);
    const auto& starts = series_[index]->starts;
    if (starts.empty()) return {};
    copy_starts(starts, out.float_timestamps, out.float_starts);
    copy_starts(starts, out.histogram_timestamps, out.histogram_starts);
    return {};
  }
  [[nodiscard]] std::uint64_t samples_max(std::size_t index) const override {
    const storage::SampleColumns& stored = series_[index]->samples;
    return stored.float_timestamps.size() + stored.histogram_timestamps.size();
  }

 private:
  std::vector<const MemoryStorage::Series*> series_;
};

class MemoryQuerier final : public storage::Querier {
 public:
  MemoryQuerier(const MemoryStorage& storage, model::TimeRange range)
      : storage_(storage), range_(range) {}

  util::Result<std::unique_ptr<storage::SeriesSet>> select(
      std::span<const model::Matcher> matchers, storage::SeriesOrder order,
      const storage::Deadline& deadline) override {
    NX_TRY(deadline.check());
    if (storage_.select_error_) return std::unexpected(*storage_.select_error_);
    std::vector<const MemoryStorage::Series*> found = matching(matchers);
    if (order == storage::SeriesOrder::kByLabels) {
      std::ranges::sort(found, [](const auto* a, const auto* b) { return a->labels < b->labels; });
    }
    return std::make_unique<MemorySeriesSet>(std::move(found));
  }

  util::Result<std::vector<std::string>> label_names(const storage::LabelQuery& query,
                                                     const storage::Deadline& deadline) override {
    NX_TRY(deadline.check());
    std::set<std::string> names;
    for (const MemoryStorage::Series* series : matching(query.matchers)) {
      for (const LabelView label : series->labels) names.emplace(label.name);
    }
    return limited(names, query.limit);
  }

  util::Result<std::vector<std::string>> label_values(const std::string& name,
                                                      const storage::LabelQuery& query,
                                                      const storage::Deadline& deadline) override {
    NX_TRY(deadline.check());
    std::set<std::string> values;
    for (const MemoryStorage::Series* series : matching(query.matchers)) {
      if (series->labels.has(name)) values.emplace(series->labels.get(name));
    }
    return limited(values, query.limit);
  }

 private:
  [[nodiscard]] bool has_samples(const storage::SampleColumns& samples) const {
    const auto any = [this](const std::vector<TimestampMs>& timestamps) {
      const auto it = std::ranges::lower_bound(timestamps, range_.min);
      return it != timestamps.end() && *it <= range_.max;
    };
    return any(samples.float_timestamps) || any(samples.histogram_timestamps);
  }
  [[nodiscard]] std::vector<const MemoryStorage::Series*> matching(
      std::span<const model::Matcher> matchers) const {
    std::vector<const MemoryStorage::Series*> found;
    for (const auto& series : storage_.series_) {
      if (matches_all(matchers, series->labels) && has_samples(series->samples))
        found.push_back(series.get());
    }
    return found;
  }

  const MemoryStorage& storage_;
  model::TimeRange range_;
};

MemoryStorage::Series& MemoryStorage::ensure(const model::Labels& labels) {
  const auto [it, created] = by_labels_.try_emplace(labels, nullptr);
  if (created) {
    series_.push_back(std::make_unique<Series>());
    series_.back()->labels = labels;
    it->second = series_.back().get();
  }
  return *it->second;
}

void MemoryStorage::append(const model::Labels& labels, TimestampMs timestamp, double value) {
  storage::SampleColumns& samples = ensure(labels).samples;
  put(samples.float_timestamps, samples.float_values, timestamp, value);
  drop(samples.histogram_timestamps, samples.histograms, timestamp);
}

void MemoryStorage::append(const model::Labels& labels, TimestampMs timestamp,
                           FloatHistogram histogram) {
  storage::SampleColumns& samples = ensure(labels).samples;
  put(samples.histogram_timestamps, samples.histograms, timestamp, std::move(histogram));
  drop(samples.float_timestamps, samples.float_values, timestamp);
}

void MemoryStorage::set_start(const model::Labels& labels, TimestampMs timestamp,
                              TimestampMs start) {
  ensure(labels).starts[timestamp] = start;
}

void MemoryStorage::clear() noexcept {
  by_labels_.clear();
  series_.clear();
}

util::Result<std::unique_ptr<storage::Querier>> MemoryStorage::querier(model::TimeRange range) {
  return std::make_unique<MemoryQuerier>(*this, range);
}

}  // namespace narthex::test
