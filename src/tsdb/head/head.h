// The newest samples of every series, in memory: where appends go and most queries are answered
// from. Rules: storage-format.md §9 (ST-A1 … A5, ST-H1, ST-H4).
//
// Threads: ensure_series, readers and statistics are synchronized. Commits (validate, then apply or
// discard) and replay calls come from one thread at a time; Db holds its commit lock around them.
// Lock order: creation, index, series page, isolation.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/storage/appender.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/mutex.h"

#include "tsdb/block/tombstones.h"
#include "tsdb/chunk/stable_array.h"
#include "tsdb/head/block_pool.h"
#include "tsdb/head/head_series.h"
#include "tsdb/head/isolation.h"
#include "tsdb/index/label_index.h"

namespace narthex::tsdb {

struct HeadOptions {
  std::int64_t chunk_range_ms =
      2 * 3600 *
      1000;  // Chunks end at multiples of this; half of it is how far back an append may reach.
  std::size_t samples_per_chunk = 120;
};

// Counted since the start. Relaxed atomics: statistics only.
struct HeadCounters {
  std::atomic<std::uint64_t> series_created{0};
  std::atomic<std::uint64_t> samples_appended{0};
  std::atomic<std::uint64_t> out_of_order{0};
  std::atomic<std::uint64_t> out_of_bounds{0};
  std::atomic<std::uint64_t> series_not_found{0};
  std::atomic<std::uint64_t> chunks_created{0};
  std::atomic<std::uint64_t> chunks{0};
};

struct SeriesDeletion {
  SeriesId id = kNoSeriesId;
  model::TimeRange range;
};

// A validated batch on its way into the log and then into the head. Reused between commits.
struct PreparedBatch {
  std::vector<HeadSeries*> series;  // By index into the batch; null = not stored (refused, or the
                                    // very sample that is there).
  std::size_t stored_count = 0;
  bool refused = false;  // kAllOrNothing and something did not fit: nothing may be stored.
};

enum class ReplayOutcome : std::uint8_t { kStored, kNotNewer, kUnknownSeries };

class Head {
 public:
  explicit Head(HeadOptions options) : options_(options) {}

  util::Result<void> ensure_series(std::span<const model::Labels> series,
                                   std::span<storage::EnsuredSeries> out);
  // Series whose definition is not in the log yet, oldest first; the caller logs them or gives them
  // back.
  [[nodiscard]] std::vector<SeriesId> take_unlogged();
  void give_back_unlogged(std::vector<SeriesId> ids);

  // Says which samples fit, and marks their series until apply() or discard().
  void validate(const storage::WriteBatch& batch, storage::Atomicity atomicity,
                PreparedBatch& prepared, storage::AppendReport& report);
  // Stores them; from here on new readers see the batch, whole.
  void apply(const storage::WriteBatch& batch, const PreparedBatch& prepared);
  static void discard(const PreparedBatch& prepared) noexcept;

  // While the log is read, before anyone else uses the head. Adds the series under this very id if
  // it is free; gives the id that the labels have then (another one if they were known, or if the
  // reference is unusable as an id).
  SeriesId replay_series(std::uint64_t ref, const model::Labels& labels);
  ReplayOutcome replay_sample(std::uint64_t ref, model::TimestampMs timestamp, double value);
  void prefetch(std::uint64_t ref) const noexcept {
    if (const HeadSeries* series = find_series(ref)) __builtin_prefetch(series, 1);
  }

  [[nodiscard]] std::unique_ptr<storage::Querier> querier(model::TimeRange range);

  // Hides samples from readers that begin after this. One call at a time.
  void add_deletions(std::span<const SeriesDeletion> deletions);
  // What is hidden, by series; changes as a whole.
  [[nodiscard]] std::shared_ptr<const Tombstones> deletions() const;

  [[nodiscard]] const LabelIndex& index() const noexcept { return index_; }
  [[nodiscard]] const HeadCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const Isolation& isolation() const noexcept { return isolation_; }
  // Of all samples; {kTimestampMax, kTimestampMin} while there are none.
  [[nodiscard]] model::TimeRange time_range() const noexcept {
    return {min_time_.load(), max_time_.load()};
  }
  // The oldest timestamp that an append may have now.
  [[nodiscard]] model::TimestampMs min_valid_time() const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const;
  // The series with this id, null if there is none.
  [[nodiscard]] HeadSeries* find_series(std::uint64_t ref) const noexcept;

 private:
  friend class HeadSeriesSet;
  friend class HeadQuerier;

  struct LastSample {
    model::TimestampMs timestamp;
    std::uint64_t value_bits;
  };
  using PendingSamples = boost::unordered_flat_map<storage::SeriesRef, LastSample>;

  void add_missing(std::span<const model::Labels> series, std::span<const std::uint32_t> hashes,
                   std::span<storage::EnsuredSeries> out) NX_REQUIRES(create_mutex_);
  HeadSeries& activate(SeriesId id);
  [[nodiscard]] storage::AppendOutcome check_sample(const LastSample& last, SeriesState state,
                                                    model::TimestampMs timestamp,
                                                    std::uint64_t value_bits,
                                                    model::TimestampMs min_valid) const noexcept;
  void count_refusal(storage::AppendOutcome outcome) noexcept;

  void append_sample(HeadSeries& series, model::TimestampMs timestamp, double value);
  [[nodiscard]] bool must_cut(HeadSeries& series, model::TimestampMs timestamp) const;
  void begin_chunk(HeadSeries& series, model::TimestampMs timestamp);
  void seal_chunk(HeadSeries& series);
  [[nodiscard]] model::TimestampMs first_timestamp(BlockIndex tail) const noexcept;
  void widen_time(model::TimestampMs low, model::TimestampMs high) noexcept;

  [[nodiscard]] SeriesPage& page_of(SeriesId id) const noexcept {
    return pages_[id >> SeriesPage::kBits];
  }

  const HeadOptions options_;
  LabelIndex index_;
  Isolation isolation_;
  HeadCounters counters_;
  std::atomic<model::TimestampMs> min_time_{model::kTimestampMax};
  std::atomic<model::TimestampMs> max_time_{model::kTimestampMin};

  StableArray<SeriesPage, 0, 32 - SeriesPage::kBits> pages_;
  BlockPool blocks_;                     // Changed by the committing thread.
  StableArray<SealedChunk, 10> sealed_;  // Likewise.
  SealedIndex sealed_end_ = 1;
  PendingSamples pending_;  // Of the batch that is being validated.

  mutable util::Mutex deletions_mutex_;
  std::shared_ptr<const Tombstones> deletions_ NX_GUARDED_BY(deletions_mutex_) =
      std::make_shared<Tombstones>();

  util::Mutex create_mutex_;
  SeriesId next_id_ NX_GUARDED_BY(create_mutex_) = 1;
  std::vector<SeriesId> unlogged_ NX_GUARDED_BY(create_mutex_);
};

}  // namespace narthex::tsdb
