// The Db: what its parts share. Each job has a file of its own: db.cc opens, answers and closes,
// db_start.cc fills the head from disk, db_append.cc takes batches, db_maintain.cc moves samples on
// to files and blocks, and deletes.
// Threads: as Db. Lock order: rounds_, filing_, commit_mutex_, then the parts' own.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "narthex/tsdb/db.h"
#include "narthex/util/mutex.h"

#include "tsdb/compact/plan.h"
#include "tsdb/db/batch_records.h"
#include "tsdb/db/block_store.h"
#include "tsdb/db/db_metrics.h"
#include "tsdb/db/disk_guard.h"
#include "tsdb/db/head_truncation.h"
#include "tsdb/db/instruments.h"
#include "tsdb/db/maintenance.h"
#include "tsdb/db/replay.h"
#include "tsdb/db/snapshot.h"
#include "tsdb/db/sync_loop.h"
#include "tsdb/db/turnstile.h"
#include "tsdb/head/exemplar_ring.h"
#include "tsdb/head/head.h"
#include "tsdb/head/series_metadata.h"
#include "tsdb/wal/log_writer.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

class DbImpl final : public Db {
 public:
  explicit DbImpl(DbOptions options);
  ~DbImpl() override;
  DbImpl(const DbImpl&) = delete;
  DbImpl& operator=(const DbImpl&) = delete;

  // Once, before anything else.
  util::Result<void> start(ReplayProgress* progress);

  util::Result<void> close() override;
  util::Result<void> ensure_series(std::span<const model::Labels> series,
                                   std::span<storage::EnsuredSeries> out) override;
  util::Result<void> append(const storage::WriteBatch& batch, storage::Atomicity atomicity,
                            storage::AppendReport& report) override;
  util::Result<std::unique_ptr<storage::Querier>> querier(model::TimeRange range) override;
  [[nodiscard]] std::vector<storage::SeriesExemplars> exemplars(
      model::TimeRange range, std::span<const model::Matchers> any_of) const override {
    return exemplars_.select(range, any_of);
  }
  void set_out_of_order_window(std::chrono::milliseconds window) override {
    const util::MutexLock lock(commit_mutex_);
    head_.set_late_window(window.count());
  }
  void set_retention(std::chrono::milliseconds time, std::uint64_t bytes) override {
    maintenance_.set_retention(time.count(), bytes);
  }
  void set_exemplars_max(std::size_t count) override { exemplars_.resize(count); }

  util::Result<void> maintain() override;
  util::Result<void> delete_series(std::span<const model::Matcher> matchers, model::TimeRange range,
                                   const storage::Deadline& deadline) override;
  util::Result<void> clean_tombstones() override { return maintenance_.clean_tombstones(); }
  util::Result<std::string> snapshot(bool skip_head) override {
    return maintenance_.snapshot(skip_head ? Maintenance::SnapshotHead::kSkip
                                           : Maintenance::SnapshotHead::kInclude);
  }

  [[nodiscard]] std::vector<BlockInfo> blocks() const override;
  [[nodiscard]] std::vector<std::string> blocks_set_aside() const override {
    return blocks_.set_aside();
  }
  [[nodiscard]] bool is_read_only() const override { return disk_.is_read_only(); }
  [[nodiscard]] const ReplayReport& replay_report() const override { return replay_report_; }
  [[nodiscard]] HeadStats head_stats() const override;
  [[nodiscard]] Cardinality cardinality(std::size_t limit) const override;

 private:
  // ---- Start and stop.
  void account_memory();
  util::Result<void> load_chunk_files();
  [[nodiscard]] ChunkFilesExtent chunk_files_extent() const;
  // One that cannot be used costs time: all of the log is read then.
  util::Result<void> take_over_snapshot(LogReplay& replay);
  void log_replay() const;
  void register_metrics();
  void start_loops();
  // After the log was closed. What fails costs the next start time, nothing else.
  void leave_snapshot() NX_REQUIRES(commit_mutex_);
  void sync_log();
  [[nodiscard]] std::string lock_path() const { return options_.path + "/lock"; }

