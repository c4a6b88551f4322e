#include "tsdb/db/maintenance.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "narthex/util/log.h"
#include "narthex/util/random.h"

#include "tsdb/block/block_selection.h"
#include "tsdb/block/querier_source.h"
#include "tsdb/block/ulid.h"
#include "tsdb/compact/plan.h"
#include "tsdb/compact/uploaded_blocks.h"
#include "tsdb/db/disk_usage.h"
#include "tsdb/head/head_source.h"

namespace narthex::tsdb {
namespace {

// Blocks of late samples lie beside what the head still holds.
model::TimestampMs newest_block_end(const BlockList& blocks) {
  model::TimestampMs end = model::kTimestampMin;
  for (const BlockPtr& block : blocks) {
    if (!block->meta().has_hint(kFromOutOfOrder)) end = std::max(end, block->meta().max_time);
  }
  return end;
}

// How long late samples wait for queries that read without their blocks, until the next round.
constexpr std::chrono::seconds kLatePatience{1};

model::TimestampMs end_of_range(model::TimestampMs t, std::int64_t range_ms) {
  const std::int64_t rest = t % range_ms;
  return model::add_saturated(t - (rest < 0 ? rest + range_ms : rest), range_ms);
}

bool overlap(std::span<const BlockPtr> blocks) {
  model::TimestampMs end = model::kTimestampMin;
  for (const BlockPtr& block : blocks) {
    if (block->meta().min_time < end) return true;
    end = std::max(end, block->meta().max_time);
  }
  return false;
}

std::string names_of(std::span<const BlockPtr> blocks) {
  std::string out;
  for (const BlockPtr& block : blocks) {
    if (!out.empty()) out += ' ';
    out += block->meta().ulid;
  }
  return out;
}

// "20261122T231928Z-1f2e3d4c5b6a7988"
std::string snapshot_name(util::Clock& clock) {
  namespace chrono = std::chrono;
  const chrono::sys_time<chrono::milliseconds> now{chrono::milliseconds(clock.wall_ms())};
  const auto day = chrono::floor<chrono::days>(now);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss time(chrono::floor<chrono::seconds>(now - day));
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z-{:016x}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     util::os_entropy());
}

class BeingWritten {
 public:
  explicit BeingWritten(std::atomic<std::uint64_t>& count) : count_(count) { ++count_; }
  ~BeingWritten() { --count_; }
  BeingWritten(const BeingWritten&) = delete;
  BeingWritten& operator=(const BeingWritten&) = delete;

 private:
  std::atomic<std::uint64_t>& count_;
};

// A series' deletion ends with its samples.
util::Result<void> add_deletions(const Block& block, std::span<const SeriesId> ids,
                                 model::TimeRange range, Tombstones& stones) {
  for (const SeriesId id : ids) {
    NX_ASSIGN(const auto chunks, block.index().series_chunks(id));
    if (chunks.empty()) continue;
    stones.add(id, {std::max(range.min, chunks.front().min_time),
                    std::min(range.max, chunks.back().max_time)});
  }
  return {};
}

}  // namespace

util::Result<void> Maintenance::start() {
  const Turnstile::Turn turn(turnstile_);
  NX_TRY(blocks_.remove_leftovers());
  NX_TRY(blocks_.reload());
  head_begin_ = newest_block_end(*blocks_.list());
  return {};
}

void Maintenance::head_is_filled() noexcept {
  const model::TimeRange late = head_.late_range();
  late_open_ = late.min <= late.max && late.min < head_begin_.load();
}

BlockWriteOptions Maintenance::write_options() const {
  return {.chunk_segment_bytes = options_.chunk_segment_bytes,
          .samples_per_chunk = options_.samples_per_chunk,
          .stop = [this] { return stopping_.load(); }};
}

BlockWriteOptions Maintenance::first_write_options() const {
  BlockWriteOptions options = write_options();
  options.chunk_written = [this](const ChunkFigures& chunk) { instruments_.observe_chunk(chunk); };
  return options;
}

