// How a start brings back what earlier runs have left.
#include <algorithm>

#include <fmt/format.h>

#include "narthex/util/log.h"

#include "tsdb/db/db_impl.h"

namespace narthex::tsdb {

namespace {

// How soon appends go on when there is room on the disk again.
constexpr std::chrono::seconds kDiskProbeInterval{1};

}  // namespace

util::Result<void> DbImpl::start(ReplayProgress* progress) {
  NX_TRY(env_.create_dirs(options_.path));
  if (options_.lock_file) {
    const bool left_over = env_.exists(lock_path());
    NX_ASSIGN(lock_, env_.lock_file(lock_path()));
    clean_start_ = left_over ? 0 : 1;
    if (left_over)
      util::log_warn("A lock file of an earlier run was taken over",
                     {{"component", "tsdb"}, {"file", lock_path()}});
  }
  if (options_.registry != nullptr) instruments_ = register_instruments(*options_.registry);
  maintenance_.observe(instruments_);
  disk_.start();
  NX_TRY(maintenance_.start());
  const util::SteadyNs begin = options_.clock->steady_ns();
  head_.stop_appends_before(maintenance_.head_begin());
  LogReplay replay(env_, options_.path, {head_, exemplars_, metadata_, chunk_files_},
                   replay_report_, progress);
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
  LogWriterOptions observed_options = log_options;
  observed_options.sync_seconds = instruments_.log_sync_seconds;
  observed_options.clock = options_.clock;
  NX_ASSIGN(log_, LogWriter::open(env_, log_directory, segment, observed_options));
  truncation_ = std::make_unique<HeadTruncation>(HeadTruncation::Parts{
      env_, head_, chunk_files_, *log_, commit_mutex_, log_directory, log_options,
      options_.block_range_min.count(), *options_.clock, instruments_});
  for (const auto& [ref, id] : replay.aliases()) truncation_->keep_record(ref, segment - 1);
  aliases_.assign(replay.aliases().begin(), replay.aliases().end());
  // What comes into the log from here on is not in it.
  remove_snapshots(env_, options_.path);
  if (replay_report_.segments != 0) log_replay();
  register_metrics();
  start_loops();
  if (progress != nullptr) progress->done = true;
  return {};
}

void DbImpl::register_metrics() {
  if (options_.registry == nullptr) return;
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
                                                      clean_start_,
                                                      appenders_,
                                                      env_,
                                                      options_.path});
}

void DbImpl::start_loops() {
  if (options_.wal_sync_interval.count() > 0) {
    sync_loop_.emplace(*options_.clock, "tsdb-sync", options_.wal_sync_interval,
                       [this] { sync_log(); });
  }
  if (options_.block_reload_interval.count() > 0) {
    maintenance_loop_.emplace(*options_.clock, "tsdb-blocks", options_.block_reload_interval,
                              [this] { run_maintenance(); });
  }
  if (options_.disk_reserve_bytes != 0) {
    disk_loop_.emplace(*options_.clock, "tsdb-disk", kDiskProbeInterval, [this] { disk_.probe(); });
  }
}

void DbImpl::account_memory() {
  if (options_.memory == nullptr) return;
  util::MemoryBudget& budget = *options_.memory;
  memory_owners_.push_back(budget.add_owner("head", [this] { return head_.memory_bytes(); }));
  memory_owners_.push_back(
      budget.add_owner("sample_cache", [this] { return sample_cache_.size_bytes(); }));
}

util::Result<void> DbImpl::load_chunk_files() {
  NX_ASSIGN(auto damage,
            chunk_files_.load([this](const FileChunk& chunk, FileChunkRef ref, bool after_damage) {
              head_.replay_chunk(chunk, ref, after_damage);
              ++replay_report_.chunks;
            }));
  replay_report_.chunk_files_damaged_regions = damage.regions;
  replay_report_.set_aside = std::move(damage.set_aside);
  chunk_files_sound_ = damage.regions == 0 && !damage.torn_end;
  return {};
}

ChunkFilesExtent DbImpl::chunk_files_extent() const {
  return {.end = chunk_files_.files_end(), .bytes = chunk_files_.size_bytes()};
}

util::Result<void> DbImpl::take_over_snapshot(LogReplay& replay) {
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
  util::log_info("The snapshot of the head was taken over", {{"component", "tsdb"},
                                                             {"snapshot", place->path},
                                                             {"series", replay_report_.series},
                                                             {"samples", replay_report_.samples}});
  return {};
}

void DbImpl::log_replay() const {
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

}  // namespace narthex::tsdb
