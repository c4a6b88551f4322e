// The storage engine: a data directory in Prometheus's format (docs/formats/), its newest samples
// in memory, its log on disk.
//
// One Db per data directory. Appends are logged before they are applied; a batch that append() has
// acknowledged survives the death of the process, and of the machine if it is older than
// wal_sync_interval.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "narthex/model/matcher.h"
#include "narthex/model/timestamp.h"
#include "narthex/storage/appender.h"
#include "narthex/storage/exemplars.h"
#include "narthex/storage/queryable.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"
#include "narthex/util/env.h"
#include "narthex/util/memory_budget.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

enum class WalCompression : std::uint8_t { kNone, kSnappy, kZstd };

struct DbOptions {
  std::string path;                         // The data directory; made if it is not there.
  util::Env* env = nullptr;                 // Null: the operating system.
  util::Clock* clock = nullptr;             // Null: the operating system's.
  telemetry::Registry* registry = nullptr;  // Null: no metrics. Must outlive the Db.
  // New series are refused while it is spent; null: never. Must outlive the Db.
  util::MemoryBudget* memory = nullptr;
  bool lock_file = true;  // false: --storage.tsdb.no-lockfile

  // Range of a head block (--storage.tsdb.min-block-duration). An append may reach back half of it
  // behind the newest sample; the head holds one and a half of it before a block is cut.
  std::chrono::milliseconds block_range_min = std::chrono::hours(2);
  // Longest range of a compacted block; 0: a tenth of the retention, at most 31 days.
  std::chrono::milliseconds block_range_max{0};
  std::chrono::milliseconds retention = std::chrono::hours(15 * 24);  // 0: for ever.
  std::uint64_t retention_bytes = 0;  // Of blocks, log and head chunks together; 0: no limit.
  std::uint64_t chunk_segment_bytes = std::uint64_t{512} << 20U;
  bool merge_overlapping_blocks = true;
  // Servers that were started together do not all compact at once: a head that could be cut waits
  // for a random part of this, anew each time. 0: it does not wait.
  std::chrono::milliseconds compaction_delay_max{0};
  // Blocks from the head are merged once this file names them as uploaded
  // (tsdb/compact/uploaded_blocks.h); empty: at once.
  std::string uploaded_blocks_file;
  // How often blocks are looked for, cut, compacted and dropped; 0: only when maintain() is called.
  std::chrono::milliseconds block_reload_interval{0};
  std::size_t samples_per_chunk = 120;
  // How far behind the newest sample of all one may be whose series has a newer one (or that is
  // older than the head takes otherwise); 0: such samples are refused.
  std::chrono::milliseconds out_of_order_window{0};
  std::size_t exemplars_max = 0;  // 0: exemplars are not kept.
  // What queries read again and again is kept decoded, up to this much; 0: nothing.
  std::size_t sample_cache_bytes = 0;

  // Kept free on the disk for compaction and retention when it is full (less on a small disk).
  // While it is full, appends are refused with kNoSpace; they are taken again by themselves. 0:
  // none.
  std::uint64_t disk_reserve_bytes = 0;
  // Told within a second when appends have stopped for want of space, and when they go on. Must not
  // use the Db.
  std::function<void(bool read_only)> disk_state_changed{};

  WalCompression wal_compression = WalCompression::kSnappy;
  std::uint64_t wal_segment_bytes = std::uint64_t{128} << 20U;  // A multiple of 32 KiB.
  bool snapshot_at_close = true;  // So that the next start need not read the log.
  // How often the log is made durable against power loss; 0: before every acknowledgement.
  std::chrono::milliseconds wal_sync_interval = std::chrono::seconds(1);
};

// How far open() has come with reading the log; shown while the server is not ready. Threads:
// synchronized.
struct ReplayProgress {
  std::atomic<std::int64_t> segment_min{0};
  std::atomic<std::int64_t> segment_max{0};
  std::atomic<std::int64_t> segment_current{0};
  std::atomic<bool> done{false};
};

// What open() found in the log.
struct ReplayReport {
  std::uint64_t segments = 0;
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
  std::uint64_t samples_ignored = 0;  // Not newer than what was there already.
  // Of the snapshot that a clean stop had left.
  enum class Snapshot : std::uint8_t { kNone, kUsed, kRefused };
  Snapshot snapshot = Snapshot::kNone;
  std::uint64_t chunks = 0;            // In files of head chunks.
  std::uint64_t late_chunks = 0;       // Of out-of-order samples, in those files.
  std::uint64_t samples_in_files = 0;  // Of the log, passed over: those chunks have them.
  std::uint64_t samples_without_series =
      0;  // Their series' definition was lost or has been dropped.
  std::uint64_t chunk_files_damaged_regions = 0;  // The log has what they held.
  std::uint64_t damaged_regions = 0;  // Places where bytes of the log could not be used.
  std::uint64_t damaged_bytes = 0;
  std::vector<std::string>
      set_aside;  // Copies of damaged files, below the data directory's "damaged".
  std::chrono::nanoseconds duration{0};
};

