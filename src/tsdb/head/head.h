// The newest samples of every series, in memory: where appends go and most queries are answered
// from. Rules: storage-format.md §9 (ST-A1 … A5, ST-H1, ST-H4).
//
// Threads: ensure_series, readers and statistics are synchronized. Commits (validate, then apply or
// discard) and replay calls come from one thread at a time; Db holds its commit lock around them.
// Lock order: creation, index, series page, isolation.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/storage/appender.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/memory_budget.h"
#include "narthex/util/mutex.h"

#include "tsdb/block/chunk_reader.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/chunk/sample_cache.h"
#include "tsdb/chunk/stable_array.h"
#include "tsdb/head/block_pool.h"
#include "tsdb/head/head_chunk_files.h"
#include "tsdb/head/head_series.h"
#include "tsdb/head/head_snapshot.h"
#include "tsdb/head/isolation.h"
#include "tsdb/index/label_index.h"

namespace narthex::tsdb {

struct HeadOptions {
  std::int64_t chunk_range_ms =
      2 * 3600 *
      1000;  // Chunks end at multiples of this; half of it is how far back an append may reach.
  std::size_t samples_per_chunk = 120;
  SampleCache* sample_cache = nullptr;  // Outlives the head. Null: none.
  HeadChunkFiles* files = nullptr;      // Where full chunks go; null: they stay in memory.
  // No new series while it is spent, but for those of the log. Outlives the head. Null: no limit.
  const util::MemoryBudget* memory = nullptr;
};

// Counted since the start. Relaxed atomics: statistics only.
struct HeadCounters {
  std::atomic<std::uint64_t> series_created{0};
  std::atomic<std::uint64_t> series_removed{0};
  std::atomic<std::uint64_t> series_refused{0};  // Asked for while the memory budget was spent.
  std::atomic<std::uint64_t> chunks_removed{0};
  std::atomic<std::uint64_t> truncations{0};
  std::atomic<std::uint64_t> samples_appended{0};  // Floats.
  std::atomic<std::uint64_t> histograms_appended{0};
  std::atomic<std::uint64_t> out_of_order{0};
  std::atomic<std::uint64_t> out_of_bounds{0};
  std::atomic<std::uint64_t> histograms_out_of_order{0};
  std::atomic<std::uint64_t> histograms_out_of_bounds{0};
  std::atomic<std::uint64_t> too_old{0};
  std::atomic<std::uint64_t> histograms_too_old{0};
  std::atomic<std::uint64_t> late_appended{0};  // Floats behind newer samples; counted above, too.
  std::atomic<std::uint64_t> late_histograms_appended{0};
  std::atomic<std::uint64_t> series_not_found{0};
  std::atomic<std::uint64_t> chunks_created{0};
  std::atomic<std::uint64_t> chunks{0};
};

struct SeriesDeletion {
  SeriesId id = kNoSeriesId;
  model::TimeRange range;
};

// A validated batch on its way into the log and then into the head. Reused between commits.
struct PreparedHistogram {
  HeadSeries* series = nullptr;
  storage::SeriesRef ref = storage::kNoSeries;
  model::TimestampMs timestamp = 0;
  // Exactly one is set.
  const model::IntHistogram* integer = nullptr;
  const model::FloatHistogram* floating = nullptr;
  // Of a float stale marker that became this histogram: where it stands among the batch's floats,
  // and the marker of the same series before it, if there is one.
  std::size_t marker_index = 0;
  PreparedHistogram* earlier_marker = nullptr;
  bool taken_back = false;  // The marker remains a float after all.
};

struct PreparedBatch {
  std::vector<HeadSeries*> series;  // By index into the batch's floats; null = not stored (refused,
                                    // or the very sample that is there, or among the histograms).
  std::size_t stored_count = 0;     // Of them.
  // Those that are stored, in order. A float stale marker behind a histogram is one of them
  // (ST-A4). They refer to the batch.
  std::vector<PreparedHistogram> histograms;
  // Histograms of the batch in the form in which they are stored, where that is another one.
  std::vector<std::shared_ptr<const void>> owned;
  // Samples behind newer ones of their series that the window takes (ST-A2), in order of the batch.
  std::vector<storage::SeriesRef> late_refs;
  std::vector<model::TimestampMs> late_timestamps;
  std::vector<double> late_values;
  std::vector<PreparedHistogram> late_histograms;
  [[nodiscard]] bool any_late() const noexcept {
    return !late_refs.empty() || !late_histograms.empty();
  }
  [[nodiscard]] bool any_in_order() const noexcept {
    return stored_count != 0 || !histograms.empty();
  }
  [[nodiscard]] bool empty() const noexcept { return !any_in_order() && !any_late(); }
  bool refused = false;  // kAllOrNothing and something did not fit: nothing may be stored.
};

// What a reader asks the head for.
struct HeadQuery {
  model::TimeRange range;
  enum class Parts : std::uint8_t { kAll, kInOrder, kLate };
  Parts parts = Parts::kAll;
  // Samples in order begin here; what is older is a block's.
  model::TimestampMs in_order_begin = model::kTimestampMin;
  // Late samples of newer commits are left out.
  CommitSequence late_until = kAnyCommit;
};

enum class ReplayOutcome : std::uint8_t {
  kStored,
  kNotNewer,
  kInFile,  // The series' chunks in files have it.
  kUnknownSeries,
  kInvalid
};

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
  ReplayOutcome replay_histogram(std::uint64_t ref, model::TimestampMs timestamp,
                                 const model::IntHistogram& histogram);
  ReplayOutcome replay_histogram(std::uint64_t ref, model::TimestampMs timestamp,
                                 const model::FloatHistogram& histogram);
  // The same for samples of the log of late ones.
  ReplayOutcome replay_late(std::uint64_t ref, model::TimestampMs timestamp, double value);
  ReplayOutcome replay_late(std::uint64_t ref, model::TimestampMs timestamp,
                            const model::IntHistogram& histogram);
  ReplayOutcome replay_late(std::uint64_t ref, model::TimestampMs timestamp,
                            const model::FloatHistogram& histogram);
  // These chunks in files hold late samples that were replayed; false when there is no such series
  // or they cannot be decoded.
  bool replay_late_chunks(std::uint64_t ref, std::span<const LateChunkPtr> chunks);
  // Before replay_series: a chunk in a file of the series that the log defines under the
  // reference chunk.series. Samples of the log that such chunks have are passed over; behind damage
  // in the files a chunk does not count before the log has come to it, so that the log fills gaps.
  void replay_chunk(const FileChunk& chunk, FileChunkRef ref, bool after_damage);
  // When all of the log of samples in order has been read.
  void finish_replay();
  // New series get greater ids than this reference, which some log still names.
  void reserve_id(std::uint64_t ref);
  void prefetch(std::uint64_t ref) const noexcept {
    if (const HeadSeries* series = find_series(ref)) __builtin_prefetch(series, 1);
  }

