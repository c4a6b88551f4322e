// Truncates the head and then its log, when a block holds what they let go.
// Threads: confined, but for keep_record(), which is called before the first run(), and the two
// functions for batches.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/model/timestamp.h"
#include "narthex/util/clock.h"
#include "narthex/util/env.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

#include "tsdb/db/instruments.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/checkpoint.h"
#include "tsdb/wal/log_writer.h"
#include "tsdb/wal/segment_times.h"

namespace narthex::tsdb {

struct HeadTruncationCounters {
  std::atomic<std::uint64_t> failed{0};  // Of the head or of its log.
  std::atomic<std::uint64_t> checkpoint_deletions{0};
  std::atomic<std::uint64_t> checkpoint_deletions_failed{0};
  std::atomic<std::uint64_t> log_truncations{0};
  std::atomic<std::uint64_t> log_truncations_failed{0};
  std::atomic<std::uint64_t> checkpoints{0};
  std::atomic<std::uint64_t> checkpoints_failed{0};
};

class HeadTruncation {
 public:
  // What it works on; all of it outlives the object.
  struct Parts {
    util::Env& env;
    Head& head;
    HeadChunkFiles& files;
    LogWriter& log;
    util::Mutex& commit_mutex;  // Held by whoever commits.
    std::string log_directory;
    LogWriterOptions log_options;
    std::int64_t block_range_ms = 0;  // Of the blocks that are cut from the head.
    const util::Clock& clock = util::system_clock();
    Instruments instruments{};
  };
  // The head has by now what earlier runs have left in the log.
  explicit HeadTruncation(Parts parts)
      : parts_(std::move(parts)),
        times_(parts_.log.current_segment(), parts_.head.time_range().max, parts_.block_range_ms) {}

  // Before a batch is written to the log, and after: with the commit mutex held, and the newest
  // sample of the batch. A segment begins with the first batch in the range of another block.
  util::Result<void> begin_batch(model::TimestampMs newest);
  void end_batch(model::TimestampMs newest);

  // The log names this series in segments up to the given one, though the head does not know it by
  // that reference: its definition stays in checkpoints until those segments are gone.
  void keep_record(std::uint64_t ref, std::uint64_t last_segment) {
    last_segments_[ref] = last_segment;
  }

  // Drops what ends before `time`, and the series that have nothing else; then what the log has of
  // it. Precondition: Head::stop_appends_before(time) was called with the commit mutex held, and
  // new queries do not ask the head for older samples. kTimeout: after `patience` some query still
  // read from there; nothing was dropped. Other errors concern the log alone: the head is
  // truncated, and the log will be the next time.
  util::Result<void> run(model::TimestampMs time, std::chrono::nanoseconds patience);

  [[nodiscard]] const HeadTruncationCounters& counters() const noexcept { return counters_; }

 private:
  util::Result<void> truncate(model::TimestampMs time, std::chrono::nanoseconds patience);
  // Gives the oldest file of chunks that is still needed.
  std::uint32_t truncate_head(model::TimestampMs time);
  util::Result<void> truncate_log(model::TimestampMs time);

  // The segment that the next checkpoint ends with; 0 when it is too early for one.
  util::Result<std::uint64_t> end_segment(model::TimestampMs time);

  const Parts parts_;
  SegmentTimes times_;  // Guarded by the commit mutex.
  HeadTruncationCounters counters_;
  // Of series that are gone: the last segment that may name them.
  boost::unordered_flat_map<std::uint64_t, std::uint64_t> last_segments_;
};

}  // namespace narthex::tsdb
