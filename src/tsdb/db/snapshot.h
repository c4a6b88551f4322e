// The snapshot of the head that a clean stop leaves, so that the next start need not read the log.
// Format: docs/formats/snapshot.md. Threads: functions without state; nobody appends meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "narthex/util/env.h"
#include "narthex/util/result.h"

#include "tsdb/head/exemplar_ring.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/log_writer.h"

namespace narthex::tsdb {

struct SnapshotPlace {
  std::string path;
  // It holds what the log says before this byte of this segment.
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
};
// The newest complete one.
util::Result<std::optional<SnapshotPlace>> find_snapshot(util::Env& env,
                                                         const std::string& data_directory);
// Removes all of them, unfinished ones included; reports what fails.
void remove_snapshots(util::Env& env, const std::string& data_directory);

// Of the files of head chunks.
struct ChunkFilesExtent {
  std::uint32_t end = 0;  // All have smaller numbers.
  std::uint64_t bytes = 0;
};

struct SnapshotTarget {
  util::Env& env;
  std::string data_directory;
  std::uint64_t segment = 0;  // As in SnapshotPlace.
  std::uint64_t offset = 0;
  LogWriterOptions log_options;
};
struct SnapshotContent {
  Head& head;
  const ExemplarRing& exemplars;
  std::span<const SeriesId> unlogged;  // Ascending; the log does not define them: left out.
  // References of the log that name a series which has another id in the head.
  std::span<const std::pair<std::uint64_t, SeriesId>> aliases;
  ChunkFilesExtent chunk_files;
};
// Precondition: all full chunks are in files. It is there whole, and durable, or not at all.
util::Result<void> write_snapshot(const SnapshotTarget& to, const SnapshotContent& content);

// What must be true of the rest of the directory, as the snapshot's writer knew it; zeros for one
// that Prometheus wrote, which does not say.
struct SnapshotNote {
  std::uint64_t series_end = 0;  // No reference of the log is as large.
  ChunkFilesExtent chunk_files;
  std::uint64_t records = 0;  // Of the snapshot.
};
// Reads all of it, so that nothing of a damaged one is used. kCorruption names the place, or says
// what of the log or of the files of head chunks (`files`: those that are there) is missing.
util::Result<SnapshotNote> check_snapshot(util::Env& env, const std::string& data_directory,
                                          const SnapshotPlace& place,
                                          const ChunkFilesExtent& files);
// Calls visit(record) for each. Precondition: check_snapshot().
util::Result<void> visit_snapshot(
    util::Env& env, const std::string& path,
    const std::function<util::Result<void>(std::string_view record)>& visit);

}  // namespace narthex::tsdb