  using Reader = std::shared_ptr<const Isolation::Reader>;
  [[nodiscard]] Reader begin_read(const HeadQuery& query);
  // Several parts of one query see the same commits.
  [[nodiscard]] std::unique_ptr<storage::Querier> querier(const HeadQuery& query, Reader reader);
  [[nodiscard]] std::unique_ptr<storage::Querier> querier(const HeadQuery& query) {
    return querier(query, begin_read(query));
  }
  [[nodiscard]] std::unique_ptr<storage::Querier> querier(model::TimeRange range) {
    return querier(HeadQuery{.range = range});
  }

  // How far behind the newest sample of all one may be that its series has a newer one than;
  // 0: no such samples are taken.
  void set_late_window(std::int64_t window_ms) noexcept { late_window_ms_ = window_ms; }
  [[nodiscard]] std::int64_t late_window_ms() const noexcept { return late_window_ms_.load(); }
  // Of the late samples; nothing (min > max) when there are none.
  [[nodiscard]] model::TimeRange late_range() const noexcept {
    return {late_min_.load(), late_max_.load()};
  }
  // Where the ranges of this length, aligned to it, begin that hold late samples. Ascending.
  // kCorruption when a chunk cannot be decoded.
  [[nodiscard]] util::Result<std::vector<model::TimestampMs>> late_range_begins(
      std::int64_t range_ms);
  // Drops the late samples of commits up to `until`: a block has them. By the committing thread,
  // when nobody is left who reads without that block.
  void drop_late(CommitSequence until);
  // The newest sample of the series, late ones included. By the committing thread.
  [[nodiscard]] model::TimestampMs newest_timestamp(SeriesId id, const HeadSeries& series) const;

