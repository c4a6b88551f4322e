// Writes the log: frames records into pages, hands them to the operating system batch by batch,
// makes them durable. Format: wal/format.h.
//
// After a failed write or sync nothing is acknowledged until a new segment has been started: the
// failed one is cut back to its last whole batch (as far as the disk lets us) and closed. What had
// been acknowledged but not synced when a sync failed may be gone from the disk although it can
// still be read: it is written again, into the new segment.
//
// Threads: begin/add/commit by one thread at a time; sync() and the getters by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/telemetry/registry.h"
#include "narthex/tsdb/db.h"
#include "narthex/util/clock.h"
#include "narthex/util/env.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

#include "tsdb/wal/format.h"

namespace narthex::tsdb {

struct LogWriterOptions {
  std::uint64_t segment_bytes = std::uint64_t{128} << 20U;  // A multiple of the page size.
  WalCompression compression = WalCompression::kSnappy;
  // How long each sync of a segment took goes there, in seconds; null: nobody asks.
  telemetry::Summary* sync_seconds = nullptr;
  const util::Clock* clock = nullptr;  // Set when sync_seconds is.
};

// Counted since the start. Relaxed atomics: statistics only.
struct LogWriterCounters {
  std::atomic<std::uint64_t> bytes_written{0};
  std::atomic<std::uint64_t> record_bytes{0};             // Before compression.
  std::atomic<std::uint64_t> record_bytes_compressed{0};  // What was framed.
  std::atomic<std::uint64_t> fragments{0};       // Records, or as much of one as fits a page.
  std::atomic<std::uint64_t> fragment_bytes{0};  // With their headers.
  std::atomic<std::uint64_t> pages_flushed{0};
  std::atomic<std::uint64_t> pages_completed{0};
  std::atomic<std::uint64_t> writes_failed{0};
  std::atomic<std::uint64_t> syncs_failed{0};
};

class LogWriter {
 public:
  // Starts segment `first_segment` in `directory`, which is made if it is not there.
  static util::Result<std::unique_ptr<LogWriter>> open(util::Env& env, std::string directory,
                                                       std::uint64_t first_segment,
                                                       LogWriterOptions options);
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Begins a batch. An error means that the log cannot be written now: the caller refuses its
  // batch.
  util::Result<void> begin();
  void add(std::string_view record);
  // Writes the batch. After an error none of it counts: it has been taken back as far as possible.
  util::Result<void> commit();
  // commit(), and durable too when it returns. After an error none of the batch counts.
  util::Result<void> commit_durably();
  // Makes what was committed before durable. An error is remembered: the next begin() deals with
  // it.
  util::Result<void> sync();
  // Ends the current segment, unless it is empty. By the thread that commits.
  util::Result<void> next_segment();
  // Syncs and closes.
  util::Result<void> close();

  [[nodiscard]] std::uint64_t current_segment() const;
  [[nodiscard]] const LogWriterCounters& counters() const noexcept { return counters_; }

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::string path;
    std::unique_ptr<util::WritableFile> file;
    // Guarded by the writer's mutex_.
    std::uint64_t committed_bytes = 0;  // Whole batches.
    std::uint64_t synced_bytes = 0;
  };
  // Framed bytes of the running batch that belong to one segment.
  struct Piece {
    std::string bytes;
  };

  LogWriter(util::Env& env, std::string directory, LogWriterOptions options)
      : env_(env), directory_(std::move(directory)), options_(options) {}

  util::Result<void> start_segment(std::uint64_t number);
  // Compresses if that makes it smaller; gives the flag.
  std::uint8_t compress(std::string_view record, std::string_view& out);
  void frame(std::string_view data, std::uint8_t compression);
  void pad_page();
  [[nodiscard]] std::uint64_t room_in_segment() const noexcept;
  util::Result<void> write_pieces();
  util::Result<void> sync_file(util::WritableFile& file) const;
  void accept_batch();
  void take_back_batch();
  // Leaves the current segment for a new one, and writes again what a failed sync made doubtful.
  util::Result<void> recover();
  util::Result<void> relog(const std::string& path, std::uint64_t from, std::uint64_t to);

  util::Env& env_;
  const std::string directory_;
  const LogWriterOptions options_;
  LogWriterCounters counters_;

  // The committing thread's own.
  std::vector<Piece>
      pieces_;  // The first continues the current segment, each further one starts a new one.
  std::size_t piece_count_ = 0;
  std::uint64_t planned_bytes_ =
      0;  // Length of the segment that the last piece belongs to, with that piece.
  std::string compressed_;
  bool must_roll_ = false;
  std::vector<std::shared_ptr<Segment>> batch_segments_;  // Those that write_pieces() has touched.

  struct Doubtful {
    std::string path;
    std::uint64_t from;
    std::uint64_t to;
  };
  std::vector<Doubtful> doubtful_;

  util::Mutex sync_mutex_;  // One sync at a time. Taken before mutex_.
  mutable util::Mutex mutex_;
  std::shared_ptr<Segment> current_ NX_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Segment>> unsynced_
      NX_GUARDED_BY(mutex_);  // Older ones; they are complete.
  std::vector<std::shared_ptr<Segment>> sync_failed_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::tsdb
