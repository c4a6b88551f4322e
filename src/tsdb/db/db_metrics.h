// The engine's self-metrics, under Prometheus's names (docs/self-metrics.md). Threads: immutable.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "narthex/telemetry/registry.h"
#include "narthex/tsdb/db.h"

#include "tsdb/chunk/sample_cache.h"
#include "tsdb/db/block_store.h"
#include "tsdb/db/disk_guard.h"
#include "tsdb/db/head_truncation.h"
#include "tsdb/db/maintenance.h"
#include "tsdb/head/exemplar_ring.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/log_writer.h"

namespace narthex::tsdb {

// Relaxed atomics: statistics only.
struct LateLogCounters {
  std::atomic<std::uint64_t> truncations{0};
  std::atomic<std::uint64_t> truncations_failed{0};
};
struct LateLogSource {
  const std::atomic<LogWriter*>& log;  // Null as long as there is none.
  const LateLogCounters& counters;
};

// What the metrics are read from; all of it outlives the returned callbacks.
struct DbMetricSources {
  const Head& head;
  const SampleCache& sample_cache;
  const ExemplarRing& exemplars;
  const HeadChunkFiles& chunk_files;
  const LogWriter& log;
  const HeadTruncation& truncation;
  const ReplayReport& replay;
  const BlockStore& blocks;
  const Maintenance& maintenance;
  const DiskGuard& disk;
  LateLogSource late;
  double clean_start = -1;  // -1: no lock file, 0: one was there, 1: none was.
  const std::atomic<std::uint64_t>& appenders;
  util::Env& env;
  std::string data_directory;
};

[[nodiscard]] std::vector<telemetry::Registry::Callback> register_db_metrics(
    telemetry::Registry& registry, const DbMetricSources& sources);

}  // namespace narthex::tsdb