  // Hides samples from readers that begin after this. One call at a time.
  void add_deletions(std::span<const SeriesDeletion> deletions);
  // Drops the deletions that hide nothing any more: those of series that are gone, and those before
  // `time` where there are no late samples. By the committing thread, after a truncation at `time`.
  void forget_deletions_before(model::TimestampMs time);
  // What is hidden, by series; changes as a whole.
  [[nodiscard]] std::shared_ptr<const Tombstones> deletions() const;

  // How full chunks go to files:
  // 1. take_full_chunks(), committing thread: some of those that are not in a file yet.
  // 2. options.files->append(full.chunks()).
  // 3. chunks_filed(), committing thread: readers use the files from here on, and the memory is
  //    free when those who may be at it are gone. Or give_back(), committing thread.
  class FullChunks {
   public:
    [[nodiscard]] std::span<const FileChunk> chunks() const noexcept { return chunks_; }
    // There was nothing to take.
    [[nodiscard]] bool empty() const noexcept { return series_.empty(); }

   private:
    friend class Head;
    std::vector<SeriesId> series_;
    std::vector<SealedIndex> indices_;
    std::vector<FileChunk> chunks_;
    std::string bytes_;
    std::shared_ptr<const Isolation::Reader> reader_;
  };
  [[nodiscard]] FullChunks take_full_chunks();

  // How full chunks of late samples go to files; in between, what is late must not be compacted:
  // 1. take_full_late(), committing thread, until it gives nothing.
  // 2. options.files->append(full.chunks()).
  // 3. Committing thread, at once: the log gets markers of them, and again what unfiled_late()
  //    gives, for a marker says that all before it is in files. Then late_filed(); readers use the
  //    files from here on.
  // 4. give_back_late(), committing thread, when a step has failed, and at the end: what could not
  //    be taken yet is looked at the next time.
  class FullLate {
   public:
    [[nodiscard]] std::span<const FileChunk> chunks() const noexcept { return files_; }
    [[nodiscard]] std::span<const SeriesId> series() const noexcept { return series_; }

   private:
    friend class Head;
    std::vector<SeriesId> series_;     // That have chunks here, ascending.
    std::vector<std::size_t> counts_;  // Of its chunks: the oldest of each that are in memory.
    std::vector<FileChunk> files_;
    std::vector<LateChunkPtr> late_;  // Of each.
  };
  [[nodiscard]] FullLate take_full_late();
  void late_filed(const FullLate& full, std::span<const FileChunkRef> refs,
                  const std::shared_ptr<const util::MappedFile>& file);
  void give_back_late(const FullLate* failed);
  // Appends the late samples of series full.series()[index] that are in memory and not among the
  // chunks of `full`.
  util::Result<void> unfiled_late(const FullLate& full, std::size_t index,
                                  storage::SampleColumns& out) const;
  // Ends the open chunks of all series: what comes later is not in one chunk with what is there.
  // By the committing thread.
  void seal_late();
  void chunks_filed(const FullChunks& full, std::span<const FileChunkRef> refs);
  void give_back(const FullChunks& full);

  // What a snapshot at shutdown keeps of a series beside what is in files. The pointers are null
  // for a chunk of floats.
  struct OpenChunk {
    model::TimestampMs min = 0;
    model::TimestampMs max = 0;
    ChunkEncoding encoding = ChunkEncoding::kNone;
    std::string bytes;
    double last_value = 0;
    const model::IntHistogram* last_integer = nullptr;
    const model::FloatHistogram* last_floating = nullptr;
  };
  // All series, ascending by id, until `visit` fails; null without an open chunk. By the committing
  // thread.
  util::Result<void> visit_series(
      const std::function<util::Result<void>(SeriesId id, const OpenChunk* chunk)>& visit);
  // No series has this id or a greater one.
  [[nodiscard]] SeriesId next_series_id();
  // Whether some full chunk is not in a file. By the committing thread.
  [[nodiscard]] bool has_unfiled() const noexcept { return !unfiled_.empty(); }

