#include "narthex/tsdb/db.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "narthex/util/log.h"
#include "narthex/util/mutex.h"

#include "tsdb/compact/plan.h"
#include "tsdb/db/block_store.h"
#include "tsdb/db/db_metrics.h"
#include "tsdb/db/disk_guard.h"
#include "tsdb/db/head_truncation.h"
#include "tsdb/db/maintenance.h"
#include "tsdb/db/merged_querier.h"
#include "tsdb/db/replay.h"
#include "tsdb/db/snapshot.h"
#include "tsdb/db/sync_loop.h"
#include "tsdb/db/turnstile.h"
#include "tsdb/head/exemplar_ring.h"
#include "tsdb/head/head.h"
#include "tsdb/head/series_metadata.h"
#include "tsdb/wal/histogram_record.h"
#include "tsdb/wal/log_writer.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

namespace {

// Records stay well below what a reader wants to hold at once, and a damaged one costs little.
constexpr std::size_t kSamplesPerRecord = 4096;
constexpr std::size_t kSeriesPerRecord = 256;
constexpr std::size_t kExemplarsPerRecord = 1024;
constexpr std::size_t kMetadataPerRecord = 256;
constexpr std::size_t kHistogramBytesPerRecord = 64 << 10U;
// How long a truncation waits for queries that read what it wants to drop.
constexpr std::chrono::seconds kTruncationPatience{1};
// How soon appends go on when there is room on the disk again.
constexpr std::chrono::seconds kDiskProbeInterval{1};

// Seconds: 10 minutes to 12 hours.
constexpr std::array<double, 7> kDelayBounds{600, 1800, 3600, 7200, 10800, 21600, 43200};

// Seconds: 1 to 2^13.
constexpr std::array<double, 14> kCompactionBounds{1,   2,   4,   8,    16,   32,   64,
                                                   128, 256, 512, 1024, 2048, 4096, 8192};

std::vector<CardinalityEntry> to_entries(const std::vector<NameCount>& counts) {
  std::vector<CardinalityEntry> entries;
  entries.reserve(counts.size());
  for (const NameCount& one : counts) entries.push_back({one.name, one.count});
  return entries;
}

BlockInfo block_info(const BlockMeta& meta, std::uint64_t bytes) {
  BlockInfo out{.ulid = meta.ulid,
                .min_time = meta.min_time,
                .max_time = meta.max_time,
                .series = meta.stats.series,
                .samples = meta.stats.samples,
                .float_samples = meta.stats.float_samples,
                .histogram_samples = meta.stats.histogram_samples,
                .chunks = meta.stats.chunks,
                .tombstones = meta.stats.tombstones,
                .level = meta.level,
                .bytes = bytes,
                .sources = meta.sources,
                .parents = {},
                .hints = meta.hints,
                .deletable = meta.deletable,
                .failed = meta.failed,
                .version = meta.version};
  for (const BlockParent& parent : meta.parents)
    out.parents.push_back({parent.ulid, parent.min_time, parent.max_time});
  return out;
}

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

class DbImpl final : public Db {
 public:
  explicit DbImpl(DbOptions options)
      : options_(std::move(options)),
        env_(*options_.env),
        sample_cache_(options_.sample_cache_bytes),
        chunk_files_(env_, options_.path),
        head_({.chunk_range_ms = options_.block_range_min.count(),
               .samples_per_chunk = options_.samples_per_chunk,
               .sample_cache = &sample_cache_,
               .files = &chunk_files_,
               .memory = options_.memory}),
        exemplars_(options_.exemplars_max),
        blocks_(env_, options_.path),
        disk_(env_, options_.path, options_.disk_reserve_bytes, options_.disk_state_changed),
        maintenance_(maintenance_options(options_), *options_.clock, blocks_, head_) {
    head_.set_late_window(options_.out_of_order_window.count());
    account_memory();
    maintenance_.set_retention(options_.retention.count(), options_.retention_bytes);
    maintenance_.set_commit_side(
        {.stop_appends_before = [this](model::TimestampMs t) { stop_appends_before(t); },
         .cut_late = [this] { return cut_late(); },
         .drop_late = [this](const LateCut& cut) { return drop_late(cut); }});
  }
  ~DbImpl() override {
    if (const auto closed = close(); !closed)
      util::log_error("Closing the data directory failed", {{"err", closed.error()}});
  }
  DbImpl(const DbImpl&) = delete;
  DbImpl& operator=(const DbImpl&) = delete;

