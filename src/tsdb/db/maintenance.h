// What happens to the data directory beside appends and queries: blocks are cut from the head,
// compacted, deleted when they are too old or too many; series are deleted; snapshots are taken.
//
// Threads: synchronized. One operation runs at a time, the others wait for their turn; queries and
// appends never wait for any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "narthex/model/matcher.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/clock.h"
#include "narthex/util/result.h"

#include "tsdb/compact/compactor.h"
#include "tsdb/db/block_store.h"
#include "tsdb/db/instruments.h"
#include "tsdb/db/turnstile.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

struct MaintenanceOptions {
  std::vector<std::int64_t> ranges_ms;  // Of blocks, ascending; the first is the head's.
  bool merge_overlapping = true;
  std::uint64_t chunk_segment_bytes = kChunkSegmentBytes;
  std::size_t samples_per_chunk = 120;
  std::chrono::milliseconds delay_max{0};  // DbOptions::compaction_delay_max
  std::string uploaded_blocks_file;        // DbOptions::uploaded_blocks_file
};

struct MaintenanceCounters {
  std::atomic<std::uint64_t> compactions{0};
  std::atomic<std::uint64_t> compactions_triggered{0};
  std::atomic<std::uint64_t> compactions_failed{0};
  std::atomic<std::uint64_t> vertical_compactions{0};
  std::atomic<std::uint64_t> time_retentions{0};
  std::atomic<std::uint64_t> size_retentions{0};
  std::atomic<std::uint64_t> blocks_being_written{0};
  std::atomic<std::uint64_t> chunks_copied{0};
  std::atomic<std::uint64_t> chunks_encoded{0};
};

// Which blocks are dropped; changes at a reload of the configuration.
struct Retention {
  std::atomic<std::int64_t> ms{0};      // 0: for ever.
  std::atomic<std::uint64_t> bytes{0};  // 0: no limit.
};

// The late samples up to some moment.
struct LateCut {
  CommitSequence until = 0;   // Commits up to this one brought them,
  std::uint64_t segment = 0;  // and they are in segments of their log before this one.
};
// What compactions need of whoever commits.
struct CommitSide {
  // From here on no sample in order that is older comes; all that came are to be seen.
  std::function<void(model::TimestampMs)> stop_appends_before;
  // Ends the segment of the log of late samples.
  std::function<util::Result<LateCut>()> cut_late;
  // Blocks have them: drops them from the head and from the log. Called again after a failure.
  std::function<util::Result<void>(const LateCut&)> drop_late;
};

class Maintenance {
 public:
  Maintenance(MaintenanceOptions options, util::Clock& clock, BlockStore& blocks, Head& head)
      : options_(std::move(options)), clock_(clock), blocks_(blocks), head_(head) {}

  // Before anything else.
  void set_commit_side(CommitSide side) { commit_side_ = std::move(side); }
  // Cleans up and opens the blocks. Before the head is filled and before any query.
  util::Result<void> start();
  void set_retention(std::int64_t ms, std::uint64_t bytes) noexcept {
    retention_.ms = ms;
    retention_.bytes = bytes;
  }
  // What it observes goes there. Before anything else.
  void observe(const Instruments& instruments) noexcept { instruments_ = instruments; }
  // After the head was filled. Where blocks may have late samples that are in their log yet, or lie
  // beside them, the next round writes what the log has, as the one would have done that was
  // interrupted.
  void head_is_filled() noexcept;
  // One round: look for blocks, apply retention, cut blocks from the head, compact until nothing is
  // left to do. The error of the first step that failed; the next round tries again.
  util::Result<void> run_round();
  // A running compaction ends soon, and leaves nothing behind. No round does anything afterwards.
  void stop() noexcept { stopping_ = true; }

  // Where the samples begin that only the head has: what is older is the blocks', and the log may
  // still have samples that were deleted from them. A reader asks this before it takes the list of
  // blocks: then it finds every sample in one or the other.
  [[nodiscard]] model::TimestampMs head_begin() const noexcept { return head_begin_.load(); }

  // Marks what matches as deleted, in the blocks. Gone for queries at once, from the disk with the
  // next compaction.
  util::Result<void> delete_from_blocks(std::span<const model::Matcher> matchers,
                                        model::TimeRange range, const storage::Deadline& deadline);
  // Writes every block that has deletions anew, without what was deleted.
  util::Result<void> clean_tombstones();
  // Links all blocks into a directory of their own under "snapshots", with what only the head has
  // as one more block if asked for. The directory's name.
  enum class SnapshotHead : std::uint8_t { kSkip, kInclude };
  util::Result<std::string> snapshot(SnapshotHead head);

  // Whether no late samples are on their way into blocks: the log may then let go of deletions that
  // are older than the head.
  [[nodiscard]] bool late_settled() const noexcept { return !late_open_.load(); }

  [[nodiscard]] const MaintenanceOptions& options() const noexcept { return options_; }
  [[nodiscard]] const Retention& retention() const noexcept { return retention_; }
  [[nodiscard]] const MaintenanceCounters& counters() const noexcept { return counters_; }

 private:
  util::Result<void> apply_retention();
  [[nodiscard]] std::uint64_t log_bytes() const;
  // Whether a block was cut.
  util::Result<bool> compact_heads();
  // Late samples become blocks of their own, then they leave the head and their log (ST-H7).
  util::Result<void> compact_late();
  util::Result<void> write_late_blocks(const LateCut& cut);
  // False while somebody reads without the blocks.
  util::Result<bool> finish_late();
  // Cuts one block, if the head is long enough.
  util::Result<bool> compact_head_once();
  // Whether a head that could be cut has waited as long as it was told to.
  bool has_waited();
  util::Result<bool> compact_once();
  // The blocks that may become part of another one.
  [[nodiscard]] std::vector<BlockMeta> mergeable(const BlockList& blocks);
  util::Result<void> replace_by_compaction(std::span<const BlockPtr> parents,
                                           const BlockWriteOptions& options);
  void mark_failed(std::span<const BlockPtr> parents);
  [[nodiscard]] BlockWriteOptions write_options() const;
  // Of blocks that are written from the head, or as if they were.
  [[nodiscard]] BlockWriteOptions first_write_options() const;
  util::Result<void> fill_snapshot(const std::string& directory, SnapshotHead head);
  util::Result<void> link_block(const Block& block, const std::string& to);

  const MaintenanceOptions options_;
  util::Clock& clock_;
  BlockStore& blocks_;
  Head& head_;
  Turnstile turnstile_;
  CommitSide commit_side_;
  // What blocks have by now, and the first reader who certainly sees them.
  struct WrittenLate {
    LateCut cut;
    ReaderNumber reader = 0;
  };
  std::optional<WrittenLate> written_late_;  // By whoever has the turn.
  // When the head may be cut that is long enough (util::Clock::steady_ns). By whoever has the turn.
  std::optional<std::int64_t> cut_at_ns_;
  std::string upload_complaint_;  // The last one of the log. By whoever has the turn.
  std::atomic<bool> late_open_{false};
  MaintenanceCounters counters_;
  Retention retention_;
  Instruments instruments_;
  std::atomic<model::TimestampMs> head_begin_{model::kTimestampMin};
  std::atomic<bool> stopping_{false};
};

}  // namespace narthex::tsdb