util::Result<void> Maintenance::run_round() {
  if (stopping_) return {};
  {
    const Turnstile::Turn turn(turnstile_);
    NX_TRY(blocks_.reload());
    NX_TRY(apply_retention());
  }
  NX_ASSIGN(const bool cut, compact_heads());
  if (cut || late_open_) NX_TRY(compact_late());
  for (bool more = true; more && !stopping_;) {
    const Turnstile::Turn turn(turnstile_);
    NX_ASSIGN(more, compact_once());
  }
  const Turnstile::Turn turn(turnstile_);
  return apply_retention();
}

util::Result<void> Maintenance::apply_retention() {
  std::vector<SizedBlock> sized;
  for (const BlockPtr& block : *blocks_.list())
    sized.push_back({.meta = block->meta(), .bytes = block->size_bytes()});
  const auto old = beyond_time(sized, retention_.ms);
  if (!old.empty()) {
    ++counters_.time_retentions;
    NX_TRY(blocks_.remove(old));
    std::erase_if(sized, [&](const SizedBlock& block) {
      return std::ranges::find(old, block.meta.ulid) != old.end();
    });
  }
  const std::uint64_t bytes_max = retention_.bytes;
  if (bytes_max == 0) return {};
  const auto surplus = beyond_size(sized, log_bytes(), bytes_max);
  if (surplus.empty()) return {};
  ++counters_.size_retentions;
  return blocks_.remove(surplus);
}

std::uint64_t Maintenance::log_bytes() const {
  std::uint64_t total = 0;
  for (const char* name : {"/wal", "/wbl", "/chunks_head"})
    total += directory_bytes(blocks_.env(), blocks_.data_directory() + name);
  return total;
}

util::Result<bool> Maintenance::compact_heads() {
  bool any = false;
  for (bool more = true; more && !stopping_;) {
    const Turnstile::Turn turn(turnstile_);
    auto compacted = compact_head_once();
    if (!compacted) {
      if (compacted.error().code() != util::Code::kCanceled) ++counters_.compactions_failed;
      return std::unexpected(std::move(compacted).error().with_context("compacting the head"));
    }
    more = *compacted;
    any = any || more;
  }
  return any;
}

util::Result<void> Maintenance::compact_late() {
  const Turnstile::Turn turn(turnstile_);
  if (stopping_ || !commit_side_.cut_late) return {};
  late_open_ = true;
  NX_ASSIGN(bool settled, finish_late());
  if (!settled) return {};
  if (const model::TimeRange late = head_.late_range(); late.min <= late.max) {
    NX_ASSIGN(const LateCut cut, commit_side_.cut_late());
    if (auto written = write_late_blocks(cut); !written) {
      if (written.error().code() != util::Code::kCanceled) ++counters_.compactions_failed;
      return std::unexpected(
          std::move(written).error().with_context("compacting out-of-order samples"));
    }
    // Whoever begins to read from here on takes a list that has the blocks.
    written_late_ = {cut, head_.isolation().next_reader()};
    NX_ASSIGN(settled, finish_late());
  }
  late_open_ = !settled;
  return {};
}