  util::Result<void> start(ReplayProgress* progress) {
    NX_TRY(env_.create_dirs(options_.path));
    if (options_.lock_file) {
      const bool left_over = env_.exists(lock_path());
      NX_ASSIGN(lock_, env_.lock_file(lock_path()));
      clean_start_ = left_over ? 0 : 1;
      if (left_over)
        util::log_warn("A lock file of an earlier run was taken over",
                       {{"component", "tsdb"}, {"file", lock_path()}});
    }
    if (options_.registry != nullptr) {
      maintenance_.observe_durations(&options_.registry->histogram(
          "prometheus_tsdb_compaction_duration_seconds", "How long compactions took, in seconds.",
          kCompactionBounds));
    }
    disk_.start();
    NX_TRY(maintenance_.start());
    const util::SteadyNs begin = options_.clock->steady_ns();
    head_.stop_appends_before(maintenance_.head_begin());
    LogReplay replay(env_, options_.path, {head_, exemplars_, metadata_}, replay_report_, progress);
    NX_TRY(load_chunk_files());
    NX_TRY(take_over_snapshot(replay));
    NX_ASSIGN(const std::uint64_t segment, replay.run());
    head_.finish_replay();
    NX_ASSIGN(late_segment_, replay.run_late());
    maintenance_.head_is_filled();
    replay_report_.duration = std::chrono::nanoseconds(options_.clock->steady_ns() - begin);
    const LogWriterOptions log_options{.segment_bytes = options_.wal_segment_bytes,
                                       .compression = options_.wal_compression};
    const std::string log_directory = options_.path + "/wal";
    NX_ASSIGN(log_, LogWriter::open(env_, log_directory, segment, log_options));
    truncation_ = std::make_unique<HeadTruncation>(
        HeadTruncation::Parts{env_, head_, chunk_files_, *log_, commit_mutex_, log_directory,
                              log_options, options_.block_range_min.count()});
    for (const auto& [ref, id] : replay.aliases()) truncation_->keep_record(ref, segment - 1);
    aliases_.assign(replay.aliases().begin(), replay.aliases().end());
    // What comes into the log from here on is not in it.
    remove_snapshots(env_, options_.path);
    {
      // Beside samples that were read back a new log begins; else it waits for the first one.
      const util::MutexLock lock(commit_mutex_);
      if (late_segment_ != 0 || options_.out_of_order_window.count() > 0) NX_TRY(open_late_log());
    }
    if (replay_report_.segments != 0) log_replay();
    if (options_.registry != nullptr) {
      late_delays_ = &options_.registry->histogram(
          "prometheus_tsdb_sample_ooo_delta",
          "How far behind the newest sample of all those are that are behind their series' newest, "
          "in seconds, refused ones included.",
          kDelayBounds);
      metrics_ = register_db_metrics(*options_.registry, {head_,
                                                          sample_cache_,
                                                          exemplars_,
                                                          chunk_files_,
                                                          *log_,
                                                          *truncation_,
                                                          replay_report_,
                                                          blocks_,
                                                          maintenance_,
                                                          disk_,
                                                          {late_log_opened_, late_counters_},
                                                          clean_start_});
    }
    if (options_.wal_sync_interval.count() > 0) {
      sync_loop_.emplace(*options_.clock, "tsdb-sync", options_.wal_sync_interval,
                         [this] { sync_log(); });
    }
    if (options_.block_reload_interval.count() > 0) {
      maintenance_loop_.emplace(*options_.clock, "tsdb-blocks", options_.block_reload_interval,
                                [this] { run_maintenance(); });
    }
    if (options_.disk_reserve_bytes != 0) {
      disk_loop_.emplace(*options_.clock, "tsdb-disk", kDiskProbeInterval,
                         [this] { disk_.probe(); });
    }
    if (progress != nullptr) progress->done = true;
    return {};
  }

