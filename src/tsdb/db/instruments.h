// What parts of the engine observe themselves while they work, under Prometheus's names
// (docs/self-metrics.md). Null where nobody asks.
// Threads: immutable; what is pointed to is synchronized.
#pragma once

#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"

#include "tsdb/block/block_writer.h"

namespace narthex::tsdb {

struct Instruments {
  telemetry::Histogram* compaction_seconds = nullptr;
  // Of chunks that leave the head for a block.
  telemetry::Histogram* chunk_samples = nullptr;
  telemetry::Histogram* chunk_bytes = nullptr;
  telemetry::Histogram* chunk_range = nullptr;  // Milliseconds, see instruments.cc.
  telemetry::Histogram* tombstone_cleanup_seconds = nullptr;
  telemetry::Summary* head_gc_seconds = nullptr;
  telemetry::Summary* log_truncation_seconds = nullptr;
  telemetry::Summary* log_sync_seconds = nullptr;
  telemetry::Summary* late_log_sync_seconds = nullptr;
  telemetry::Histogram* late_delay_seconds = nullptr;

  void observe_chunk(const ChunkFigures& chunk) const;
};

// They live as long as the registry.
[[nodiscard]] Instruments register_instruments(telemetry::Registry& registry);

// Observes how long something took, in seconds.
template <class Instrument>
class ObservedTime {
 public:
  ObservedTime(const util::Clock& clock, Instrument* to)
      : clock_(clock), to_(to), begin_(clock.steady_ns()) {}
  void done() const {
    if (to_ != nullptr) to_->observe(static_cast<double>(clock_.steady_ns() - begin_) / 1e9);
  }

 private:
  const util::Clock& clock_;
  Instrument* const to_;
  const util::SteadyNs begin_;
};

}  // namespace narthex::tsdb
