// Who may see what: a reader sees exactly the commits that were complete when it began (ST-H4).
//
// Commits are numbered. A series knows the last commit that touched it and its newest timestamp
// before that, which is all that a reader needs as long as no second commit touches the series in
// its lifetime. For those that live longer the older cutoffs are kept here, at most one for each
// series and reader, and only while such readers exist. Threads: synchronized; begin_commit …
// end_commit by one thread at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/util/mutex.h"

#include "tsdb/head/head_series.h"

namespace narthex::tsdb {

using ReaderNumber = std::uint64_t;

class Isolation {
 public:
  // Registered for its whole life.
  class Reader {
   public:
    Reader(Isolation& isolation, CommitSequence sequence, ReaderNumber number) noexcept
        : isolation_(isolation), sequence_(sequence), number_(number) {}
    ~Reader() { isolation_.forget(sequence_, number_); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    // The newest commit it sees.
    [[nodiscard]] CommitSequence sequence() const noexcept { return sequence_; }

   private:
    Isolation& isolation_;
    CommitSequence sequence_;
    ReaderNumber number_;
  };
  // `oldest` is the oldest timestamp that it will ask for.
  [[nodiscard]] std::shared_ptr<const Reader> begin_read(
      model::TimestampMs oldest = model::kTimestampMin);

  // The number that the next reader will have: readers number themselves in order of beginning.
  [[nodiscard]] ReaderNumber next_reader() const;
  // Whether all readers with a smaller number have gone.
  [[nodiscard]] bool gone_before(ReaderNumber number) const;
  // Waits until no reader is left that may ask for samples before `time`; false after `patience`.
  [[nodiscard]] bool wait_for_readers_before(model::TimestampMs time,
                                             std::chrono::nanoseconds patience) const;

  // Waits for what gone_before() asks; false after `patience`.
  [[nodiscard]] bool wait_until_gone(ReaderNumber number, std::chrono::nanoseconds patience) const;

  // The number of the commit that begins now.
  CommitSequence begin_commit();
  // To be called, with the series' page locked, before a commit changes a series for the first
  // time.
  void touch(SeriesId id, HeadSeries& series, CommitSequence commit) {
    if (series.commit == commit) return;
    if (!readers_of_commit_.empty() && readers_of_commit_.front() < series.commit)
      keep_old(id, series);
    series.cutoff = series.last_timestamp;
    series.commit = commit;
  }
  // From here on new readers see it.
  void end_commit(CommitSequence commit);

  // The newest timestamp of the series that the reader may see; call with the series' page locked.
  [[nodiscard]] model::TimestampMs visible_until(const Reader& reader, SeriesId id,
                                                 const HeadSeries& series) const {
    if (series.commit <= reader.sequence()) return model::kTimestampMax;
    // Relaxed: entries of this series are published by its page's lock, which the caller holds.
    if (old_count_.load(std::memory_order_relaxed) == 0) return series.cutoff;
    return older_cutoff(reader, id).value_or(series.cutoff);
  }

  [[nodiscard]] CommitSequence last_complete() const;
  // The oldest sequence that some reader still reads at; the last complete one when there are no
  // readers.
  [[nodiscard]] CommitSequence low_watermark() const;
  [[nodiscard]] std::size_t kept_cutoffs() const noexcept { return old_count_.load(); }

 private:
  struct Old {
    CommitSequence commit;
    model::TimestampMs cutoff;
  };

  void forget(CommitSequence sequence, ReaderNumber number);
  void keep_old(SeriesId id, const HeadSeries& series);
  [[nodiscard]] std::optional<model::TimestampMs> older_cutoff(const Reader& reader,
                                                               SeriesId id) const;

  mutable util::Mutex mutex_;
  CommitSequence last_complete_ NX_GUARDED_BY(mutex_) = 0;
  std::multiset<CommitSequence> readers_ NX_GUARDED_BY(mutex_);
  ReaderNumber next_reader_ NX_GUARDED_BY(mutex_) = 1;
  // The readers by number, with the oldest timestamp of each.
  std::map<ReaderNumber, model::TimestampMs> oldest_times_ NX_GUARDED_BY(mutex_);
  mutable util::CondVar reader_gone_;

  // The committing thread's own: the readers at the beginning of its commit, ascending, unique.
  // Later ones see all earlier commits.
  std::vector<CommitSequence> readers_of_commit_;

  mutable util::Mutex old_mutex_;  // Taken after a series page's.
  boost::unordered_flat_map<SeriesId, std::vector<Old>> old_
      NX_GUARDED_BY(old_mutex_);  // Ascending by commit.
  CommitSequence old_newest_ NX_GUARDED_BY(old_mutex_) = 0;
  std::atomic<std::size_t> old_count_{0};
};

}  // namespace narthex::tsdb
