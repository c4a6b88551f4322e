#include "scrape/pool.h"

#include <fmt/format.h>

#include "narthex/async/runtime.h"
#include "narthex/util/log.h"

namespace narthex::scrape {

Pool::Pool(const TargetLoop::Environment& environment, async::Runtime* runtime,
           async::TaskGroup* tasks, std::shared_ptr<const Job> job)
    : environment_(environment), runtime_(runtime), tasks_(tasks), job_(std::move(job)) {}

// Every target that the labels make, once; drops and faults are remembered and logged.
Pool::Targets Pool::make_targets(const std::vector<model::Labels>& discovered) {
  Targets targets;
  dropped_.clear();
  dropped_count_ = 0;
  const std::uint64_t keep = job_->options.limits.dropped_targets;
  for (const model::Labels& labels : discovered) {
    const model::Labels initial = initial_labels(labels, job_->options);
    auto made = make_target(initial, job_->options, job_->relabel_rules);
    if (!made) {
      util::log_error("Error creating target", {{"scrape_pool", job_->options.job_name},
                                                {"target", labels.to_string()},
                                                {"err", made.error()}});
      continue;
    }
    if (!*made) {
      ++dropped_count_;
      if (keep == 0 || dropped_.size() < keep) dropped_.push_back(initial);
      continue;
    }
    auto target = std::make_shared<const Target>(**std::move(made));
    targets.try_emplace(target->key(), std::move(target));
  }
  return targets;
}

void Pool::apply_target_limit(std::size_t count) {
  const std::uint64_t limit = job_->options.limits.targets;
  const bool exceeded = limit != 0 && count > limit;
  const std::string error =
      exceeded
          ? fmt::format("target_limit exceeded (number of targets: {}, limit: {})", count, limit)
          : std::string();
  if (exceeded) environment_.shared->metrics->target_limit_exceeded.increment();
  if (error == job_->forced_error) return;
  auto changed = std::make_shared<Job>(*job_);
  changed->forced_error = error;
  job_ = std::move(changed);
}

void Pool::sync(std::shared_ptr<const Job> job, const std::vector<model::Labels>& discovered,
                std::uint64_t seed) {
  job_ = std::move(job);
  Targets targets = make_targets(discovered);
  apply_target_limit(targets.size());

  for (auto it = loops_.begin(); it != loops_.end();) {
    if (targets.contains(it->first)) {
      ++it;
      continue;
    }
    it->second->retire();
    it = loops_.erase(it);
  }
  for (auto& [key, target] : targets) {
    std::shared_ptr<TargetLoop>& loop = loops_[key];
    if (loop) {
      loop->change(std::move(target), job_);
      continue;
    }
    loop = std::make_shared<TargetLoop>(environment_, std::move(target), job_, seed);
    tasks_->spawn_on(runtime_->executor(), TargetLoop::run(loop));
  }
}

void Pool::retire() {
  for (const auto& [key, loop] : loops_) loop->retire();
  loops_.clear();
}

std::vector<std::shared_ptr<TargetLoop>> Pool::loops() const {
  std::vector<std::shared_ptr<TargetLoop>> out;
  out.reserve(loops_.size());
  for (const auto& [key, loop] : loops_) out.push_back(loop);
  return out;
}

}  // namespace narthex::scrape
