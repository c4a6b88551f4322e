// How samples move on, from memory to files and blocks, and how they are deleted.
#include <algorithm>
#include <iterator>

#include "narthex/util/log.h"

#include "tsdb/db/db_impl.h"

namespace narthex::tsdb {

namespace {

// How long a truncation waits for queries that read what it wants to drop.
constexpr std::chrono::seconds kTruncationPatience{1};

}  // namespace

util::Result<void> DbImpl::maintain() {
  const Turnstile::Turn turn(rounds_);
  auto done = maintenance_.run_round();
  truncate_head();
  // What went into a block needs no file.
  file_full_chunks();
  return done;
}

util::Result<void> DbImpl::delete_series(std::span<const model::Matcher> matchers,
                                         model::TimeRange range,
                                         const storage::Deadline& deadline) {
  // The head first: a sample that moves into a block meanwhile is met there.
  NX_TRY(delete_from_head(matchers, range, deadline));
  return maintenance_.delete_from_blocks(matchers, range, deadline);
}

util::Result<void> DbImpl::delete_from_head(std::span<const model::Matcher> matchers,
                                            model::TimeRange range,
                                            const storage::Deadline& deadline) {
  const model::TimeRange late = head_.late_range();
  const model::TimestampMs oldest = std::min(head_.time_range().min, late.min);
  if (range.max < oldest || range.min > std::max(head_.time_range().max, late.max)) return {};
  // While there is a reader, labels of series that go stay where they are.
  const Head::Reader reader =
      head_.begin_read(HeadQuery{.range = range, .parts = HeadQuery::Parts::kLate});
  NX_ASSIGN(const auto selected, head_.index().select(matchers, deadline));
  std::vector<SeriesDeletion> deletions;
  std::vector<RefTombstone> stones;
  const util::MutexLock lock(commit_mutex_);
  if (closed_) return util::fail(util::Code::kUnavailable, "storage is closed");
  for (const SelectedSeries& one : selected) {
    const HeadSeries* series = head_.find_series(one.id);
    if (series == nullptr) continue;
    // Samples that come later are not deleted. Only a commit moves the last time.
    const model::TimeRange of_series{std::max(range.min, oldest),
                                     std::min(range.max, head_.newest_timestamp(one.id, *series))};
    if (of_series.min > of_series.max) continue;
    deletions.push_back({one.id, of_series});
    stones.push_back({one.id, of_series});
  }
  if (deletions.empty()) return {};
  NX_TRY(log_->begin());
  records_.add_tombstones(*log_, stones);
  NX_TRY(log_->commit_durably());
  head_.add_deletions(deletions);
  return {};
}

void DbImpl::run_maintenance() {
  const auto done = maintain();
  if (!done && done.error().code() != util::Code::kCanceled) {
    util::log_error("Maintenance of the data directory failed, it is tried again",
                    {{"component", "tsdb"}, {"err", done.error()}});
  }
}

void DbImpl::file_full_chunks() {
  // What is left of a full disk is for what frees space.
  if (disk_.is_read_only()) return;
  const Turnstile::Turn turn(filing_);
  std::vector<FileChunkRef> refs;
  for (;;) {
    Head::FullChunks full;
    {
      const util::MutexLock lock(commit_mutex_);
      // A start that failed must not write.
      if (closed_ || !log_) return;
      full = head_.take_full_chunks();
    }
    if (full.empty()) break;
    const auto written = chunk_files_.append(full.chunks(), refs);
    const util::MutexLock lock(commit_mutex_);
    if (!written) {
      head_.give_back(full);
      util::log_warn("Full chunks could not be written to their file, they stay in memory",
                     {{"component", "tsdb"}, {"err", written.error()}});
      return;
    }
    head_.chunks_filed(full, refs);
  }
  // Those that are on their way into blocks go away with them.
  if (maintenance_.late_settled()) file_late_chunks();
}

void DbImpl::file_late_chunks() {
  std::vector<FileChunkRef> refs;
  for (;;) {
    Head::FullLate full;
    {
      const util::MutexLock lock(commit_mutex_);
      full = head_.take_full_late();
      if (full.chunks().empty()) {
        head_.give_back_late(nullptr);
        return;
      }
    }
    auto done = chunk_files_.append(full.chunks(), refs);
    const util::MutexLock lock(commit_mutex_);
    if (done) done = log_late_chunks(full, refs);
    if (done) continue;
    // What came into a file counts for nothing: no marker names it.
    head_.give_back_late(&full);
    disk_.note(done.error());
    util::log_warn("Chunks of out-of-order samples could not be filed, they stay in memory",
                   {{"component", "tsdb"}, {"err", done.error()}});
    return;
  }
}

util::Result<void> DbImpl::log_late_chunks(const Head::FullLate& full,
                                           std::span<const FileChunkRef> refs) {
  NX_ASSIGN(const auto first, chunk_files_.read(refs.front()));  // All are in one file.
  std::vector<RefChunkMarker> markers;
  for (std::size_t k = 0; k < refs.size(); ++k)
    markers.push_back({full.chunks()[k].series, refs[k]});
  // A reader takes a marker to mean that all samples of its series that the log has before it are
  // in files. Those that are not follow it, once more.
  PreparedBatch again;
  for (std::size_t k = 0; k < full.series().size(); ++k) {
    storage::SampleColumns samples;
    NX_TRY(head_.unfiled_late(full, k, samples));
    const SeriesId id = full.series()[k];
    again.late_refs.insert(again.late_refs.end(), samples.float_timestamps.size(), id);
    std::ranges::copy(samples.float_timestamps, std::back_inserter(again.late_timestamps));
    std::ranges::copy(samples.float_values, std::back_inserter(again.late_values));
    for (std::size_t i = 0; i < samples.histograms.size(); ++i) {
      auto histogram =
          std::make_shared<const model::FloatHistogram>(std::move(samples.histograms[i]));
      PreparedHistogram& one = again.late_histograms.emplace_back();
      one.ref = id;
      one.timestamp = samples.histogram_timestamps[i];
      one.floating = histogram.get();
      again.owned.push_back(std::move(histogram));
    }
  }
  if (!late_log_) NX_TRY(open_late_log());
  NX_TRY(late_log_->begin());
  records_.add_chunk_markers(*late_log_, markers);
  records_.add_late_samples(*late_log_, again);
  records_.add_histograms(*late_log_, again.late_histograms);
  NX_TRY(options_.wal_sync_interval.count() == 0 ? late_log_->commit_durably()
                                                 : late_log_->commit());
  head_.late_filed(full, refs, first.file);
  return {};
}

void DbImpl::truncate_head() {
  const model::TimestampMs begin = maintenance_.head_begin();
  // While late samples that were deleted are in their log, the other one keeps the deletions.
  if (begin <= truncated_ || !maintenance_.late_settled()) return;
  stop_appends_before(begin);
  const Turnstile::Turn turn(filing_);
  if (const auto done = truncation_->run(begin, kTruncationPatience); !done) {
    util::log_warn("The head or its log could not be truncated, it is tried again",
                   {{"component", "tsdb"}, {"err", done.error()}});
    return;
  }
  truncated_ = begin;
  const util::MutexLock lock(commit_mutex_);
  head_.forget_deletions_before(begin);
  metadata_.keep_only([this](SeriesId id) { return head_.has_series(id); });
}

void DbImpl::stop_appends_before(model::TimestampMs time) {
  const util::MutexLock lock(commit_mutex_);
  head_.stop_appends_before(time);
}

util::Result<LateCut> DbImpl::cut_late() {
  const util::MutexLock lock(commit_mutex_);
  if (closed_) return util::fail(util::Code::kCanceled, "storage is closed");
  if (!late_log_) NX_TRY(open_late_log());
  // What comes from here on stays when what there is goes: no chunk may have both.
  head_.seal_late();
  NX_TRY(late_log_->next_segment());
  return LateCut{.until = head_.isolation().last_complete(),
                 .segment = late_log_->current_segment()};
}

util::Result<void> DbImpl::drop_late(const LateCut& cut) {
  {
    const util::MutexLock lock(commit_mutex_);
    if (closed_) return util::fail(util::Code::kCanceled, "storage is closed");
    head_.drop_late(cut.until);
  }
  // After a failed sync the writer may want to read the old segments again: not without this.
  NX_TRY(late_log_opened_.load()->sync());
  if (cut.segment == 0) return {};
  auto removed = remove_log_up_to(env_, options_.path + "/wbl", cut.segment - 1);
  ++(removed ? late_counters_.truncations : late_counters_.truncations_failed);
  return removed;
}

}  // namespace narthex::tsdb
