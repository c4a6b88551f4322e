// The newest exemplars of all series, in one ring: a new one takes the place of the oldest (ST-H9).
//
// It keeps the labels of the series, so that exemplars outlast a series that leaves the head.
// Threads: synchronized.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/model/labels.h"
#include "narthex/model/matcher.h"
#include "narthex/model/timestamp.h"
#include "narthex/storage/exemplars.h"
#include "narthex/util/mutex.h"

namespace narthex::tsdb {

enum class ExemplarOutcome : std::uint8_t {
  kOk,
  kDuplicate,   // The series' newest one is the same.
  kOutOfOrder,  // Older than the series' newest one.
  kTooLong,     // Labels of more than 128 characters.
  kDisabled,    // The ring has no room at all.
};

// Counted since the start. Relaxed atomics: statistics only.
struct ExemplarCounters {
  std::atomic<std::uint64_t> appended{0};
  std::atomic<std::uint64_t> out_of_order{0};
};

struct ExemplarStats {
  std::size_t capacity = 0;
  std::size_t stored = 0;
  std::size_t series = 0;
  model::TimestampMs oldest = 0;  // Of the one that goes next; 0: there is none.
};

class ExemplarRing {
 public:
  explicit ExemplarRing(std::size_t capacity);
  ~ExemplarRing();

  // What append() would say, without doing it.
  [[nodiscard]] ExemplarOutcome check(const model::Labels& series,
                                      const storage::ExemplarPoint& exemplar) const;
  ExemplarOutcome append(const model::Labels& series, storage::ExemplarPoint exemplar);
  // Keeps the newest that fit.
  void resize(std::size_t capacity);
  // Of series for which one of the lists of matchers holds, in order of their labels, each one's
  // exemplars in the range in order of time.
  [[nodiscard]] std::vector<storage::SeriesExemplars> select(
      model::TimeRange range, std::span<const model::Matchers> any_of) const;

  [[nodiscard]] ExemplarStats stats() const;
  [[nodiscard]] const ExemplarCounters& counters() const noexcept { return counters_; }

 private:
  struct Series {
    model::Labels labels;
    storage::ExemplarPoint newest;
    std::size_t count = 0;  // Of its exemplars in the ring.
  };
  struct Slot {
    Series* series = nullptr;  // Null: empty.
    storage::ExemplarPoint exemplar;
  };

  [[nodiscard]] ExemplarOutcome check_locked(const model::Labels& series,
                                             const storage::ExemplarPoint& exemplar) const
      NX_REQUIRES(mutex_);
  void clear_slot(Slot& slot) NX_REQUIRES(mutex_);

  mutable util::Mutex mutex_;
  std::vector<Slot> slots_ NX_GUARDED_BY(mutex_);
  std::size_t next_ NX_GUARDED_BY(mutex_) = 0;  // Where the next one goes; the oldest, once full.
  std::size_t stored_ NX_GUARDED_BY(mutex_) = 0;
  // By the labels' bytes, which the series has.
  boost::unordered_flat_map<std::string_view, std::unique_ptr<Series>> series_
      NX_GUARDED_BY(mutex_);
  ExemplarCounters counters_;
};

}  // namespace narthex::tsdb
