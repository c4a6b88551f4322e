#include "tsdb/db/db_metrics.h"

#include <string>

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
    const std::string full = "prometheus_tsdb_" + std::string(name);
    callbacks_.push_back(registry_.callback(type, full, help, std::move(labels), std::move(read)));
  }
  telemetry::Registry& registry_;
  std::vector<telemetry::Registry::Callback> callbacks_;
};

void register_head(Registrar& add, const Head& head) {
  const HeadCounters& counters = head.counters();
  const LabelPairs of_floats = {{"type", "float"}};
  add.gauge("head_series", "Total number of series in the head block.",
            [&head] { return static_cast<double>(head.index().series_count()); });
  add.counter("head_series_created_total", "Total number of series created in the head.",
              counters.series_created);
  add.counter("head_series_removed_total", "Total number of series removed in the head",
              counters.series_removed);
  add.counter("head_chunks_removed_total", "Total number of chunks removed in the head",
              counters.chunks_removed);
  add.counter("head_truncations_total", "Total number of head truncations attempted.",
              counters.truncations);
  add.counter("head_series_not_found_total",
              "Total number of requests for series that were not found.",
              counters.series_not_found);
  add.counter("head_samples_appended_total", "Total number of appended samples.",
              counters.samples_appended, of_floats);
  add.counter("out_of_order_samples_total",
              "Total number of out of order samples ingestion failed attempts.",
              counters.out_of_order, of_floats);
  add.counter("out_of_bound_samples_total",
              "Total number of out of bound samples ingestion failed attempts.",
              counters.out_of_bounds, of_floats);
  add.gauge("head_chunks", "Total number of chunks in the head block.",
            [&counters] { return static_cast<double>(counters.chunks.load()); });
  add.counter("head_chunks_created_total", "Total number of chunks created in the head.",
              counters.chunks_created);

  const auto min_ms = [&head] { return static_cast<double>(head.time_range().min); };
  const auto max_ms = [&head] { return static_cast<double>(head.time_range().max); };
  const auto min_seconds = [min_ms] { return min_ms() / 1000; };
  add.gauge("head_min_time",
            "Minimum time bound of the head block. The unit is decided by the library consumer.",
            min_ms);
  add.gauge("head_max_time",
            "Maximum timestamp of the head block. The unit is decided by the library consumer.",
            max_ms);
  add.gauge("head_min_time_seconds", "Minimum time bound of the head block.", min_seconds);
  add.gauge("head_max_time_seconds", "Maximum timestamp of the head block.",
            [max_ms] { return max_ms() / 1000; });
  add.gauge(
      "lowest_timestamp",
      "Lowest timestamp value stored in the database. The unit is decided by the library consumer.",
      min_ms);
  add.gauge("lowest_timestamp_seconds", "Lowest timestamp value stored in the database.",
            min_seconds);
  add.gauge("symbol_table_size_bytes", "Size of symbol table in memory for loaded blocks",
            [&head] { return static_cast<double>(head.index().symbol_bytes()); });
  add.gauge("isolation_low_watermark", "The lowest TSDB append ID that is still referenced.",
            [&head] { return static_cast<double>(head.isolation().low_watermark()); });
  add.gauge("isolation_high_watermark", "The highest TSDB append ID that has been given out.",
            [&head] { return static_cast<double>(head.isolation().last_complete()); });
}

void register_log(Registrar& add, const LogWriter& log) {
  const LogWriterCounters& counters = log.counters();
  add.counter("wal_page_flushes_total", "Total number of page flushes.", counters.pages_flushed);
  add.counter("wal_completed_pages_total", "Total number of completed pages.",
              counters.pages_completed);
  add.counter("wal_writes_failed_total", "Total number of write log writes that failed.",
              counters.writes_failed);
  add.counter("wal_syncs_failed_total", "Total number of write log syncs that failed.",
              counters.syncs_failed);
  add.counter("wal_record_bytes_saved_total", "Bytes that compression of log records has saved.",
              [&counters] {
                return static_cast<double>(counters.record_bytes.load()) -
                       static_cast<double>(counters.record_bytes_compressed.load());
              });
  add.counter("wal_written_bytes_total", "Bytes written to the log.", counters.bytes_written);
  add.gauge("wal_segment_current", "Write log segment index that TSDB is currently writing to.",
            [&log] { return static_cast<double>(log.current_segment()); });
}

