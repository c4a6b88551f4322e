#include "tsdb/db/instruments.h"

#include <array>
#include <vector>

namespace narthex::tsdb {

namespace {

// Seconds: 10 minutes to 12 hours.
constexpr std::array<double, 7> kDelayBounds{600, 1800, 3600, 7200, 10800, 21600, 43200};
constexpr std::array<double, 3> kQuantiles{0.5, 0.9, 0.99};

std::vector<double> growing_bounds(double first, double factor, std::size_t count) {
  std::vector<double> bounds;
  for (double bound = first; bounds.size() < count; bound *= factor) bounds.push_back(bound);
  return bounds;
}

}  // namespace

void Instruments::observe_chunk(const ChunkFigures& chunk) const {
  if (chunk_samples != nullptr) chunk_samples->observe(chunk.samples);
  if (chunk_bytes != nullptr) chunk_bytes->observe(static_cast<double>(chunk.payload_bytes));
  if (chunk_range != nullptr) chunk_range->observe(static_cast<double>(chunk.range_ms));
}

Instruments register_instruments(telemetry::Registry& registry) {
  const auto histogram = [&registry](const char* name, const char* help,
                                     std::span<const double> bounds) {
    return &registry.histogram(name, help, bounds);
  };
  const auto summary = [&registry](const char* name, const char* help,
                                   std::span<const double> quantiles) {
    return &registry.summary(name, help, quantiles);
  };
  return {
      .compaction_seconds =
          histogram("prometheus_tsdb_compaction_duration_seconds",
                    "How long compactions took, in seconds.", growing_bounds(1, 2, 14)),
      .chunk_samples =
          histogram("prometheus_tsdb_compaction_chunk_samples",
                    "Samples of a chunk that left memory for a block.", growing_bounds(4, 1.5, 12)),
      .chunk_bytes = histogram("prometheus_tsdb_compaction_chunk_size_bytes",
                               "Size of a chunk that left memory for a block, in bytes.",
                               growing_bounds(32, 1.5, 12)),
      // Prometheus's name says seconds; what it observes are milliseconds, and so do its bounds.
      .chunk_range = histogram(
          "prometheus_tsdb_compaction_chunk_range_seconds",
          "Time from the first to the last sample of a chunk that left memory for a block; in "
          "milliseconds, as Prometheus has it.",
          growing_bounds(100, 4, 10)),
      .tombstone_cleanup_seconds = histogram(
          "prometheus_tsdb_tombstone_cleanup_seconds",
          "How long it took to write blocks anew without what was deleted, in seconds.", {}),
      .head_gc_seconds =
          summary("prometheus_tsdb_head_gc_duration_seconds",
                  "How long memory took to let go of what a block holds, in seconds.", {}),
      .log_truncation_seconds = summary("prometheus_tsdb_wal_truncate_duration_seconds",
                                        "How long cutting the log took, in seconds.", {}),
      .log_sync_seconds =
          summary("prometheus_tsdb_wal_fsync_duration_seconds",
                  "How long it took to make the log durable, in seconds.", kQuantiles),
      .late_log_sync_seconds =
          summary("prometheus_tsdb_out_of_order_wbl_fsync_duration_seconds",
                  "How long it took to make the log of out-of-order samples durable, in seconds.",
                  kQuantiles),
      .late_delay_seconds = histogram(
          "prometheus_tsdb_sample_ooo_delta",
          "How far behind the newest sample of all those are that are behind their series' newest, "
          "in seconds, refused ones included.",
          kDelayBounds),
  };
}

}  // namespace narthex::tsdb
