// An Appender that keeps everything in maps: for tests of writers. It judges samples as a head
// without an out-of-order window does, and can refuse new series, lose series, or fail. Threads:
// synchronized.
#pragma once

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "narthex/model/stale.h"
#include "narthex/storage/appender.h"
#include "narthex/util/mutex.h"

namespace narthex::test {

class MemoryAppender final : public storage::Appender {
 public:
  util::Result<void> ensure_series(std::span<const model::Labels> series,
                                   std::span<storage::EnsuredSeries> out) override {
    const util::MutexLock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    for (std::size_t i = 0; i < series.size(); ++i) {
      ++ensured_;
      const auto [it, fresh] = refs_.try_emplace(series[i].to_series_string(), next_ref_);
      if (!fresh) {
        out[i] = {.ref = it->second, .outcome = storage::EnsureOutcome::kExisting};
        continue;
      }
      if (samples_.size() >= series_max_) {
        refs_.erase(it);
        out[i] = {.ref = storage::kNoSeries, .outcome = storage::EnsureOutcome::kRefusedLimit};
        continue;
      }
      ++next_ref_;
      samples_.try_emplace(it->second);
      names_.emplace(it->second, it->first);
      out[i] = {.ref = it->second, .outcome = storage::EnsureOutcome::kCreated};
    }
    return {};
  }

  util::Result<void> append(const storage::WriteBatch& batch, storage::Atomicity,
                            storage::AppendReport& report) override {
    const util::MutexLock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    ++appends_;
    for (std::size_t i = 0; i < batch.float_count(); ++i) {
      const auto outcome = append_one(batch.refs[i], batch.timestamps[i], batch.values[i]);
      if (outcome != storage::AppendOutcome::kOk) report.floats.push_back({i, outcome});
    }
    for (const storage::HistogramSample& sample : batch.histograms)
      histograms_.emplace_back(names_.at(sample.ref), sample);
    for (const storage::Exemplar& exemplar : batch.exemplars)
      exemplars_.emplace_back(names_.at(exemplar.ref), exemplar);
    metadata_.insert(metadata_.end(), batch.metadata.begin(), batch.metadata.end());
    return {};
  }

  // "10=1 20=stale", in milliseconds; "" for a series that does not exist.
  [[nodiscard]] std::string text(const std::string& series) const {
    const util::MutexLock lock(mutex_);
    const auto ref = refs_.find(series);
    std::string out;
    if (ref == refs_.end()) return out;
    for (const auto& [t, v] : samples_.at(ref->second)) {
      if (!out.empty()) out.push_back(' ');
      out += model::is_stale(v) ? fmt::format("{}=stale", t) : fmt::format("{}={}", t, v);
    }
    return out;
  }
  // In order of arrival, with the names of their series.
  [[nodiscard]] std::vector<std::pair<std::string, storage::HistogramSample>> histograms() const {
    const util::MutexLock lock(mutex_);
    return histograms_;
  }
  [[nodiscard]] std::vector<std::pair<std::string, storage::Exemplar>> exemplars() const {
    const util::MutexLock lock(mutex_);
    return exemplars_;
  }
  [[nodiscard]] std::vector<storage::MetadataUpdate> metadata() const {
    const util::MutexLock lock(mutex_);
    return metadata_;
  }
  // The last value; nullopt when there is none.
  [[nodiscard]] std::optional<double> last(const std::string& series) const {
    const util::MutexLock lock(mutex_);
    const auto ref = refs_.find(series);
    if (ref == refs_.end() || samples_.at(ref->second).empty()) return std::nullopt;
    return samples_.at(ref->second).back().second;
  }
  [[nodiscard]] std::size_t samples(const std::string& series) const {
    const util::MutexLock lock(mutex_);
    const auto ref = refs_.find(series);
    return ref == refs_.end() ? 0 : samples_.at(ref->second).size();
  }
  [[nodiscard]] std::vector<std::string> series() const {
    const util::MutexLock lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [name, ref] : refs_) out.push_back(name);
    return out;
  }
  [[nodiscard]] std::size_t ensured() const {
    const util::MutexLock lock(mutex_);
    return ensured_;
  }
  [[nodiscard]] std::size_t appends() const {
    const util::MutexLock lock(mutex_);
    return appends_;
  }

  void refuse_beyond(std::size_t series_max) {
    const util::MutexLock lock(mutex_);
    series_max_ = series_max;
  }
  // The reference dies, as after the head has dropped an old series; its labels get a new one.
  void lose(const std::string& series) {
    const util::MutexLock lock(mutex_);
    const auto ref = refs_.find(series);
    samples_.erase(ref->second);
    refs_.erase(ref);
  }
  void fail_with(std::optional<util::Error> failure) {
    const util::MutexLock lock(mutex_);
    failure_ = std::move(failure);
  }

 private:
  storage::AppendOutcome append_one(storage::SeriesRef ref, model::TimestampMs t, double v)
      NX_REQUIRES(mutex_) {
    const auto series = samples_.find(ref);
    if (series == samples_.end()) return storage::AppendOutcome::kUnknownSeries;
    if (!series->second.empty()) {
      const auto& [last_t, last_v] = series->second.back();
      if (t < last_t) return storage::AppendOutcome::kOutOfOrder;
      if (t == last_t) {
        const bool equal = std::bit_cast<std::uint64_t>(v) == std::bit_cast<std::uint64_t>(last_v);
        return equal ? storage::AppendOutcome::kOk : storage::AppendOutcome::kDuplicate;
      }
    }
    series->second.emplace_back(t, v);
    return storage::AppendOutcome::kOk;
  }

  mutable util::Mutex mutex_;
  std::map<std::string, storage::SeriesRef> refs_ NX_GUARDED_BY(mutex_);
  std::map<storage::SeriesRef, std::string> names_ NX_GUARDED_BY(mutex_);
  std::map<storage::SeriesRef, std::vector<std::pair<model::TimestampMs, double>>> samples_
      NX_GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, storage::HistogramSample>> histograms_ NX_GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, storage::Exemplar>> exemplars_ NX_GUARDED_BY(mutex_);
  std::vector<storage::MetadataUpdate> metadata_ NX_GUARDED_BY(mutex_);
  storage::SeriesRef next_ref_ NX_GUARDED_BY(mutex_) = 1;
  std::size_t series_max_ NX_GUARDED_BY(mutex_) = SIZE_MAX;
  std::size_t ensured_ NX_GUARDED_BY(mutex_) = 0;
  std::size_t appends_ NX_GUARDED_BY(mutex_) = 0;
  std::optional<util::Error> failure_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::test