util::Result<void> Maintenance::write_late_blocks(const LateCut& cut) {
  const std::int64_t range_ms = options_.ranges_ms.front();
  NX_ASSIGN(const auto begins, head_.late_range_begins(range_ms));
  ++counters_.compactions_triggered;
  const ObservedTime timing(clock_, instruments_.compaction_seconds);
  for (const model::TimestampMs begin : begins) {
    const model::TimeRange range{begin, model::add_saturated(begin, range_ms) - 1};
    const auto querier = head_.querier(
        HeadQuery{.range = range, .parts = HeadQuery::Parts::kLate, .late_until = cut.until});
    NX_ASSIGN(const auto source, querier_source(*querier, options_.samples_per_chunk));
    const BlockTarget target{blocks_.env(), blocks_.data_directory(), new_ulid(clock_.wall_ms())};
    const BeingWritten mark(counters_.blocks_being_written);
    NX_ASSIGN(const auto written, compact_head(target, *source, range, first_write_options(),
                                               {std::string(kFromOutOfOrder)}));
    if (!written) continue;
    ++counters_.compactions;
    util::log_info("A block was written of out-of-order samples",
                   {{"component", "tsdb"},
                    {"block", written->meta.ulid},
                    {"mint", written->meta.min_time},
                    {"maxt", written->meta.max_time},
                    {"samples", written->meta.stats.samples}});
  }
  timing.done();
  return blocks_.reload();
}

util::Result<bool> Maintenance::finish_late() {
  if (!written_late_) return true;
  if (!head_.isolation().wait_until_gone(written_late_->reader, kLatePatience)) return false;
  NX_TRY(commit_side_.drop_late(written_late_->cut));
  written_late_.reset();
  return true;
}

util::Result<bool> Maintenance::compact_head_once() {
  const std::int64_t range_ms = options_.ranges_ms.front();
  const model::TimeRange samples = head_.time_range();
  if (samples.min > samples.max) return false;
  const model::TimestampMs from = std::max(samples.min, head_begin_.load());
  // An append may reach back half a range behind the newest sample: what ends before that is over.
  if (from >= samples.max || model::sub_saturated(samples.max, from) <= range_ms / 2 * 3) {
    cut_at_ns_.reset();
    return false;
  }
  if (!has_waited()) return false;
  // From border to border: blocks of a whole range are compacted without waiting for a neighbour.
  const model::TimestampMs end = end_of_range(from, range_ms);
  const model::TimeRange range{std::max(model::sub_saturated(end, range_ms), head_begin_.load()),
                               end - 1};
  ++counters_.compactions_triggered;
  const ObservedTime timing(clock_, instruments_.compaction_seconds);
  // It bounds what is old anyway; but a batch of that time may be half applied yet.
  if (commit_side_.stop_appends_before) commit_side_.stop_appends_before(range.max + 1);
  const auto source = head_source(head_, range);
  const BlockTarget target{blocks_.env(), blocks_.data_directory(), new_ulid(clock_.wall_ms())};
  const BeingWritten mark(counters_.blocks_being_written);
  NX_ASSIGN(const auto written, compact_head(target, *source, range, first_write_options()));
  // First the block is there to be queried, then the head is not asked any more.
  if (written) NX_TRY(blocks_.reload());
  head_begin_ = range.max + 1;
  ++counters_.compactions;
  timing.done();
  if (written) {
    counters_.chunks_copied += written->chunks_copied;
    counters_.chunks_encoded += written->chunks_encoded;
    util::log_info("A block was cut from the head", {{"component", "tsdb"},
                                                     {"block", written->meta.ulid},
                                                     {"mint", written->meta.min_time},
                                                     {"maxt", written->meta.max_time},
                                                     {"series", written->meta.stats.series}});
  }
  return true;
}

bool Maintenance::has_waited() {
  if (options_.delay_max.count() <= 0) return true;
  const std::int64_t now = clock_.steady_ns();
  if (!cut_at_ns_) {
    const auto delay = std::chrono::nanoseconds(options_.delay_max).count();
    cut_at_ns_ =
        now + static_cast<std::int64_t>(
                  util::Random(util::os_entropy()).below(static_cast<std::uint64_t>(delay) + 1));
  }
  return now >= *cut_at_ns_;
}

