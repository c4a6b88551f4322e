#include "tsdb/db/db_metrics.h"

#include <string>

#include "tsdb/db/disk_usage.h"

namespace narthex::tsdb {

namespace {

using telemetry::FamilyType;
using telemetry::LabelPairs;

class Registrar {
 public:
  explicit Registrar(telemetry::Registry& registry) : registry_(registry) {}

  void gauge(std::string_view name, std::string_view help, std::function<double()> read) {
    add(FamilyType::kGauge, name, help, {}, std::move(read));
  }
  void counter(std::string_view name, std::string_view help, std::function<double()> read,
               LabelPairs labels = {}) {
    add(FamilyType::kCounter, name, help, std::move(labels), std::move(read));
  }
  void counter(std::string_view name, std::string_view help,
               const std::atomic<std::uint64_t>& value, LabelPairs labels = {}) {
    add(FamilyType::kCounter, name, help, std::move(labels),
        [&value] { return static_cast<double>(value.load(std::memory_order_relaxed)); });
  }
  [[nodiscard]] std::vector<telemetry::Registry::Callback> take() && {
    return std::move(callbacks_);
  }

 private:
  void add(FamilyType type, std::string_view name, std::string_view help, LabelPairs labels,
           std::function<double()> read) {
    // What Prometheus has no name for bears ours.
    const std::string full =
        name.starts_with("narthex_") ? std::string(name) : "prometheus_tsdb_" + std::string(name);
    callbacks_.push_back(registry_.callback(type, full, help, std::move(labels), std::move(read)));
  }
  telemetry::Registry& registry_;
  std::vector<telemetry::Registry::Callback> callbacks_;
};

void register_head(Registrar& add, const Head& head) {
  const HeadCounters& counters = head.counters();
  const LabelPairs of_floats = {{"type", "float"}};
  add.gauge("head_series", "Series in memory.",
            [&head] { return static_cast<double>(head.index().series_count()); });
  add.counter("head_series_created_total", "Series that came into memory.",
              counters.series_created);
  add.counter("head_series_removed_total", "Series that left memory.", counters.series_removed);
  add.counter("narthex_tsdb_series_refused_total",
              "New series refused because the memory budget was spent.", counters.series_refused);
  add.counter("head_chunks_removed_total", "Chunks that left memory.", counters.chunks_removed);
  add.counter("head_truncations_total",
              "How often memory was asked to let go of what a block holds.", counters.truncations);
  add.counter("head_series_not_found_total", "Samples whose series reference was not known.",
              counters.series_not_found);
  add.counter("head_samples_appended_total", "Samples stored.", counters.samples_appended,
              of_floats);
  add.counter("out_of_order_samples_total", "Samples refused because their series has a newer one.",
              counters.out_of_order, of_floats);
  add.counter("out_of_bound_samples_total",
              "Samples refused because they are older than what memory still takes.",
              counters.out_of_bounds, of_floats);
  const LabelPairs of_histograms = {{"type", "histogram"}};
  add.counter("too_old_samples_total",
              "Samples refused because they are behind the out-of-order window.", counters.too_old,
              of_floats);
  add.counter("too_old_samples_total",
              "Samples refused because they are behind the out-of-order window.",
              counters.histograms_too_old, of_histograms);
  add.counter("head_out_of_order_samples_appended_total",
              "Samples stored although their series had newer ones.", counters.late_appended,
              of_floats);
  add.counter("head_out_of_order_samples_appended_total",
              "Samples stored although their series had newer ones.",
              counters.late_histograms_appended, of_histograms);
  add.counter("head_samples_appended_total", "Samples stored.", counters.histograms_appended,
              of_histograms);
  add.counter("out_of_order_samples_total", "Samples refused because their series has a newer one.",
              counters.histograms_out_of_order, of_histograms);
  add.counter("out_of_bound_samples_total",
              "Samples refused because they are older than what memory still takes.",
              counters.histograms_out_of_bounds, of_histograms);
  add.gauge("head_chunks", "Chunks in memory.",
            [&counters] { return static_cast<double>(counters.chunks.load()); });
  add.counter("head_chunks_created_total", "Chunks begun in memory.", counters.chunks_created);

  const auto min_ms = [&head] { return static_cast<double>(head.time_range().min); };
  const auto max_ms = [&head] { return static_cast<double>(head.time_range().max); };
  const auto min_seconds = [min_ms] { return min_ms() / 1000; };
  add.gauge("head_min_time", "Time of the oldest sample in memory, in milliseconds.", min_ms);
  add.gauge("head_max_time", "Time of the newest sample in memory, in milliseconds.", max_ms);
  add.gauge("head_min_time_seconds", "Time of the oldest sample in memory, in seconds.",
            min_seconds);
  add.gauge("head_max_time_seconds", "Time of the newest sample in memory, in seconds.",
            [max_ms] { return max_ms() / 1000; });
  add.gauge("lowest_timestamp", "Time of the oldest sample there is, in milliseconds.", min_ms);
  add.gauge("lowest_timestamp_seconds", "Time of the oldest sample there is, in seconds.",
            min_seconds);
  add.gauge("symbol_table_size_bytes", "Memory that label names and values take, in bytes.",
            [&head] { return static_cast<double>(head.index().symbol_bytes()); });
  add.gauge("isolation_low_watermark",
            "The oldest commit that a running query may still see the state of.",
            [&head] { return static_cast<double>(head.isolation().low_watermark()); });
  add.gauge("isolation_high_watermark", "The newest commit.",
            [&head] { return static_cast<double>(head.isolation().last_complete()); });
}

void register_chunk_files(Registrar& add, const HeadChunkFiles& files) {
  const HeadChunkFilesCounters& counters = files.counters();
  add.counter("mmap_chunks_total", "Full chunks of memory that went to files.",
              counters.chunks_written);
  add.counter("mmap_chunk_corruptions_total",
              "Damaged regions that the start found in files of head chunks.",
              counters.damaged_regions);
  add.counter("narthex_tsdb_head_chunk_writes_failed_total",
              "Writes of full chunks to their files that failed; the chunks stay in memory.",
              counters.writes_failed);
  add.gauge("head_chunks_storage_size_bytes", "Size of the files of head chunks, in bytes.",
            [&files] { return static_cast<double>(files.size_bytes()); });
}

void register_exemplars(Registrar& add, const ExemplarRing& ring) {
  add.counter("exemplar_exemplars_appended_total", "Exemplars stored.", ring.counters().appended);
  add.counter("exemplar_out_of_order_exemplars_total",
              "Exemplars refused because their series has a newer one.",
              ring.counters().out_of_order);
  add.gauge("exemplar_exemplars_in_storage", "Exemplars in memory.",
            [&ring] { return static_cast<double>(ring.stats().stored); });
  add.gauge("exemplar_series_with_exemplars_in_storage", "Series with exemplars in memory.",
            [&ring] { return static_cast<double>(ring.stats().series); });
  add.gauge("exemplar_max_exemplars", "How many exemplars are kept.",
            [&ring] { return static_cast<double>(ring.stats().capacity); });
  add.gauge("exemplar_last_exemplars_timestamp_seconds",
            "Time of the oldest exemplar in memory, in seconds.",
            [&ring] { return static_cast<double>(ring.stats().oldest) / 1000; });
}

void register_log(Registrar& add, const LogWriter& log) {
  const LogWriterCounters& counters = log.counters();
  add.counter("wal_page_flushes_total", "Pages of the log written, whole or in part.",
              counters.pages_flushed);
  add.counter("wal_completed_pages_total", "Pages of the log that were filled.",
              counters.pages_completed);
  add.counter("wal_writes_failed_total", "Writes to the log that failed.", counters.writes_failed);
  add.counter("narthex_tsdb_wal_syncs_failed_total", "Syncs of the log that failed.",
              counters.syncs_failed);
  add.counter("wal_record_part_writes_total",
              "Parts of records put into pages of the log: a record, or what of it fits a page.",
              counters.fragments);
  add.counter("wal_record_parts_bytes_written_total",
              "Bytes of those parts, checksums and headers included.", counters.fragment_bytes);
  add.counter("wal_record_bytes_saved_total", "Bytes that compression of log records has saved.",
              [&counters] {
                return static_cast<double>(counters.record_bytes.load()) -
                       static_cast<double>(counters.record_bytes_compressed.load());
              });
  add.counter("narthex_tsdb_wal_written_bytes_total", "Bytes written to the log.",
              counters.bytes_written);
  add.gauge("wal_segment_current", "Number of the log's segment that is being written.",
            [&log] { return static_cast<double>(log.current_segment()); });
}

void register_late_log(Registrar& add, const LateLogSource& late) {
  const auto of_log = [&late](const std::atomic<std::uint64_t> LogWriterCounters::* counter) {
    return [&log = late.log, counter] {
      const LogWriter* open = log.load();
      return open == nullptr ? 0.0 : static_cast<double>((open->counters().*counter).load());
    };
  };
  add.counter("out_of_order_wbl_page_flushes_total",
              "Pages of the log of out-of-order samples written, whole or in part.",
              of_log(&LogWriterCounters::pages_flushed));
  add.counter("out_of_order_wbl_completed_pages_total",
              "Pages of the log of out-of-order samples that were filled.",
              of_log(&LogWriterCounters::pages_completed));
  add.counter("out_of_order_wbl_record_part_writes_total",
              "Parts of records put into pages of the log of out-of-order samples.",
              of_log(&LogWriterCounters::fragments));
  add.counter("out_of_order_wbl_record_parts_bytes_written_total",
              "Bytes of those parts, checksums and headers included.",
              of_log(&LogWriterCounters::fragment_bytes));
  add.counter("out_of_order_wbl_writes_failed_total",
              "Writes to the log of out-of-order samples that failed.",
              of_log(&LogWriterCounters::writes_failed));
  add.counter("out_of_order_wbl_truncations_total",
              "How often the log of out-of-order samples was cut.", late.counters.truncations);
  add.counter("out_of_order_wbl_truncations_failed_total",
              "How often cutting the log of out-of-order samples failed.",
              late.counters.truncations_failed);
  add.gauge("out_of_order_wbl_segment_current",
            "Number of the segment of the log of out-of-order samples that is being written.",
            [&log = late.log] {
              const LogWriter* open = log.load();
              return open == nullptr ? -1.0 : static_cast<double>(open->current_segment());
            });
}

void register_blocks(Registrar& add, const BlockStore& blocks) {
  const BlockStoreCounters& counters = blocks.counters();
  add.gauge("blocks_loaded", "Blocks that are open.",
            [&blocks] { return static_cast<double>(blocks.list()->size()); });
  add.gauge("storage_blocks_bytes", "Disk space of all open blocks, in bytes.",
            [&blocks] { return static_cast<double>(blocks.size_bytes()); });
  add.counter("reloads_total", "How often the data directory was looked through for blocks.",
              counters.reloads);
  add.counter("reloads_failures_total", "How often looking for blocks failed.",
              counters.reload_failures);
  add.counter("narthex_tsdb_blocks_set_aside_total",
              "Damaged blocks that were moved out of the way.", counters.set_aside);
  add.counter("narthex_tsdb_block_metas_rescued_total",
              "Damaged meta.json files that were made anew from their blocks.",
              counters.metas_rescued);
}

void register_maintenance(Registrar& add, const Maintenance& maintenance) {
  const MaintenanceCounters& counters = maintenance.counters();
  const Retention& retention = maintenance.retention();
  add.counter("compactions_total", "Blocks written from memory or from other blocks.",
              counters.compactions);
  add.counter("compactions_triggered_total", "Compactions begun.", counters.compactions_triggered);
  add.counter("compactions_skipped_total",
              "Compactions left out because they were switched off, which no setting does here.",
              [] { return 0.0; });
  add.gauge("compaction_populating_block", "1 while a block is being written.",
            [&counters] { return counters.blocks_being_written.load() == 0 ? 0.0 : 1.0; });
  add.counter("compactions_failed_total", "Compactions that failed.", counters.compactions_failed);
  add.counter("vertical_compactions_total", "Compactions of blocks that overlapped in time.",
              counters.vertical_compactions);
  add.counter("time_retentions_total", "How often blocks were removed for their age.",
              counters.time_retentions);
  add.counter("size_retentions_total",
              "How often blocks were removed to keep the directory within its size.",
              counters.size_retentions);
  add.counter("narthex_tsdb_compaction_chunks_copied_total",
              "Chunks that compactions took over byte for byte.", counters.chunks_copied);
  add.counter("narthex_tsdb_compaction_chunks_encoded_total",
              "Chunks that compactions encoded anew.", counters.chunks_encoded);
  add.gauge("retention_limit_seconds", "Age at which blocks are removed, in seconds; 0: never.",
            [&retention] { return static_cast<double>(retention.ms.load()) / 1000; });
  add.gauge(
      "retention_limit_bytes",
      "Size of the data directory from which the oldest blocks are removed, in bytes; 0: no limit.",
      [&retention] { return static_cast<double>(retention.bytes.load()); });
}

void register_sample_cache(Registrar& add, const SampleCache& cache) {
  add.gauge("narthex_tsdb_sample_cache_bytes", "Memory that decoded chunks take, in bytes.",
            [&cache] { return static_cast<double>(cache.size_bytes()); });
  add.counter("narthex_tsdb_sample_cache_hits_total", "Chunks that queries found decoded.",
              [&cache] { return static_cast<double>(cache.hits()); });
  add.counter("narthex_tsdb_sample_cache_misses_total", "Chunks that queries had to decode.",
              [&cache] { return static_cast<double>(cache.misses()); });
}

void register_disk(Registrar& add, const DiskGuard& disk) {
  add.gauge("narthex_tsdb_read_only", "1 while the disk is full and no samples are taken.",
            [&disk] { return disk.is_read_only() ? 1.0 : 0.0; });
  add.gauge("narthex_tsdb_disk_reserve_bytes",
            "Disk space that is held back for compaction and retention, in bytes.",
            [&disk] { return static_cast<double>(disk.reserved_bytes()); });
}

void register_truncation(Registrar& add, const HeadTruncation& truncation) {
  const HeadTruncationCounters& counters = truncation.counters();
  add.counter("checkpoint_creations_total", "Checkpoints of the log begun.", counters.checkpoints);
  add.counter("checkpoint_creations_failed_total", "Checkpoints of the log that failed.",
              counters.checkpoints_failed);
  add.counter("checkpoint_deletions_total",
              "How often checkpoints of the log were removed that a newer one replaced.",
              counters.checkpoint_deletions);
  add.counter("checkpoint_deletions_failed_total", "Removals of old checkpoints that failed.",
              counters.checkpoint_deletions_failed);
  add.counter("head_truncations_failed_total",
              "How often letting go of what a block holds failed, or had to wait for a query.",
              counters.failed);
  add.counter("wal_truncations_total", "How often the log was cut.", counters.log_truncations);
  add.counter("wal_truncations_failed_total", "How often cutting the log failed.",
              counters.log_truncations_failed);
}

}  // namespace

std::vector<telemetry::Registry::Callback> register_db_metrics(telemetry::Registry& registry,
                                                               const DbMetricSources& sources) {
  Registrar add(registry);
  register_head(add, sources.head);
  register_sample_cache(add, sources.sample_cache);
  register_exemplars(add, sources.exemplars);
  register_chunk_files(add, sources.chunk_files);
  register_log(add, sources.log);
  register_late_log(add, sources.late);
  register_blocks(add, sources.blocks);
  register_maintenance(add, sources.maintenance);
  register_truncation(add, sources.truncation);
  register_disk(add, sources.disk);
  const ReplayReport& replay = sources.replay;
  add.counter("wal_corruptions_total", "Damaged regions that replay found in the log.",
              [&replay] { return static_cast<double>(replay.damaged_regions); });
  add.gauge("data_replay_duration_seconds",
            "How long the start spent on reading the log, in seconds.",
            [&replay] { return std::chrono::duration<double>(replay.duration).count(); });
  add.counter(
      "snapshot_replay_error_total", "Snapshots of memory that the start could not use.",
      [&replay] { return replay.snapshot == ReplayReport::Snapshot::kRefused ? 1.0 : 0.0; });
  add.gauge("head_active_appenders", "Batches that are being stored, or wait for that.",
            [&appenders = sources.appenders] { return static_cast<double>(appenders.load()); });
  add.gauge("wal_storage_size_bytes", "Size of the log, in bytes.",
            [&env = sources.env, path = sources.data_directory + "/wal"] {
              return static_cast<double>(directory_bytes(env, path));
            });
  add.gauge("out_of_order_wbl_storage_size_bytes",
            "Size of the log of out-of-order samples, in bytes.",
            [&env = sources.env, path = sources.data_directory + "/wbl"] {
              return static_cast<double>(directory_bytes(env, path));
            });
  add.gauge("clean_start",
            "1: the last run removed its lock file; 0: its file was taken over; -1: no lock file "
            "is used.",
            [clean = sources.clean_start] { return clean; });
  return std::move(add).take();
}

}  // namespace narthex::tsdb
