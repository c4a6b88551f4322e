// The coroutine that scrapes one target, round after round.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "narthex/async/doorbell.h"
#include "narthex/async/task.h"
#include "narthex/scrape/manager.h"
#include "narthex/util/clock.h"
#include "narthex/util/mutex.h"

#include "scrape/ingest.h"
#include "scrape/job.h"
#include "scrape/target.h"

namespace narthex::scrape {

// Threads: synchronized; the coroutine itself is confined.
class TargetLoop {
 public:
  struct Environment {
    util::Clock* clock = nullptr;
    Shared* shared = nullptr;
  };
  TargetLoop(const Environment& environment, std::shared_ptr<const Target> target,
             std::shared_ptr<const Job> job, std::uint64_t seed);

  // Runs until it is cancelled or the target was retired and its stale markers are written. `self`
  // keeps the loop alive.
  static async::Task<void> run(std::shared_ptr<TargetLoop> self);

  // From the next round on. The same target by its key; its interval may have changed.
  void change(std::shared_ptr<const Target> target, std::shared_ptr<const Job> job);
  // The target is gone.
  void retire();

  [[nodiscard]] TargetStatus status() const;
  [[nodiscard]] std::shared_ptr<const Target> target() const;
  [[nodiscard]] const MetadataCache& metadata() const noexcept { return ingest_.metadata(); }

 private:
  struct Plan {
    std::shared_ptr<const Target> target;
    std::shared_ptr<const Job> job;
    bool retired = false;
  };
  struct Slot {
    util::WallNs ideal = 0;  // When the round should start.
    util::WallNs start = 0;  // When it did.
    util::SteadyNs steady_start = 0;
  };

  [[nodiscard]] Plan plan() const;
  async::Task<void> main();
  async::Task<bool> wait_for(util::WallNs at);
  async::Task<void> scrape(Slot slot);
  async::Task<void> read_and_commit(Slot slot);
  async::Task<void> write_end_markers();
  [[nodiscard]] model::TimestampMs sample_time(const Slot& slot) const;
  [[nodiscard]] http::ClientRequest request(util::SteadyNs deadline) const;
  [[nodiscard]] double seconds_since(const Slot& slot) const;
  void record(const Slot& slot, const std::string& error);

  const Environment environment_;
  const std::uint64_t seed_;
  async::Doorbell doorbell_;

  // Of the coroutine.
  std::shared_ptr<const Target> current_target_;
  std::shared_ptr<const Job> current_job_;
  Ingest ingest_;
  util::WallNs last_start_ = 0;

  mutable util::Mutex mutex_;
  Plan plan_ NX_GUARDED_BY(mutex_);
  TargetStatus status_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::scrape