  util::Result<void> close() override {
    maintenance_.stop();
    if (maintenance_loop_) maintenance_loop_->stop();
    if (sync_loop_) sync_loop_->stop();
    if (disk_loop_) disk_loop_->stop();
    file_full_chunks();
    const util::MutexLock lock(commit_mutex_);
    if (closed_) return {};
    closed_ = true;
    metrics_.clear();
    if (log_) NX_TRY(log_->close());
    if (late_log_) NX_TRY(late_log_->close());
    leave_snapshot();
    if (lock_) {
      NX_TRY(env_.remove_file(lock_path()));
      lock_.reset();
    }
    return {};
  }

  util::Result<void> ensure_series(std::span<const model::Labels> series,
                                   std::span<storage::EnsuredSeries> out) override {
    // What is new could not be logged and would fill memory.
    NX_TRY(disk_.check());
    return head_.ensure_series(series, out);
  }

  util::Result<void> append(const storage::WriteBatch& batch, storage::Atomicity atomicity,
                            storage::AppendReport& report) override {
    const util::MutexLock lock(commit_mutex_);
    if (closed_) return util::fail(util::Code::kUnavailable, "storage is closed");
    NX_TRY(disk_.check());
    const model::TimestampMs newest = head_.time_range().max;
    head_.validate(batch, atomicity, prepared_, report);
    find_exemplars(batch);
    find_metadata(batch);
    if (prepared_.refused ||
        (prepared_.empty() && new_exemplars_.empty() && new_metadata_.empty())) {
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

  util::Result<std::unique_ptr<storage::Querier>> querier(model::TimeRange range) override {
    // The head's reader is known before the list is taken: what leaves the head for a block of a
    // later list waits for it.
    HeadQuery in_head{.range = range, .in_order_begin = maintenance_.head_begin()};
    const Head::Reader reader = head_.begin_read(in_head);
    const auto blocks = blocks_.list();
    // The earlier part's samples count: those that came in order, then late ones in blocks, then
    // late ones in memory. While no block has late ones, the head merges its own.
    std::vector<std::unique_ptr<storage::Querier>> parts;
    std::vector<std::unique_ptr<storage::Querier>> late_parts;
    for (const BlockPtr& block : by_precedence(*blocks)) {
      if (!block->time_range().overlaps(range)) continue;
      (is_late(block) ? late_parts : parts).push_back(block_querier(block, range, &sample_cache_));
    }
    if (!late_parts.empty()) {
      in_head.parts = HeadQuery::Parts::kLate;
      late_parts.push_back(head_.querier(in_head, reader));
      in_head.parts = HeadQuery::Parts::kInOrder;
    }
    parts.push_back(head_.querier(in_head, reader));
    std::ranges::move(late_parts, std::back_inserter(parts));
    return merge_queriers(std::move(parts));
  }

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

  util::Result<void> maintain() override {
    const Turnstile::Turn turn(rounds_);
    auto done = maintenance_.run_round();
    truncate_head();
    // What went into a block needs no file.
    file_full_chunks();
    return done;
  }
  util::Result<void> delete_series(std::span<const model::Matcher> matchers, model::TimeRange range,
                                   const storage::Deadline& deadline) override {
    // The head first: a sample that moves into a block meanwhile is met there.
    NX_TRY(delete_from_head(matchers, range, deadline));
    return maintenance_.delete_from_blocks(matchers, range, deadline);
  }
  util::Result<void> clean_tombstones() override { return maintenance_.clean_tombstones(); }
  util::Result<std::string> snapshot(bool skip_head) override {
    return maintenance_.snapshot(skip_head ? Maintenance::SnapshotHead::kSkip
                                           : Maintenance::SnapshotHead::kInclude);
  }
  [[nodiscard]] std::vector<BlockInfo> blocks() const override {
    std::vector<BlockInfo> out;
    const auto list = blocks_.list();
    for (const BlockPtr& block : *list)
      out.push_back(block_info(block->meta(), block->size_bytes()));
    return out;
  }
  [[nodiscard]] std::vector<std::string> blocks_set_aside() const override {
    return blocks_.set_aside();
  }

  [[nodiscard]] bool is_read_only() const override { return disk_.is_read_only(); }
  [[nodiscard]] const ReplayReport& replay_report() const override { return replay_report_; }

  [[nodiscard]] HeadStats head_stats() const override {
    const model::TimeRange range = head_.time_range();
    return {.series = head_.index().series_count(),
            .label_pairs = head_.index().pair_count(),
            .chunks = head_.counters().chunks.load(),
            .min_time = range.min,
            .max_time = range.max,
            .memory_bytes = head_.memory_bytes()};
  }

  [[nodiscard]] Cardinality cardinality(std::size_t limit) const override {
    const CardinalityReport report = head_.cardinality(limit);
    return {.series_count_by_metric_name = to_entries(report.series_by_metric),
            .label_value_count_by_label_name = to_entries(report.values_by_label),
            .memory_bytes_by_label_name = to_entries(report.bytes_by_label),
            .series_count_by_label_value_pair = to_entries(report.series_by_pair)};
  }

 private:
  void account_memory() {
    if (options_.memory == nullptr) return;
    util::MemoryBudget& budget = *options_.memory;
    memory_owners_.push_back(budget.add_owner("head", [this] { return head_.memory_bytes(); }));
    memory_owners_.push_back(
        budget.add_owner("sample_cache", [this] { return sample_cache_.size_bytes(); }));
  }
  static MaintenanceOptions maintenance_options(const DbOptions& options) {
    constexpr std::int64_t kRangeMsMax = std::int64_t{31} * 24 * 3600 * 1000;
    const std::int64_t retention = options.retention.count();
    std::int64_t range_max = options.block_range_max.count();
    if (range_max == 0)
      range_max = retention == 0 ? kRangeMsMax : std::min(kRangeMsMax, retention / 10);
    return {.ranges_ms = compaction_ranges(options.block_range_min.count(), range_max),
            .merge_overlapping = options.merge_overlapping_blocks,
            .chunk_segment_bytes = options.chunk_segment_bytes,
            .samples_per_chunk = options.samples_per_chunk};
  }
  void run_maintenance() {
    const auto done = maintain();
    if (!done && done.error().code() != util::Code::kCanceled) {
      util::log_error("Maintenance of the data directory failed, it is tried again",
                      {{"component", "tsdb"}, {"err", done.error()}});
    }
  }

  util::Result<void> load_chunk_files() {
    NX_ASSIGN(auto damage, chunk_files_.load(
                               [this](const FileChunk& chunk, FileChunkRef ref, bool after_damage) {
                                 head_.replay_chunk(chunk, ref, after_damage);
                                 ++replay_report_.chunks;
                               }));
    replay_report_.chunk_files_damaged_regions = damage.regions;
    replay_report_.set_aside = std::move(damage.set_aside);
    chunk_files_sound_ = damage.regions == 0 && !damage.torn_end;
    return {};
  }

  [[nodiscard]] ChunkFilesExtent chunk_files_extent() const {
    return {.end = chunk_files_.files_end(), .bytes = chunk_files_.size_bytes()};
  }

  // One that cannot be used costs time: all of the log is read then.
  util::Result<void> take_over_snapshot(LogReplay& replay) {
    NX_ASSIGN(const auto place, find_snapshot(env_, options_.path));
    if (!place) return {};
    // Where files of chunks are damaged, the log has what is missing; the snapshot has not.
    auto note = check_snapshot(env_, options_.path, *place, chunk_files_extent());
    if (note && !chunk_files_sound_)
      note = util::fail(util::Code::kCorruption, "files of head chunks are damaged");
    if (!note) {
      replay_report_.snapshot = ReplayReport::Snapshot::kRefused;
      util::log_warn("The snapshot of the head cannot be used; the log is read instead",
                     {{"component", "tsdb"}, {"snapshot", place->path}, {"err", note.error()}});
      return {};
    }
    NX_TRY(replay.run_snapshot(*place, *note));
    replay_report_.snapshot = ReplayReport::Snapshot::kUsed;
    util::log_info("The snapshot of the head was taken over",
                   {{"component", "tsdb"},
                    {"snapshot", place->path},
                    {"series", replay_report_.series},
                    {"samples", replay_report_.samples}});
    return {};
  }

  // After the log was closed. What fails costs the next start time, nothing else.
  void leave_snapshot() NX_REQUIRES(commit_mutex_) {
    if (!options_.snapshot_at_close || !log_) return;
    const std::uint64_t segment = log_->current_segment();
    const auto offset = env_.file_size(wal_segment_path(options_.path + "/wal", segment));
    util::Result<void> written;
    if (!offset) {
      written = std::unexpected(offset.error());
    } else if (auto room = disk_.check(); !room) {
      written = std::move(room);
    } else if (head_.has_unfiled()) {
      written = util::fail(util::Code::kUnavailable, "full chunks are not in files");
    } else {
      std::vector<SeriesId> unlogged = head_.take_unlogged();
      std::ranges::sort(unlogged);
      written = write_snapshot({.env = env_,
                                .data_directory = options_.path,
                                .segment = segment,
                                .offset = *offset,
                                .log_options = {.segment_bytes = options_.wal_segment_bytes,
                                                .compression = options_.wal_compression}},
                               {.head = head_,
                                .exemplars = exemplars_,
                                .unlogged = unlogged,
                                .aliases = aliases_,
                                .chunk_files = chunk_files_extent()});
    }
    if (!written) {
      util::log_warn("No snapshot of the head was written; the next start reads the log",
                     {{"component", "tsdb"}, {"err", written.error()}});
    }
  }

  // Chunks that are complete go from memory to files. What fails is tried again the next time.
  void file_full_chunks() {
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

  // What the blocks have by now, the head and the log need not keep. By whoever has a round's turn.
  void truncate_head() {
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
  void stop_appends_before(model::TimestampMs time) {
    const util::MutexLock lock(commit_mutex_);
    head_.stop_appends_before(time);
  }

  [[nodiscard]] std::string lock_path() const { return options_.path + "/lock"; }

  util::Result<void> log_batch(const storage::WriteBatch& batch,
                               std::span<const SeriesId> new_series) NX_REQUIRES(commit_mutex_) {
    const model::TimestampMs newest = newest_in_order(batch, prepared_);
    NX_TRY(truncation_->begin_batch(newest));
    NX_TRY(log_->begin());
    for (std::size_t i = 0; i < new_series.size(); i += kSeriesPerRecord) {
      add_series_record(new_series.subspan(i, std::min(kSeriesPerRecord, new_series.size() - i)));
    }
    add_metadata_records();
    const std::span refs(batch.refs);
    const std::span timestamps(batch.timestamps);
    const std::span values(batch.values);
    for (std::size_t i = 0; i < refs.size(); i += kSamplesPerRecord) {
      const std::size_t count = std::min(kSamplesPerRecord, refs.size() - i);
      const std::span stored(prepared_.series.data() + i, count);
      record_.clear();
      encode_samples_record(record_, refs.subspan(i, count), timestamps.subspan(i, count),
                            values.subspan(i, count),
                            [stored](std::size_t k) { return stored[k] != nullptr; });
      if (!record_.empty()) log_->add(record_);
    }
    add_histogram_records(*log_, prepared_.histograms);
    add_exemplar_records(batch);
    NX_TRY(options_.wal_sync_interval.count() == 0 ? log_->commit_durably() : log_->commit());
    truncation_->end_batch(newest);
    return {};
  }

  util::Result<void> open_late_log() NX_REQUIRES(commit_mutex_) {
    const std::string directory = options_.path + "/wbl";
    NX_ASSIGN(auto log, LogWriter::open(env_, directory, late_segment_,
                                        {.segment_bytes = options_.wal_segment_bytes,
                                         .compression = options_.wal_compression}));
    late_log_ = std::move(log);
    late_log_opened_ = late_log_.get();
    return {};
  }
  // The segments are full batches of samples that their series had newer ones than.
  util::Result<void> log_late() NX_REQUIRES(commit_mutex_) {
    if (!late_log_) NX_TRY(open_late_log());
    NX_TRY(late_log_->begin());
    const std::span refs(prepared_.late_refs);
    const std::span timestamps(prepared_.late_timestamps);
    const std::span values(prepared_.late_values);
    for (std::size_t i = 0; i < refs.size(); i += kSamplesPerRecord) {
      const std::size_t count = std::min(kSamplesPerRecord, refs.size() - i);
      record_.clear();
      encode_samples_record(record_, refs.subspan(i, count), timestamps.subspan(i, count),
                            values.subspan(i, count), [](std::size_t) { return true; });
      late_log_->add(record_);
    }
    add_histogram_records(*late_log_, prepared_.late_histograms);
    return options_.wal_sync_interval.count() == 0 ? late_log_->commit_durably()
                                                   : late_log_->commit();
  }
  util::Result<LateCut> cut_late() {
    const util::MutexLock lock(commit_mutex_);
    if (closed_) return util::fail(util::Code::kCanceled, "storage is closed");
    if (!late_log_) NX_TRY(open_late_log());
    NX_TRY(late_log_->next_segment());
    return LateCut{.until = head_.isolation().last_complete(),
                   .segment = late_log_->current_segment()};
  }
  util::Result<void> drop_late(const LateCut& cut) {
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
  // How far behind late samples are, refused ones included.
  void observe_delays(model::TimestampMs newest, const storage::WriteBatch& batch,
                      const storage::AppendReport& report) NX_REQUIRES(commit_mutex_) {
    if (late_delays_ == nullptr || newest == model::kTimestampMin) return;
    const auto observe = [this, newest](model::TimestampMs t) {
      if (t < newest) late_delays_->observe(static_cast<double>(newest - t) / 1000);
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

  [[nodiscard]] model::Labels labels_of(storage::SeriesRef ref) const {
    const LabelIndex& index = head_.index();
    return index.labels(index.labels_of(static_cast<SeriesId>(ref)));
  }

  // Which of the batch's are to be kept: those of known series that are newer than what there is.
  void find_exemplars(const storage::WriteBatch& batch) NX_REQUIRES(commit_mutex_) {
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
  // Which of the batch's metadata are news, of known series.
  void find_metadata(const storage::WriteBatch& batch) NX_REQUIRES(commit_mutex_) {
    new_metadata_.clear();
    for (const storage::MetadataUpdate& one : batch.metadata) {
      if (!head_.has_series(one.ref)) continue;
      if (metadata_.changes(static_cast<SeriesId>(one.ref), one.metadata))
        new_metadata_.push_back({one.ref, one.metadata});
    }
  }
  void add_metadata_records() NX_REQUIRES(commit_mutex_) {
    const std::span<const RefMetadata> entries(new_metadata_);
    for (std::size_t i = 0; i < entries.size(); i += kMetadataPerRecord) {
      record_.clear();
      encode_metadata_record(record_,
                             entries.subspan(i, std::min(kMetadataPerRecord, entries.size() - i)));
      log_->add(record_);
    }
  }
  void add_exemplar_records(const storage::WriteBatch& batch) NX_REQUIRES(commit_mutex_) {
    std::vector<RefExemplar> entries;
    for (std::size_t k = 0; k < new_exemplars_.size(); ++k) {
      const storage::Exemplar& one = batch.exemplars[new_exemplars_[k]];
      entries.push_back({one.ref, one.timestamp, one.value, one.labels});
      if (entries.size() < kExemplarsPerRecord && k + 1 < new_exemplars_.size()) continue;
      record_.clear();
      encode_exemplars_record(record_, entries);
      log_->add(record_);
      entries.clear();
    }
  }

  // In the order in which they are applied, for a series may have several of different types: a
  // record ends where the type changes.
  void add_histogram_records(LogWriter& log, std::span<const PreparedHistogram> histograms)
      NX_REQUIRES(commit_mutex_) {
    struct Kind {
      bool integers = false;
      bool custom_buckets = false;
      bool operator==(const Kind&) const = default;
    };
    Kind kind;
    std::optional<HistogramsRecordEncoder<model::IntHistogram>> integers_out;
    std::optional<HistogramsRecordEncoder<model::FloatHistogram>> floats_out;
    record_.clear();
    for (const PreparedHistogram& one : histograms) {
      const bool integers = one.integer != nullptr;
      const std::int32_t schema = integers ? one.integer->schema : one.floating->schema;
      const Kind next{integers, schema == model::kCustomBucketsSchema};
      if (!record_.empty() && (next != kind || record_.size() >= kHistogramBytesPerRecord)) {
        log.add(record_);
        record_.clear();
      }
      if (record_.empty()) {
        kind = next;
        integers_out.emplace(record_, kind.custom_buckets);
        floats_out.emplace(record_, kind.custom_buckets);
      }
      if (integers) {
        integers_out->add(one.ref, one.timestamp, *one.integer);
      } else {
        floats_out->add(one.ref, one.timestamp, *one.floating);
      }
    }
    if (!record_.empty()) log.add(record_);
  }

  void add_series_record(std::span<const SeriesId> ids) NX_REQUIRES(commit_mutex_) {
    const LabelIndex& index = head_.index();
    record_.clear();
    SeriesRecordEncoder encoder(record_);
    for (const SeriesId id : ids) {
      const auto pairs = index.labels_of(id).pairs();
      encoder.series(id, pairs.size());
      for (const PairId pair : pairs) {
        const model::LabelView label = index.label(pair);
        encoder.label(label.name, label.value);
      }
    }
    log_->add(record_);
  }

  util::Result<void> delete_from_head(std::span<const model::Matcher> matchers,
                                      model::TimeRange range, const storage::Deadline& deadline) {
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
      const model::TimeRange of_series{
          std::max(range.min, oldest),
          std::min(range.max, head_.newest_timestamp(one.id, *series))};
      if (of_series.min > of_series.max) continue;
      deletions.push_back({one.id, of_series});
      stones.push_back({one.id, of_series});
    }
    if (deletions.empty()) return {};
    NX_TRY(log_->begin());
    for (std::size_t i = 0; i < stones.size(); i += kSamplesPerRecord) {
      record_.clear();
      encode_tombstones_record(
          record_, std::span(stones).subspan(i, std::min(kSamplesPerRecord, stones.size() - i)));
      log_->add(record_);
    }
    NX_TRY(log_->commit_durably());
    head_.add_deletions(deletions);
    return {};
  }

  void sync_log() {
    // A failure makes the next append start a new segment first.
    if (const auto synced = log_->sync(); !synced) {
      disk_.note(synced.error());
      util::log_error("The log could not be synced",
                      {{"component", "tsdb"}, {"err", synced.error()}});
    }
    LogWriter* late = late_log_opened_.load();
    if (late == nullptr) return;
    if (const auto synced = late->sync(); !synced) {
      disk_.note(synced.error());
      util::log_error("The log of out-of-order samples could not be synced",
                      {{"component", "tsdb"}, {"err", synced.error()}});
    }
  }

  void log_replay() const {
    util::log_info(
        "Log replayed",
        {{"component", "tsdb"},
         {"segments", replay_report_.segments},
         {"series", replay_report_.series},
         {"samples", replay_report_.samples},
         {"samples_without_series", replay_report_.samples_without_series},
         {"damaged_regions", replay_report_.damaged_regions},
         {"duration",
          fmt::format("{:.3f}s", std::chrono::duration<double>(replay_report_.duration).count())}});
  }

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
  std::string record_ NX_GUARDED_BY(commit_mutex_);

  std::unique_ptr<LogWriter> log_;
  // Of late samples; made when there is a window for them, or there are some.
  std::unique_ptr<LogWriter> late_log_ NX_GUARDED_BY(commit_mutex_);
  std::atomic<LogWriter*> late_log_opened_{nullptr};  // The same, for whoever syncs.
  std::uint64_t late_segment_ = 0;                    // Its first segment.
  LateLogCounters late_counters_;
  telemetry::Histogram* late_delays_ = nullptr;
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

}  // namespace

util::Result<std::unique_ptr<Db>> Db::open(DbOptions options, ReplayProgress* progress) {
  if (options.env == nullptr) options.env = &util::posix_env();
  if (options.clock == nullptr) options.clock = &util::system_clock();
  auto db = std::make_unique<DbImpl>(std::move(options));
  NX_TRY(db->start(progress));
  return db;
}

}  // namespace narthex::tsdb