  // How the oldest samples leave the head for a block:
  // 1. stop_appends_before(end), committing thread: what the block will hold is complete.
  // 2. snapshot({begin, end - 1}), any thread: the block is written from it.
  // 3. Queries are sent to the block; isolation().wait_for_readers_before(end).
  // 4. truncate_step(), committing thread, until it gives false.

  // Samples before `time` are out of bounds from here on. Never goes back.
  void stop_appends_before(model::TimestampMs time) noexcept;
  // The series that have chunks in the range, in order of their labels. Both may be used by any
  // thread, and must go before the head does.
  [[nodiscard]] std::unique_ptr<HeadSnapshot> snapshot(model::TimeRange range);

  // A truncation on its way; every step looks at some thousand series.
  struct Truncation {
    model::TimestampMs before = 0;  // All chunks that end before it go, and the series that
                                    // have no others.
    SeriesId next = 1;              // The series to look at next.
    model::TimestampMs oldest = model::kTimestampMax;  // What remains begins here.
    std::vector<SeriesId> removed;                     // Series that went, ascending.
    // No chunk that remains is in a file with a smaller number.
    std::uint32_t oldest_file = std::numeric_limits<std::uint32_t>::max();
  };
  // Precondition: stop_appends_before(before) was called, and nobody reads before it any more.
  // False when it is done.
  bool truncate_step(Truncation& truncation);

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
  // Of the series that there are now.
  [[nodiscard]] CardinalityReport cardinality(std::size_t limit) const;
  // Whether there is a series with this id now.
  [[nodiscard]] bool has_series(std::uint64_t ref) const {
    return ref <= kSeriesIdMax && index_.labels_of(static_cast<SeriesId>(ref)).block() != nullptr;
  }
  // For the committing thread and replay. The series with this id, null if there is none.
  [[nodiscard]] HeadSeries* find_series(std::uint64_t ref) const noexcept;

 private:
  friend class HeadSeriesSet;
  friend class HeadSnapshot;
  friend class HeadQuerier;

  struct LastSample {
    model::TimestampMs timestamp;
    std::uint64_t value_bits;                // Of a float.
    PreparedHistogram* histogram = nullptr;  // Or it is a histogram of the batch.
  };
  using PendingSamples = boost::unordered_flat_map<storage::SeriesRef, LastSample>;

  void add_missing(std::span<const model::Labels> series, std::span<const std::uint32_t> hashes,
                   std::span<storage::EnsuredSeries> out) NX_REQUIRES(create_mutex_);
  HeadSeries& activate(SeriesId id);
  // What a batch's samples are measured by.
  struct Limits {
    model::TimestampMs min_valid = 0;   // Of samples in order.
    bool takes_late = false;            // There is a window for late ones,
    model::TimestampMs late_begin = 0;  // which begins here.
  };
  [[nodiscard]] Limits limits() const noexcept;
  struct Verdict {
    storage::AppendOutcome outcome = storage::AppendOutcome::kOk;
    bool late = false;  // It is fine, but not in order.
  };
  [[nodiscard]] static Verdict behind(model::TimestampMs timestamp, const Limits& limits) noexcept;
  [[nodiscard]] static Verdict check_sample(const LastSample& last, SeriesState state,
                                            model::TimestampMs timestamp, std::uint64_t value_bits,
                                            const Limits& limits) noexcept;
  void count_refusal(storage::AppendOutcome outcome) noexcept;

