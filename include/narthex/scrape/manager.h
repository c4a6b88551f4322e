// Scrapes targets: one coroutine a target, in its own time slot, into storage.
//
// Life of a round: an I/O thread asks the target and reads the body in pieces; a worker thread
// decompresses and parses each piece, recognises series by hash and fills one batch; at the end the
// batch, with stale markers and the report series in it, is appended. A round that fails stores
// nothing but stale markers and `up` 0. docs/ARCHITECTURE.md, "Life of a scraped sample".
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/discovery/manager.h"
#include "narthex/model/labels.h"
#include "narthex/model/metadata.h"
#include "narthex/scrape/options.h"
#include "narthex/storage/appender.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"
#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::async {
class Runtime;
}

namespace narthex::scrape {

enum class TargetHealth : std::uint8_t { kUnknown, kUp, kDown };

struct TargetStatus {
  std::string pool;
  model::Labels discovered_labels;
  model::Labels labels;
  std::string scrape_url;
  std::string last_error;
  util::WallNs last_scrape_ns = 0;  // 0: never.
  double last_scrape_seconds = 0;
  TargetHealth health = TargetHealth::kUnknown;
  std::chrono::milliseconds interval{0};
  std::chrono::milliseconds timeout{0};
  std::uint64_t samples = 0;  // In the last round.
  std::uint64_t series_refused =
      0;  // New series that storage did not take in the last round: its memory budget is spent.
};

struct DroppedTarget {
  std::string pool;
  model::Labels discovered_labels;
};

struct TargetMetadata {
  model::Labels target;
  std::string family;
  model::Metadata metadata;
};

// Threads: synchronized.
class ScrapeManager {
 public:
  // All outlive the manager. Bodies are read, parsed and stored on the threads of `runtime`, which
  // should therefore serve nothing else: a slow disk holds up scrapes alone.
  struct Environment {
    async::Runtime* runtime = nullptr;
    util::Clock* clock = nullptr;
    storage::Appender* appender = nullptr;
    telemetry::Registry* registry = nullptr;
    // Where discoverers wait, read files and understand answers; null: `runtime`.
    async::Runtime* discovery_runtime = nullptr;
    util::Env* env = nullptr;  // Null: the operating system's files.
    std::string user_agent{};  // Of discoverers.
    // Discovered targets change at most so often.
    std::chrono::milliseconds discovery_interval{5'000};
    discovery::Manager::Factory discovery_factory{};  // Empty: the real ones. For tests.
  };
  explicit ScrapeManager(Environment environment);
  // Precondition: stop() was called.
  ~ScrapeManager();
  ScrapeManager(const ScrapeManager&) = delete;
  ScrapeManager& operator=(const ScrapeManager&) = delete;

  // Brings the manager to these jobs. Jobs and targets that did not change go on undisturbed; a
  // target that is gone gets stale markers two intervals later. An error (a rule that does not
  // compile, a certificate that cannot be read) names the job and changes nothing.
  util::Result<void> reload(ScrapeManagerOptions options, std::vector<ScrapeJobOptions> jobs);
  // Ends every loop at its next wait; writes no stale markers. Not from an I/O thread. Idempotent.
  void stop();

  // Memory of what is remembered of all targets' series.
  [[nodiscard]] std::uint64_t cache_bytes() const noexcept;
  // Sorted.
  [[nodiscard]] std::vector<std::string> pools() const;
  // Of one pool or of all, ordered by pool and then by address.
  [[nodiscard]] std::vector<TargetStatus> active(
      std::optional<std::string_view> pool = std::nullopt) const;
  // Those that are remembered (keep_dropped_targets).
  [[nodiscard]] std::vector<DroppedTarget> dropped(
      std::optional<std::string_view> pool = std::nullopt) const;
  // All of them, remembered or not; sorted by pool.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> dropped_counts() const;
  // Of the active targets, of one family or of all.
  [[nodiscard]] std::vector<TargetMetadata> metadata(
      std::optional<std::string_view> family = std::nullopt) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::scrape