void register_blocks(Registrar& add, const BlockStore& blocks) {
  const BlockStoreCounters& counters = blocks.counters();
  add.gauge("blocks_loaded", "Number of currently loaded data blocks",
            [&blocks] { return static_cast<double>(blocks.list()->size()); });
  add.gauge("storage_blocks_bytes",
            "The number of bytes that are currently used for local storage by all blocks.",
            [&blocks] { return static_cast<double>(blocks.size_bytes()); });
  add.counter("reloads_total", "Number of times the database reloaded block data from disk.",
              counters.reloads);
  add.counter("reloads_failures_total",
              "Number of times the database failed to reload block data from disk.",
              counters.reload_failures);
  add.counter("blocks_set_aside_total", "Damaged blocks that were moved out of the way.",
              counters.set_aside);
}

void register_maintenance(Registrar& add, const Maintenance& maintenance) {
  const MaintenanceCounters& counters = maintenance.counters();
  const MaintenanceOptions& options = maintenance.options();
  add.counter("compactions_total",
              "Total number of compactions that were executed for the partition.",
              counters.compactions);
  add.counter("compactions_triggered_total",
              "Total number of triggered compactions for the partition.",
              counters.compactions_triggered);
  add.counter("compactions_failed_total",
              "Total number of compactions that failed for the partition.",
              counters.compactions_failed);
  add.counter("vertical_compactions_total",
              "Total number of compactions done on overlapping blocks.",
              counters.vertical_compactions);
  add.counter("time_retentions_total",
              "The number of times that blocks were deleted because the maximum time limit was "
              "exceeded.",
              counters.time_retentions);
  add.counter("size_retentions_total",
              "The number of times that blocks were deleted because the maximum number of bytes "
              "was exceeded.",
              counters.size_retentions);
  add.counter("compaction_chunks_copied_total", "Chunks that compactions took over byte for byte.",
              counters.chunks_copied);
  add.counter("compaction_chunks_encoded_total", "Chunks that compactions encoded anew.",
              counters.chunks_encoded);
  add.counter("compaction_seconds_total", "Time spent in compactions.",
              [&counters] { return static_cast<double>(counters.compaction_ns.load()) / 1e9; });
  add.gauge("retention_limit_seconds", "How long to retain samples in storage.",
            [&options] { return static_cast<double>(options.retention_ms) / 1000; });
  add.gauge("retention_limit_bytes",
            "Max number of bytes to be retained in the tsdb blocks, configured 0 means disabled",
            [&options] { return static_cast<double>(options.retention_bytes); });
}

void register_truncation(Registrar& add, const HeadTruncation& truncation) {
  const HeadTruncationCounters& counters = truncation.counters();
  add.counter("checkpoint_creations_total", "Total number of checkpoint creations.",
              counters.checkpoints);
  add.counter("checkpoint_creations_failed_total",
              "Total number of checkpoint creations that failed.", counters.checkpoints_failed);
  add.counter("wal_truncations_total", "Total number of write log truncations.",
              counters.log_truncations);
  add.counter("wal_truncations_failed_total", "Total number of write log truncations that failed.",
              counters.log_truncations_failed);
}

}  // namespace

std::vector<telemetry::Registry::Callback> register_db_metrics(telemetry::Registry& registry,
                                                               const DbMetricSources& sources) {
  Registrar add(registry);
  register_head(add, sources.head);
  register_log(add, sources.log);
  register_blocks(add, sources.blocks);
  register_maintenance(add, sources.maintenance);
  register_truncation(add, sources.truncation);
  const ReplayReport& replay = sources.replay;
  add.counter("wal_corruptions_total", "Total number of WAL corruptions.",
              [&replay] { return static_cast<double>(replay.damaged_regions); });
  add.gauge("data_replay_duration_seconds", "Time taken to replay the data on disk.",
            [&replay] { return std::chrono::duration<double>(replay.duration).count(); });
  add.gauge("clean_start",
            "-1: lockfile is disabled. 0: a lockfile from a previous execution was replaced. 1: "
            "lockfile creation was clean",
            [clean = sources.clean_start] { return clean; });
  return std::move(add).take();
}

}  // namespace narthex::tsdb
