#include "narthex/scrape/manager.h"

#include <algorithm>
#include <map>

#include "narthex/async/runtime.h"
#include "narthex/async/task.h"
#include "narthex/discovery/manager.h"
#include "narthex/util/log.h"
#include "narthex/util/mutex.h"

#include "scrape/failure_log.h"
#include "scrape/ingest.h"
#include "scrape/job.h"
#include "scrape/metrics.h"
#include "scrape/pool.h"
#include "scrape/target.h"

namespace narthex::scrape {
namespace {

// What the loops of a job depend on: everything but where its targets come from.
bool same_settings(const ScrapeJobOptions& a, const ScrapeJobOptions& b) {
  ScrapeJobOptions with_sources_of_b = a;
  with_sources_of_b.discovery = b.discovery;
  return with_sources_of_b == b;
}

}  // namespace

class ScrapeManager::Impl {
 public:
  explicit Impl(Environment environment)
      : environment_(std::move(environment)),
        metrics_(*environment_.registry),
        tasks_(environment_.runtime->executor(), "scrape"),
        discovery_(discovery_environment(environment_),
                   [this](const std::vector<std::string>& names) { update_targets(names); }) {
    shared_.appender = environment_.appender;
    shared_.metrics = &metrics_;
  }

  util::Result<void> reload(ScrapeManagerOptions options, std::vector<ScrapeJobOptions> jobs);
  void stop() {
    discovery_.stop();
    tasks_.stop();
  }

  // Calls `visit(pool)` for the pool of that name, or for all in order of their names.
  template <class Visit>
  void visit_pools(std::optional<std::string_view> name, Visit visit) const {
    const util::MutexLock lock(mutex_);
    for (const auto& [pool_name, pool] : pools_) {
      if (!name || *name == pool_name) visit(*pool);
    }
  }

  [[nodiscard]] std::uint64_t cache_bytes() const noexcept {
    return shared_.cache_bytes.load(std::memory_order_relaxed);
  }

 private:
  util::Result<std::shared_ptr<const Job>> prepare(ScrapeJobOptions options,
                                                   const ScrapeManagerOptions& manager,
                                                   bool manager_changed) NX_REQUIRES(mutex_);
  using JobsByName = std::map<std::string, std::shared_ptr<const Job>>;
  util::Result<JobsByName> prepare_all(const ScrapeManagerOptions& options,
                                       std::vector<ScrapeJobOptions> jobs);
  void take_over(ScrapeManagerOptions options, JobsByName prepared);
  static discovery::Manager::Environment discovery_environment(const Environment& from);
  void update_targets(const std::vector<std::string>& names);

