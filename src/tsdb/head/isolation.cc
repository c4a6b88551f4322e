#include "tsdb/head/isolation.h"

#include <algorithm>

namespace narthex::tsdb {

std::shared_ptr<const Isolation::Reader> Isolation::begin_read(model::TimestampMs oldest) {
  const util::MutexLock lock(mutex_);
  readers_.insert(last_complete_);
  const ReaderNumber number = next_reader_++;
  oldest_times_.emplace(number, oldest);
  return std::make_shared<const Reader>(*this, last_complete_, number);
}

void Isolation::forget(CommitSequence sequence, ReaderNumber number) {
  const util::MutexLock lock(mutex_);
  readers_.erase(readers_.find(sequence));
  oldest_times_.erase(number);
  reader_gone_.notify_all();
}

ReaderNumber Isolation::next_reader() const {
  const util::MutexLock lock(mutex_);
  return next_reader_;
}

bool Isolation::gone_before(ReaderNumber number) const {
  const util::MutexLock lock(mutex_);
  return oldest_times_.empty() || oldest_times_.begin()->first >= number;
}

bool Isolation::wait_for_readers_before(model::TimestampMs time,
                                        std::chrono::nanoseconds patience) const {
  const util::MutexLock lock(mutex_);
  return reader_gone_.wait_for(mutex_, patience, [&]() NX_NO_THREAD_SAFETY_ANALYSIS {
    return std::ranges::none_of(oldest_times_,
                                [time](const auto& reader) { return reader.second < time; });
  });
}

bool Isolation::wait_until_gone(ReaderNumber number, std::chrono::nanoseconds patience) const {
  const util::MutexLock lock(mutex_);
  return reader_gone_.wait_for(mutex_, patience, [&]() NX_NO_THREAD_SAFETY_ANALYSIS {
    return oldest_times_.empty() || oldest_times_.begin()->first >= number;
  });
}

CommitSequence Isolation::begin_commit() {
  readers_of_commit_.clear();
  CommitSequence commit = 0;
  {
    const util::MutexLock lock(mutex_);
    std::ranges::unique_copy(readers_, std::back_inserter(readers_of_commit_));
    commit = last_complete_ + 1;
  }
  if (old_count_.load() != 0) {
    const util::MutexLock lock(old_mutex_);
    // What every reader sees anyway is of no use to any.
    if (readers_of_commit_.empty() || readers_of_commit_.front() >= old_newest_) {
      old_.clear();
      old_count_ = 0;
    }
  }
  return commit;
}

void Isolation::end_commit(CommitSequence commit) {
  const util::MutexLock lock(mutex_);
  last_complete_ = commit;
}

void Isolation::keep_old(SeriesId id, const HeadSeries& series) {
  // The newest reader that does not see the series' last commit. If a cutoff that it does not see
  // either is kept already, that one is the right one for it, and for all older readers there is
  // one as well.
  const auto it = std::ranges::lower_bound(readers_of_commit_, series.commit);
  const CommitSequence reader = *std::prev(it);
  const util::MutexLock lock(old_mutex_);
  std::vector<Old>& kept = old_[id];
  if (!kept.empty() && kept.back().commit > reader) return;
  kept.push_back({series.commit, series.cutoff});
  old_newest_ = std::max(old_newest_, series.commit);
  ++old_count_;
}

std::optional<model::TimestampMs> Isolation::older_cutoff(const Reader& reader, SeriesId id) const {
  const util::MutexLock lock(old_mutex_);
  const auto it = old_.find(id);
  if (it == old_.end()) return std::nullopt;
  // The first commit that the reader does not see.
  const auto old = std::ranges::upper_bound(it->second, reader.sequence(), {}, &Old::commit);
  if (old == it->second.end()) return std::nullopt;
  return old->cutoff;
}

CommitSequence Isolation::last_complete() const {
  const util::MutexLock lock(mutex_);
  return last_complete_;
}

CommitSequence Isolation::low_watermark() const {
  const util::MutexLock lock(mutex_);
  return readers_.empty() ? last_complete_ : *readers_.begin();
}

}  // namespace narthex::tsdb