  // ---- Batches.
  util::Result<void> log_batch(const storage::WriteBatch& batch,
                               std::span<const SeriesId> new_series) NX_REQUIRES(commit_mutex_);
  util::Result<void> open_late_log() NX_REQUIRES(commit_mutex_);
  // The segments are full batches of samples that their series had newer ones than.
  util::Result<void> log_late() NX_REQUIRES(commit_mutex_);
  // How far behind late samples are, refused ones included.
  void observe_delays(model::TimestampMs newest, const storage::WriteBatch& batch,
                      const storage::AppendReport& report) NX_REQUIRES(commit_mutex_);
  [[nodiscard]] model::Labels labels_of(storage::SeriesRef ref) const;
  // Which of the batch's are to be kept: those of known series that are newer than what there is.
  void find_exemplars(const storage::WriteBatch& batch) NX_REQUIRES(commit_mutex_);
  // Which of the batch's metadata are news, of known series.
  void find_metadata(const storage::WriteBatch& batch) NX_REQUIRES(commit_mutex_);

  // ---- Maintenance.
  util::Result<void> delete_from_head(std::span<const model::Matcher> matchers,
                                      model::TimeRange range, const storage::Deadline& deadline);
  void run_maintenance();
  // Chunks that are complete go from memory to files. What fails is tried again the next time.
  void file_full_chunks();
  // The same for chunks of late samples. By whoever has the turn of filing_.
  void file_late_chunks();
  util::Result<void> log_late_chunks(const Head::FullLate& full, std::span<const FileChunkRef> refs)
      NX_REQUIRES(commit_mutex_);
  // What the blocks have by now, the head and the log need not keep. By whoever has a round's turn.
  void truncate_head();
  void stop_appends_before(model::TimestampMs time);
  util::Result<LateCut> cut_late();
  util::Result<void> drop_late(const LateCut& cut);

  const DbOptions options_;
  util::Env& env_;
  SampleCache sample_cache_;
  HeadChunkFiles chunk_files_;
  bool chunk_files_sound_ = true;  // As the start found them; a crash has not torn them either.
  Turnstile filing_;               // One at a time writes or deletes them.
  Head head_;
  ExemplarRing exemplars_;
  BlockStore blocks_;
  DiskGuard disk_;
  Maintenance maintenance_;
  ReplayReport replay_report_;
  std::unique_ptr<util::FileLock> lock_;

  util::Mutex commit_mutex_;
  bool closed_ NX_GUARDED_BY(commit_mutex_) = false;
  PreparedBatch prepared_ NX_GUARDED_BY(commit_mutex_);
  std::vector<std::size_t> new_exemplars_ NX_GUARDED_BY(commit_mutex_);  // Of the batch, by index.
  std::vector<RefMetadata> new_metadata_ NX_GUARDED_BY(commit_mutex_);   // Of the batch.
  SeriesMetadata metadata_;  // Filled by replay, then used with commit_mutex_ held.
  BatchRecords records_ NX_GUARDED_BY(commit_mutex_){head_.index()};

  std::unique_ptr<LogWriter> log_;
  // Of late samples; made when there is a window for them, or there are some.
  std::unique_ptr<LogWriter> late_log_ NX_GUARDED_BY(commit_mutex_);
  std::atomic<LogWriter*> late_log_opened_{nullptr};  // The same, for whoever syncs.
  std::uint64_t late_segment_ = 0;                    // Its first segment.
  LateLogCounters late_counters_;
  Instruments instruments_;
  std::atomic<std::uint64_t> appenders_{0};  // Batches that wait or are being stored.
  std::unique_ptr<HeadTruncation> truncation_;
  // References of the log that name a series which has another id in the head.
  std::vector<std::pair<std::uint64_t, SeriesId>> aliases_;
  Turnstile rounds_;
  model::TimestampMs truncated_ = model::kTimestampMin;  // By whoever has a round's turn.
  double clean_start_ = -1;
  std::vector<telemetry::Registry::Callback> metrics_;
  std::vector<util::MemoryBudget::Owner> memory_owners_;
  std::optional<SyncLoop> sync_loop_;  // Behind what they use.
  std::optional<SyncLoop> maintenance_loop_;
  std::optional<SyncLoop> disk_loop_;
};

}  // namespace narthex::tsdb