struct HeadStats {
  std::uint64_t series = 0;
  std::uint64_t label_pairs = 0;
  std::uint64_t chunks = 0;
  model::TimestampMs min_time = model::kTimestampMax;  // min > max: no samples.
  model::TimestampMs max_time = model::kTimestampMin;
  std::uint64_t memory_bytes = 0;
};

// One line of /api/v1/status/tsdb.
struct CardinalityEntry {
  std::string name;
  std::uint64_t value = 0;
};
// The largest of each kind, descending.
struct Cardinality {
  std::vector<CardinalityEntry> series_count_by_metric_name;
  std::vector<CardinalityEntry> label_value_count_by_label_name;
  std::vector<CardinalityEntry> memory_bytes_by_label_name;
  std::vector<CardinalityEntry> series_count_by_label_value_pair;  // "name=value"
};

// A block that queries see.
struct BlockInfo {
  std::string ulid;
  model::TimestampMs min_time = 0;  // The block covers [min_time, max_time).
  model::TimestampMs max_time = 0;
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
  std::uint64_t float_samples = 0;  // Not every writer of a block tells the two apart: both 0 then.
  std::uint64_t histogram_samples = 0;
  std::uint64_t chunks = 0;
  std::uint64_t tombstones = 0;
  int level = 1;
  std::uint64_t bytes = 0;           // On disk.
  std::vector<std::string> sources;  // ULIDs of the blocks of level 1 that are in it.
  struct Parent {
    std::string ulid;
    model::TimestampMs min_time = 0;
    model::TimestampMs max_time = 0;
  };
  std::vector<Parent> parents;     // What it was compacted from.
  std::vector<std::string> hints;  // "from-out-of-order", …
  bool deletable = false;
  bool failed = false;  // To compact.
  int version = 1;
};

// Threads: synchronized, but for close() and the destructor: nobody else may be using the Db or
// what it returned.
class Db : public storage::Appender, public storage::Queryable, public storage::ExemplarQueryable {
 public:
  // Locks the directory, opens the blocks, reads the log, opens a new log segment. Damage in a
  // block or in the log is set aside and reported, it never fails the start. kAlreadyExists:
  // another process holds the directory. kPermissionDenied, kNoSpace, kIo: it cannot be used.
  // `progress`, if given, may be watched from other threads meanwhile.
  static util::Result<std::unique_ptr<Db>> open(DbOptions options,
                                                ReplayProgress* progress = nullptr);

  // Makes everything durable and gives the directory back. Later appends fail with kUnavailable;
  // queries may go on. Idempotent. The destructor closes too, but cannot report errors.
  virtual util::Result<void> close() = 0;

  // One round of maintenance, now: look for blocks, apply retention, cut blocks from the head,
  // compact, drop from the head and its log what blocks have. Waits for an operation that runs
  // already.
  virtual util::Result<void> maintain() = 0;
  // Deletes the samples in `range` of the series that match: gone for queries at once, from the
  // disk with a later compaction. Precondition: at least one matcher.
  virtual util::Result<void> delete_series(std::span<const model::Matcher> matchers,
                                           model::TimeRange range,
                                           const storage::Deadline& deadline) = 0;
  // Writes every block with deletions anew, without what was deleted.
  virtual util::Result<void> clean_tombstones() = 0;
  // Links all blocks into a directory under "snapshots" of the data directory; unless `skip_head`,
  // what only the head has becomes one more block there. The name of the directory.
  virtual util::Result<std::string> snapshot(bool skip_head) = 0;

  // As DbOptions::retention and retention_bytes, from the next round of maintenance on.
  virtual void set_retention(std::chrono::milliseconds time, std::uint64_t bytes) = 0;
  // As DbOptions::out_of_order_window, from now on.
  virtual void set_out_of_order_window(std::chrono::milliseconds window) = 0;
  // How many exemplars are kept from now on; the newest of those there are stay.
  virtual void set_exemplars_max(std::size_t count) = 0;

  // In order of time.
  [[nodiscard]] virtual std::vector<BlockInfo> blocks() const = 0;
  // Damaged blocks that were moved out of the way since the start, and meta.json files that were
  // made anew: where they are now.
  [[nodiscard]] virtual std::vector<std::string> blocks_set_aside() const = 0;
  // Whether the disk is full: appends are refused.
  [[nodiscard]] virtual bool is_read_only() const = 0;
  [[nodiscard]] virtual const ReplayReport& replay_report() const = 0;
  [[nodiscard]] virtual HeadStats head_stats() const = 0;
  [[nodiscard]] virtual Cardinality cardinality(std::size_t limit) const = 0;
};

}  // namespace narthex::tsdb