  const Environment environment_;
  Metrics metrics_;
  Shared shared_;
  async::TaskGroup tasks_;
  util::Mutex reload_mutex_;  // Before mutex_.
  mutable util::Mutex mutex_;
  bool is_reloading_ NX_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::unique_ptr<Pool>, std::less<>> pools_ NX_GUARDED_BY(mutex_);
  ScrapeManagerOptions options_ NX_GUARDED_BY(mutex_);
  FailureLogs failure_logs_ NX_GUARDED_BY(mutex_);
  // Last: its threads call update_targets(). Its lock is only ever taken inside of ours.
  discovery::Manager discovery_;
};

discovery::Manager::Environment ScrapeManager::Impl::discovery_environment(
    const Environment& from) {
  discovery::Manager::Environment out;
  out.runtime = from.discovery_runtime == nullptr ? from.runtime : from.discovery_runtime;
  out.clock = from.clock;
  out.env = from.env == nullptr ? &util::posix_env() : from.env;
  out.registry = from.registry;
  out.user_agent = from.user_agent;
  out.update_interval = from.discovery_interval;
  out.factory = from.discovery_factory;
  return out;
}

// Discovery has found something new. Targets that stay keep their loops and caches.
void ScrapeManager::Impl::update_targets(const std::vector<std::string>& names) {
  const util::MutexLock lock(mutex_);
  if (is_reloading_) return;  // The end of the reload takes in what is known then.
  const std::uint64_t seed = offset_seed(options_);
  for (const std::string& name : names) {
    const auto pool = pools_.find(name);
    if (pool == pools_.end()) continue;
    pool->second->sync(pool->second->shared_job(), discovery_.targets(name), seed);
  }
}

// The running job if nothing in it has changed, else a new one.
util::Result<std::shared_ptr<const Job>> ScrapeManager::Impl::prepare(
    ScrapeJobOptions options, const ScrapeManagerOptions& manager, bool manager_changed) {
  const auto running = pools_.find(options.job_name);
  const std::shared_ptr<const Job> previous =
      running == pools_.end() ? nullptr : running->second->shared_job();
  if (previous && !manager_changed && same_settings(previous->options, options)) return previous;
  NX_ASSIGN(auto failure_log, failure_logs_.get(options.failure_log_file));
  NX_ASSIGN(std::shared_ptr<Job> job,
            make_job(std::move(options), manager, environment_.clock, previous.get()));
  job->failure_log = std::move(failure_log);
  return std::shared_ptr<const Job>(std::move(job));
}

util::Result<void> ScrapeManager::Impl::reload(ScrapeManagerOptions options,
                                               std::vector<ScrapeJobOptions> jobs) {
  const util::MutexLock one_at_a_time(reload_mutex_);
  std::vector<discovery::Manager::Job> sources;
  for (const ScrapeJobOptions& job : jobs)
    sources.push_back({.name = job.job_name, .options = job.discovery});
  // Everything that can fail comes first.
  NX_ASSIGN(JobsByName prepared, prepare_all(options, std::move(jobs)));
  // Waits for discoverers to end, which may just be telling us something: without our lock.
  discovery_.apply(std::move(sources));
  take_over(std::move(options), std::move(prepared));
  return {};
}

util::Result<ScrapeManager::Impl::JobsByName> ScrapeManager::Impl::prepare_all(
    const ScrapeManagerOptions& options, std::vector<ScrapeJobOptions> jobs) {
  const util::MutexLock lock(mutex_);
  const bool manager_changed = options != options_;
  JobsByName prepared;
  for (ScrapeJobOptions& job_options : jobs) {
    std::string name = job_options.job_name;
    auto job = prepare(std::move(job_options), options, manager_changed);
    if (!job) {
      (pools_.contains(name) ? metrics_.pool_reloads_failed : metrics_.pools_failed).increment();
      return std::unexpected(std::move(job).error());
    }
    if (!prepared.try_emplace(name, *std::move(job)).second) {
      return util::fail(util::Code::kInvalidArgument,
                        "found multiple scrape configs with job name \"" + name + "\"");
    }
  }
  is_reloading_ = true;
  return prepared;
}

void ScrapeManager::Impl::take_over(ScrapeManagerOptions options, JobsByName prepared) {
  const util::MutexLock lock(mutex_);
  const std::uint64_t seed = offset_seed(options);
  for (auto it = pools_.begin(); it != pools_.end();) {
    if (prepared.contains(it->first)) {
      ++it;
      continue;
    }
    it->second->retire();
    it = pools_.erase(it);
  }
  const TargetLoop::Environment loop_environment{.clock = environment_.clock, .shared = &shared_};
  for (auto& [name, next] : prepared) {
    std::unique_ptr<Pool>& pool = pools_[name];
    (pool ? metrics_.pool_reloads : metrics_.pools).increment();
    if (!pool) pool = std::make_unique<Pool>(loop_environment, environment_.runtime, &tasks_, next);
    pool->sync(std::move(next), discovery_.targets(name), seed);
  }
  options_ = std::move(options);
  is_reloading_ = false;
  // The jobs are in force by now: what cannot be opened again is reported and goes on as it was.
  if (const auto reopened = failure_logs_.reopen(); !reopened)
    util::log_error("Opening the scrape failure log again failed", {{"err", reopened.error()}});
}

ScrapeManager::ScrapeManager(Environment environment)
    : impl_(std::make_unique<Impl>(std::move(environment))) {}
ScrapeManager::~ScrapeManager() = default;

util::Result<void> ScrapeManager::reload(ScrapeManagerOptions options,
                                         std::vector<ScrapeJobOptions> jobs) {
  return impl_->reload(std::move(options), std::move(jobs));
}
void ScrapeManager::stop() {
  impl_->stop();
}

std::uint64_t ScrapeManager::cache_bytes() const noexcept {
  return impl_->cache_bytes();
}

std::vector<std::string> ScrapeManager::pools() const {
  std::vector<std::string> out;
  impl_->visit_pools(std::nullopt,
                     [&out](const Pool& pool) { out.push_back(pool.job().options.job_name); });
  return out;
}

std::vector<TargetStatus> ScrapeManager::active(std::optional<std::string_view> pool) const {
  std::vector<TargetStatus> out;
  impl_->visit_pools(pool, [&out](const Pool& p) {
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    for (const auto& loop : p.loops()) out.push_back(loop->status());
    std::ranges::stable_sort(out.begin() + first, out.end(), {}, &TargetStatus::scrape_url);
  });
  return out;
}

std::vector<DroppedTarget> ScrapeManager::dropped(std::optional<std::string_view> pool) const {
  std::vector<DroppedTarget> out;
  impl_->visit_pools(pool, [&out](const Pool& p) {
    for (const model::Labels& labels : p.dropped())
      out.push_back({p.job().options.job_name, labels});
  });
  return out;
}

std::vector<std::pair<std::string, std::uint64_t>> ScrapeManager::dropped_counts() const {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  impl_->visit_pools(std::nullopt, [&out](const Pool& p) {
    out.emplace_back(p.job().options.job_name, p.dropped_count());
  });
  return out;
}

std::vector<TargetMetadata> ScrapeManager::metadata(std::optional<std::string_view> family) const {
  std::vector<std::shared_ptr<TargetLoop>> loops;
  impl_->visit_pools(std::nullopt, [&loops](const Pool& p) {
    for (auto& loop : p.loops()) loops.push_back(std::move(loop));
  });
  std::vector<TargetMetadata> out;
  for (const auto& loop : loops) {
    const model::Labels labels = loop->target()->labels;
    if (family) {
      if (const FamilyMetadataPtr found = loop->metadata().find(*family))
        out.push_back({labels, found->family, found->metadata});
      continue;
    }
    for (const FamilyMetadataPtr& found : loop->metadata().snapshot())
      out.push_back({labels, found->family, found->metadata});
  }
  return out;
}

}  // namespace narthex::scrape