std::vector<BlockMeta> Maintenance::mergeable(const BlockList& blocks) {
  std::optional<BlockNames> uploaded;
  if (!options_.uploaded_blocks_file.empty()) {
    auto names = read_uploaded_blocks(blocks_.env(), options_.uploaded_blocks_file);
    const std::string complaint = names ? "" : names.error().message();
    // Not at every round.
    if (!names && complaint != upload_complaint_) {
      util::log_warn("Blocks from the head are not compacted until it is known which were uploaded",
                     {{"component", "tsdb"}, {"err", names.error()}});
    }
    upload_complaint_ = complaint;
    uploaded = names ? std::move(*names) : BlockNames{};
  }
  std::vector<BlockMeta> metas;
  for (const BlockPtr& block : blocks) {
    // A block of late samples beside what the head still has must not become part of one that
    // looks as if it were all there is of its time.
    const BlockMeta& meta = block->meta();
    if (meta.has_hint(kFromOutOfOrder) && meta.max_time > head_begin_.load()) continue;
    if (uploaded && meta.level <= 1 && !uploaded->contains(meta.ulid)) continue;
    metas.push_back(meta);
  }
  return metas;
}

util::Result<bool> Maintenance::compact_once() {
  const auto list = blocks_.list();
  const auto plan = plan_compaction(
      mergeable(*list),
      {.ranges = options_.ranges_ms, .merge_overlapping = options_.merge_overlapping});
  if (plan.empty()) return false;
  std::vector<BlockPtr> parents;
  for (const BlockPtr& block : *list) {
    if (std::ranges::find(plan, block->meta().ulid) != plan.end()) parents.push_back(block);
  }
  ++counters_.compactions_triggered;
  NX_TRY(replace_by_compaction(parents, write_options()));
  return true;
}

util::Result<void> Maintenance::replace_by_compaction(std::span<const BlockPtr> parents,
                                                      const BlockWriteOptions& options) {
  const ObservedTime timing(clock_, instruments_.compaction_seconds);
  const BlockTarget target{blocks_.env(), blocks_.data_directory(), new_ulid(clock_.wall_ms())};
  const BeingWritten mark(counters_.blocks_being_written);
  auto written = compact_blocks(target, parents, options);
  if (!written) {
    if (written.error().code() != util::Code::kCanceled) ++counters_.compactions_failed;
    if (is_lasting_failure(written.error())) mark_failed(parents);
    return std::unexpected(
        std::move(written).error().with_context("compacting " + names_of(parents)));
  }
  if (overlap(parents)) ++counters_.vertical_compactions;
  ++counters_.compactions;
  timing.done();
  if (!*written) {
    // Nothing is left of them.
    std::vector<std::string> names;
    for (const BlockPtr& parent : parents) names.push_back(parent->meta().ulid);
    return blocks_.remove(names);
  }
  counters_.chunks_copied += (*written)->chunks_copied;
  counters_.chunks_encoded += (*written)->chunks_encoded;
  util::log_info("Blocks were compacted", {{"component", "tsdb"},
                                           {"block", (*written)->meta.ulid},
                                           {"parents", names_of(parents)},
                                           {"level", (*written)->meta.level},
                                           {"samples", (*written)->meta.stats.samples}});
  return blocks_.reload();  // Finds the new block and removes its parents.
}

void Maintenance::mark_failed(std::span<const BlockPtr> parents) {
  for (const BlockPtr& parent : parents) {
    BlockMeta meta = parent->meta();
    meta.failed = true;
    if (const auto marked = parent->with_meta(blocks_.env(), std::move(meta))) {
      blocks_.replace(*marked);
    } else {
      util::log_warn("A block could not be marked as one that cannot be compacted",
                     {{"component", "tsdb"}, {"err", marked.error()}});
    }
  }
}

