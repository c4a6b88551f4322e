#include "narthex/tsdb/db.h"

#include <algorithm>
#include <iterator>

#include "narthex/util/log.h"

#include "tsdb/db/db_impl.h"
#include "tsdb/db/merged_querier.h"

namespace narthex::tsdb {

namespace {

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

MaintenanceOptions maintenance_options(const DbOptions& options) {
  constexpr std::int64_t kRangeMsMax = std::int64_t{31} * 24 * 3600 * 1000;
  const std::int64_t retention = options.retention.count();
  std::int64_t range_max = options.block_range_max.count();
  if (range_max == 0)
    range_max = retention == 0 ? kRangeMsMax : std::min(kRangeMsMax, retention / 10);
  return {.ranges_ms = compaction_ranges(options.block_range_min.count(), range_max),
          .merge_overlapping = options.merge_overlapping_blocks,
          .chunk_segment_bytes = options.chunk_segment_bytes,
          .samples_per_chunk = options.samples_per_chunk,
          .delay_max = options.compaction_delay_max,
          .uploaded_blocks_file = options.uploaded_blocks_file};
}

}  // namespace

DbImpl::DbImpl(DbOptions options)
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

DbImpl::~DbImpl() {
  if (const auto closed = close(); !closed)
    util::log_error("Closing the data directory failed", {{"err", closed.error()}});
}

util::Result<void> DbImpl::close() {
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

util::Result<std::unique_ptr<storage::Querier>> DbImpl::querier(model::TimeRange range) {
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

std::vector<BlockInfo> DbImpl::blocks() const {
  std::vector<BlockInfo> out;
  const auto list = blocks_.list();
  for (const BlockPtr& block : *list) out.push_back(block_info(block->meta(), block->size_bytes()));
  return out;
}

HeadStats DbImpl::head_stats() const {
  const model::TimeRange range = head_.time_range();
  return {.series = head_.index().series_count(),
          .label_pairs = head_.index().pair_count(),
          .chunks = head_.counters().chunks.load(),
          .min_time = range.min,
          .max_time = range.max,
          .memory_bytes = head_.memory_bytes()};
}

Cardinality DbImpl::cardinality(std::size_t limit) const {
  const CardinalityReport report = head_.cardinality(limit);
  return {.series_count_by_metric_name = to_entries(report.series_by_metric),
          .label_value_count_by_label_name = to_entries(report.values_by_label),
          .memory_bytes_by_label_name = to_entries(report.bytes_by_label),
          .series_count_by_label_value_pair = to_entries(report.series_by_pair)};
}

void DbImpl::leave_snapshot() {
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

void DbImpl::sync_log() {
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

util::Result<std::unique_ptr<Db>> Db::open(DbOptions options, ReplayProgress* progress) {
  if (options.env == nullptr) options.env = &util::posix_env();
  if (options.clock == nullptr) options.clock = &util::system_clock();
  auto db = std::make_unique<DbImpl>(std::move(options));
  NX_TRY(db->start(progress));
  return db;
}

}  // namespace narthex::tsdb