  void know_pending(const storage::WriteBatch& batch, const PreparedBatch& prepared,
                    std::size_t count);
  // The newest sample of the series, in the head or in the batch, is a histogram: its stale marker
  // becomes one (ST-A4).
  void prepare_stale_marker(const storage::WriteBatch& batch, std::size_t index, HeadSeries& series,
                            PreparedBatch& prepared);
  // A float follows them in the batch, whose floats are applied before its histograms.
  static void take_back_markers(PreparedHistogram* newest, PreparedBatch& prepared);
  void validate_histograms(const storage::WriteBatch& batch, PreparedBatch& prepared,
                           storage::AppendReport& report);
  [[nodiscard]] Verdict check_histogram_sample(const PreparedHistogram& next,
                                               const Limits& limits) const;
  // Whether the batch has a sample of the series at this time already. The first is kept, as
  // upstream does.
  [[nodiscard]] bool repeats_batch(const PreparedHistogram& next) const;
  // Whether the series' newest sample, in the head or in the batch, is this very one.
  [[nodiscard]] bool is_newest(const PreparedHistogram& next) const;
  void count_histogram_refusal(storage::AppendOutcome outcome) noexcept;
  void apply_histograms(const PreparedBatch& prepared, CommitSequence commit);
  void apply_late(const PreparedBatch& prepared, CommitSequence commit);
  bool insert_late(SeriesId id, LateSample sample);
  template <class Histogram>
  ReplayOutcome replay_late_histogram(std::uint64_t ref, model::TimestampMs timestamp,
                                      const Histogram& histogram);
  template <class Visit>
  void for_each_page(Visit visit);
  template <class Histogram>
  void append_histogram(SeriesPage& page, SeriesId id, HeadSeries& series,
                        model::TimestampMs timestamp, const Histogram& histogram);
  template <class Histogram>
  ReplayOutcome replay_one_histogram(std::uint64_t ref, model::TimestampMs timestamp,
                                     const Histogram& histogram);
  [[nodiscard]] bool must_cut_histograms(HeadSeries& series, SeriesExtra& extra,
                                         model::TimestampMs timestamp) const;
  void seal_histograms(SeriesId id, HeadSeries& series, SeriesExtra& extra);
  SealedChunk& new_sealed(SeriesId id, HeadSeries& series);
  [[nodiscard]] SealedIndex allocate_sealed();
  void free_sealed(SealedIndex index);
  // Precondition: in memory. With the sample count in front.
  void append_stored_chunk(std::string& out, const SealedChunk& chunk) const;
  void append_chain(std::string& out, BlockIndex tail, std::size_t bytes,
                    std::uint16_t sample_count) const;
  [[nodiscard]] util::Result<std::string> sealed_bytes(const SealedChunk& chunk) const;
  // Holds the bytes of a chunk while it is decoded. Bounded by kChunkBytesMax plus one sample for
  // floats; histograms may take more.
  struct SealedBytes {
    std::array<char, 1280> usual;
    std::string large;
    HeadChunkFiles::Chunk in_file;
  };
  // By whoever is registered as a reader. Valid until the next call with the same `bytes`.
  util::Result<StoredChunk> load_sealed(const SealedChunk& chunk, SealedBytes& bytes) const;

  void take_found_chunks(std::uint64_t ref, SeriesId id, bool is_new);
  void link_sealed(HeadSeries& series, SealedIndex index);
  // What waits for the log to come to `until`.
  void link_waiting(SeriesId id, HeadSeries& series, model::TimestampMs until);
  void recall_last_value(HeadSeries& series) const;
  [[nodiscard]] ReplayOutcome not_newer(std::uint64_t ref, const HeadSeries& series) const;

  void append_sample(SeriesId id, HeadSeries& series, model::TimestampMs timestamp, double value);
  [[nodiscard]] bool must_cut(HeadSeries& series, model::TimestampMs timestamp) const;
  void begin_chunk(HeadSeries& series, model::TimestampMs timestamp);
  void seal_chunk(SeriesId id, HeadSeries& series);
  [[nodiscard]] model::TimestampMs first_timestamp(BlockIndex tail) const noexcept;
  // Of the open chunk, of either kind; call with the page locked. kTimestampMax when there is none.
  [[nodiscard]] model::TimestampMs open_begin(const SeriesPage& page, SeriesId id,
                                              const HeadSeries& series) const;
  void widen_time(model::TimestampMs low, model::TimestampMs high) noexcept;