util::Result<void> Maintenance::delete_from_blocks(std::span<const model::Matcher> matchers,
                                                   model::TimeRange range,
                                                   const storage::Deadline& deadline) {
  const Turnstile::Turn turn(turnstile_);
  const auto list = blocks_.list();
  for (const BlockPtr& block : *list) {
    if (!block->time_range().overlaps(range)) continue;
    NX_ASSIGN(const IdList ids, select_block_series(block->index(), matchers, deadline));
    Tombstones stones = block->tombstones();
    NX_TRY(add_deletions(*block, ids, range, stones));
    if (stones.all() == block->tombstones().all()) continue;
    NX_ASSIGN(const BlockPtr changed, block->with_tombstones(blocks_.env(), std::move(stones)));
    blocks_.replace(changed);
  }
  return {};
}

util::Result<void> Maintenance::clean_tombstones() {
  const Turnstile::Turn turn(turnstile_);
  const ObservedTime timing(clock_, instruments_.tombstone_cleanup_seconds);
  const auto list = blocks_.list();
  for (const BlockPtr& block : *list) {
    if (block->tombstones().empty()) continue;
    NX_TRY(replace_by_compaction({&block, 1}, first_write_options()));
  }
  timing.done();
  return {};
}

util::Result<std::string> Maintenance::snapshot(SnapshotHead head) {
  const Turnstile::Turn turn(turnstile_);
  util::Env& env = blocks_.env();
  std::string name = snapshot_name(clock_);
  const std::string directory = blocks_.data_directory() + "/snapshots/" + name;
  NX_TRY(env.create_dirs(directory));
  if (auto filled = fill_snapshot(directory, head); !filled) {
    if (const auto removed = env.remove_all(directory); !removed) {
      util::log_warn("What a failed snapshot has left could not be removed",
                     {{"component", "tsdb"}, {"err", removed.error()}});
    }
    return std::unexpected(std::move(filled).error());
  }
  return name;
}

util::Result<void> Maintenance::fill_snapshot(const std::string& directory, SnapshotHead head) {
  const auto list = blocks_.list();
  for (const BlockPtr& block : *list)
    NX_TRY(link_block(*block, directory + "/" + block->meta().ulid));
  if (head == SnapshotHead::kInclude) {
    const model::TimeRange samples = head_.time_range();
    const model::TimeRange range{std::max(samples.min, head_begin_.load()), samples.max};
    if (range.min <= range.max) {
      // Not as a cut is made: commits go on, and every one is to be seen whole or not at all.
      const auto querier =
          head_.querier(HeadQuery{.range = range, .parts = HeadQuery::Parts::kInOrder});
      NX_ASSIGN(const auto source, querier_source(*querier, options_.samples_per_chunk));
      const BlockTarget target{blocks_.env(), directory, new_ulid(clock_.wall_ms())};
      NX_TRY(compact_head(target, *source, range, write_options()));
    }
    // A block of their own, so that it is known that others count before them.
    if (const model::TimeRange late = head_.late_range(); late.min <= late.max) {
      const auto querier =
          head_.querier(HeadQuery{.range = late, .parts = HeadQuery::Parts::kLate});
      NX_ASSIGN(const auto source, querier_source(*querier, options_.samples_per_chunk));
      const BlockTarget target{blocks_.env(), directory, new_ulid(clock_.wall_ms())};
      NX_TRY(compact_head(target, *source, late, write_options(), {std::string(kFromOutOfOrder)}));
    }
  }
  return blocks_.env().sync_dir(directory);
}

util::Result<void> Maintenance::link_block(const Block& block, const std::string& to) {
  util::Env& env = blocks_.env();
  NX_TRY(env.create_dirs(to + "/chunks"));
  for (const char* inner : {"", "/chunks"}) {
    NX_ASSIGN(const auto entries, env.list_dir(block.directory() + inner));
    for (const util::DirEntry& entry : entries) {
      if (entry.is_directory) continue;
      const std::string file = std::string(inner) + "/" + entry.name;
      // A file that is replaced is replaced under its name: the link keeps what it was.
      NX_TRY(env.link(block.directory() + file, to + file));
    }
    NX_TRY(env.sync_dir(to + inner));
  }
  return {};
}

}  // namespace narthex::tsdb
