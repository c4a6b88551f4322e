// The targets of one job: brings the running loops to what discovery and the configuration say.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "narthex/async/task.h"
#include "narthex/model/labels.h"
#include "narthex/scrape/manager.h"

#include "scrape/job.h"
#include "scrape/target.h"
#include "scrape/target_loop.h"

namespace narthex::scrape {

// Threads: external (the manager locks).
class Pool {
 public:
  // `tasks` runs the loops on the threads of `runtime`; both outlive the pool.
  Pool(const TargetLoop::Environment& environment, async::Runtime* runtime, async::TaskGroup* tasks,
       std::shared_ptr<const Job> job);

  [[nodiscard]] const Job& job() const noexcept { return *job_; }
  [[nodiscard]] std::shared_ptr<const Job> shared_job() const noexcept { return job_; }
  // Another configuration, targets as discovery has them; `seed` places the slots.
  void sync(std::shared_ptr<const Job> job, const std::vector<model::Labels>& discovered,
            std::uint64_t seed);
  // Retires every target.
  void retire();

  [[nodiscard]] std::vector<std::shared_ptr<TargetLoop>> loops() const;
  [[nodiscard]] const std::vector<model::Labels>& dropped() const noexcept { return dropped_; }
  [[nodiscard]] std::uint64_t dropped_count() const noexcept { return dropped_count_; }

 private:
  using Targets = std::map<std::string, std::shared_ptr<const Target>>;  // By Target::key().
  Targets make_targets(const std::vector<model::Labels>& discovered);
  void apply_target_limit(std::size_t count);

  const TargetLoop::Environment environment_;
  async::Runtime* const runtime_;
  async::TaskGroup* const tasks_;
  std::shared_ptr<const Job> job_;
  std::map<std::string, std::shared_ptr<TargetLoop>> loops_;
  std::vector<model::Labels> dropped_;
  std::uint64_t dropped_count_ = 0;
};

}  // namespace narthex::scrape
