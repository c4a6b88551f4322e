// How samples move on, from memory to files and blocks, and how they are deleted.
#include <algorithm>

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
    if (full.empty()) return;
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