  // Memory that readers who began before number `free_at` may still look at.
  struct Garbage {
    ReaderNumber free_at = 0;
    std::vector<BlockIndex> chains;
    std::vector<SealedIndex> sealed;
    LabelIndex::Garbage index;
  };
  void truncate_page(SeriesPage& page, SeriesId first, SeriesId end, Truncation& truncation,
                     Garbage& garbage);
  // False when nothing of the series is left.
  bool truncate_series(SeriesPage& page, SeriesId id, HeadSeries& series, Truncation& truncation,
                       Garbage& garbage) NX_REQUIRES(page.mutex);
  void drop_extra(SeriesPage& page, SeriesId id);
  void drop_sealed(SealedIndex newest, Garbage& garbage);
  void remove_series(std::span<const SeriesId> ids, Garbage& garbage);
  void finish_truncation(const Truncation& truncation);
  void reclaim() noexcept;
  void release_empty_pages(std::span<const SeriesId> gone);

  [[nodiscard]] SeriesPage& page_of(SeriesId id) const noexcept {
    return pages_[id >> SeriesPage::kBits];
  }

  const HeadOptions options_;
  const std::uint64_t cache_source_ = SampleCache::next_source();
  LabelIndex index_;
  mutable Isolation isolation_;  // Readers register themselves.
  HeadCounters counters_;
  std::atomic<model::TimestampMs> min_time_{model::kTimestampMax};
  std::atomic<model::TimestampMs> max_time_{model::kTimestampMin};

  StableArray<SeriesPage, 0, 32 - SeriesPage::kBits> pages_;
  BlockPool blocks_;                     // Changed by the committing thread.
  StableArray<SealedChunk, 10> sealed_;  // Likewise.
  SealedIndex sealed_end_ = 1;
  std::vector<SealedIndex> free_sealed_;
  std::deque<Garbage> garbage_;  // The committing thread's, oldest first.
  // Have chunks that are complete and not in a file; the committing thread's. Some more than once.
  std::deque<SeriesId> unfiled_;
  // While a start reads: the chunks of a reference, linked from the newest, and of series that
  // wait for the log, oldest first.
  struct FoundChunks {
    SealedIndex newest = kNoSealed;
    SealedIndex newest_without_gap = kNoSealed;
    bool gap = false;  // Something may be missing before what comes next.
  };
  boost::unordered_flat_map<std::uint64_t, FoundChunks> found_;
  boost::unordered_flat_map<SeriesId, std::deque<SealedIndex>> waiting_;
  // Have chunks of late samples that are complete and not in a file; the committing thread's. Some
  // more than once. Of those in the second it could not be taken in this round.
  std::deque<SeriesId> unfiled_late_;
  std::vector<SeriesId> unfiled_late_later_;
  model::TimestampMs low_since_truncation_ = model::kTimestampMax;
  // Series below it that have no sample yet had one truncation's time to get one.
  SeriesId idle_end_ = 1;
  std::atomic<model::TimestampMs> min_valid_{model::kTimestampMin};
  std::atomic<std::size_t> extra_bytes_{0};  // Of open histogram chunks and late samples.
  std::atomic<std::int64_t> late_window_ms_{0};
  std::atomic<model::TimestampMs> late_min_{model::kTimestampMax};
  std::atomic<model::TimestampMs> late_max_{model::kTimestampMin};
  PendingSamples pending_;      // Of the batch that is being validated.
  bool pending_known_ = false;  // pending_ holds the newest sample of every series so far.

  mutable util::Mutex deletions_mutex_;
  std::shared_ptr<const Tombstones> deletions_ NX_GUARDED_BY(deletions_mutex_) =
      std::make_shared<Tombstones>();

  util::Mutex create_mutex_;
  SeriesId next_id_ NX_GUARDED_BY(create_mutex_) = 1;
  std::vector<SeriesId> unlogged_ NX_GUARDED_BY(create_mutex_);
};

}  // namespace narthex::tsdb
