// How a batch gets into the logs and then into the head.
#include <algorithm>

#include "tsdb/db/db_impl.h"

namespace narthex::tsdb {

namespace {

class ActiveAppender {
 public:
  explicit ActiveAppender(std::atomic<std::uint64_t>& count) : count_(count) { ++count_; }
  ~ActiveAppender() { --count_; }
  ActiveAppender(const ActiveAppender&) = delete;
  ActiveAppender& operator=(const ActiveAppender&) = delete;

 private:
  std::atomic<std::uint64_t>& count_;
};

// kTimestampMin when none is stored in order.
model::TimestampMs newest_in_order(const storage::WriteBatch& batch,
                                   const PreparedBatch& prepared) noexcept {
  model::TimestampMs newest = model::kTimestampMin;
  for (std::size_t i = 0; i < prepared.series.size(); ++i) {
    if (prepared.series[i] != nullptr) newest = std::max(newest, batch.timestamps[i]);
  }
  for (const PreparedHistogram& one : prepared.histograms) newest = std::max(newest, one.timestamp);
  return newest;
}

}  // namespace

util::Result<void> DbImpl::ensure_series(std::span<const model::Labels> series,
                                         std::span<storage::EnsuredSeries> out) {
  // What is new could not be logged and would fill memory.
  NX_TRY(disk_.check());
  return head_.ensure_series(series, out);
}

util::Result<void> DbImpl::append(const storage::WriteBatch& batch, storage::Atomicity atomicity,
                                  storage::AppendReport& report) {
  const ActiveAppender active(appenders_);
  const util::MutexLock lock(commit_mutex_);
  if (closed_) return util::fail(util::Code::kUnavailable, "storage is closed");
  NX_TRY(disk_.check());
  const model::TimestampMs newest = head_.time_range().max;
  head_.validate(batch, atomicity, prepared_, report);
  find_exemplars(batch);
  find_metadata(batch);
  if (prepared_.refused || (prepared_.empty() && new_exemplars_.empty() && new_metadata_.empty())) {
    Head::discard(prepared_);
    return {};
  }
  std::vector<SeriesId> new_series = head_.take_unlogged();
  // Late samples first. When the other log fails then, they are in theirs without having been
  // acknowledged, and may show up after a restart: nothing that was acknowledged is wrong.
  auto logged = prepared_.any_late() ? log_late() : util::Result<void>{};
  const bool for_first_log = prepared_.any_in_order() || !new_series.empty() ||
                             !new_exemplars_.empty() || !new_metadata_.empty();
  if (logged && for_first_log) logged = log_batch(batch, new_series);
  if (!logged) {
    head_.give_back_unlogged(std::move(new_series));
    Head::discard(prepared_);
    disk_.note(logged.error());
    return logged;
  }
  if (!prepared_.empty()) head_.apply(batch, prepared_);
  observe_delays(newest, batch, report);
  for (const std::size_t i : new_exemplars_) {
    const storage::Exemplar& one = batch.exemplars[i];
    exemplars_.append(labels_of(one.ref), {one.timestamp, one.value, one.labels});
  }
  for (const RefMetadata& one : new_metadata_)
    metadata_.set(static_cast<SeriesId>(one.ref), one.metadata);
  return {};
}

util::Result<void> DbImpl::log_batch(const storage::WriteBatch& batch,
                                     std::span<const SeriesId> new_series) {
  const model::TimestampMs newest = newest_in_order(batch, prepared_);
  NX_TRY(truncation_->begin_batch(newest));
  NX_TRY(log_->begin());
  records_.add_series(*log_, new_series);
  records_.add_metadata(*log_, new_metadata_);
  records_.add_samples(*log_, batch, prepared_);
  records_.add_histograms(*log_, prepared_.histograms);
  records_.add_exemplars(*log_, batch.exemplars, new_exemplars_);
  NX_TRY(options_.wal_sync_interval.count() == 0 ? log_->commit_durably() : log_->commit());
  truncation_->end_batch(newest);
  return {};
}

util::Result<void> DbImpl::open_late_log() {
  const std::string directory = options_.path + "/wbl";
  NX_ASSIGN(auto log, LogWriter::open(env_, directory, late_segment_,
                                      {.segment_bytes = options_.wal_segment_bytes,
                                       .compression = options_.wal_compression,
                                       .sync_seconds = instruments_.late_log_sync_seconds,
                                       .clock = options_.clock}));
  late_log_ = std::move(log);
  late_log_opened_ = late_log_.get();
  return {};
}

util::Result<void> DbImpl::log_late() {
  if (!late_log_) NX_TRY(open_late_log());
  NX_TRY(late_log_->begin());
  records_.add_late_samples(*late_log_, prepared_);
  records_.add_histograms(*late_log_, prepared_.late_histograms);
  return options_.wal_sync_interval.count() == 0 ? late_log_->commit_durably()
                                                 : late_log_->commit();
}

void DbImpl::observe_delays(model::TimestampMs newest, const storage::WriteBatch& batch,
                            const storage::AppendReport& report) {
  if (instruments_.late_delay_seconds == nullptr || newest == model::kTimestampMin) return;
  const auto observe = [this, newest](model::TimestampMs t) {
    if (t < newest)
      instruments_.late_delay_seconds->observe(static_cast<double>(newest - t) / 1000);
  };
  for (const model::TimestampMs t : prepared_.late_timestamps) observe(t);
  for (const PreparedHistogram& one : prepared_.late_histograms) observe(one.timestamp);
  const auto is_behind = [](storage::AppendOutcome outcome) {
    return outcome == storage::AppendOutcome::kTooOld ||
           outcome == storage::AppendOutcome::kOutOfOrder;
  };
  for (const storage::Refusal& one : report.floats) {
    if (is_behind(one.outcome)) observe(batch.timestamps[one.index]);
  }
  for (const storage::Refusal& one : report.histograms) {
    if (is_behind(one.outcome)) observe(batch.histograms[one.index].timestamp);
  }
}

model::Labels DbImpl::labels_of(storage::SeriesRef ref) const {
  const LabelIndex& index = head_.index();
  return index.labels(index.labels_of(static_cast<SeriesId>(ref)));
}

void DbImpl::find_exemplars(const storage::WriteBatch& batch) {
  new_exemplars_.clear();
  if (batch.exemplars.empty() || exemplars_.stats().capacity == 0) return;
  for (std::size_t i = 0; i < batch.exemplars.size(); ++i) {
    const storage::Exemplar& one = batch.exemplars[i];
    if (!head_.has_series(one.ref)) continue;
    const storage::ExemplarPoint point{one.timestamp, one.value, one.labels};
    if (exemplars_.check(labels_of(one.ref), point) == ExemplarOutcome::kOk)
      new_exemplars_.push_back(i);
  }
}

void DbImpl::find_metadata(const storage::WriteBatch& batch) {
  new_metadata_.clear();
  for (const storage::MetadataUpdate& one : batch.metadata) {
    if (!head_.has_series(one.ref)) continue;
    if (metadata_.changes(static_cast<SeriesId>(one.ref), one.metadata))
      new_metadata_.push_back({one.ref, one.metadata});
  }
}

}  // namespace narthex::tsdb
