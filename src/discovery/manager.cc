#include "narthex/discovery/manager.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "narthex/async/doorbell.h"
#include "narthex/async/runtime.h"
#include "narthex/async/timer.h"
#include "narthex/discovery/static_groups.h"
#include "narthex/util/log.h"
#include "narthex/util/mutex.h"

#include "discovery/context.h"
#include "discovery/metrics.h"

namespace narthex::discovery {
namespace {

constexpr std::chrono::milliseconds kFirstDelay{100};
// Of one discoverer. A label set of a target takes some hundred bytes.
constexpr std::size_t kTargetsMax = 500'000;

using Groups = std::map<std::string, TargetGroup, std::less<>>;  // By source.

std::size_t target_count(const Groups& groups) {
  std::size_t count = 0;
  for (const auto& [source, group] : groups) count += group.targets.size();
  return count;
}

void append_targets(const TargetGroup& group, std::vector<model::Labels>& out) {
  for (const model::Labels& target : group.targets) {
    model::LabelsBuilder labels(group.labels);
    for (const auto [name, value] : target) labels.set(name, value);
    out.push_back(labels.build());
  }
}

}  // namespace

class Manager::Impl {
 public:
  Impl(Environment environment, OnChange on_change);

  void apply(std::vector<Job> jobs);
  void stop();
  std::vector<model::Labels> targets(std::string_view job) const;

 private:
  // A running discoverer and what it has found.
  struct Provider;
  struct JobState {
    std::vector<StaticConfig> static_configs;
    std::vector<std::shared_ptr<Provider>> providers;
  };

  static async::Task<void> run_provider(std::shared_ptr<Provider> provider);
  async::Task<void> hand_on();
  void hand_on_changes();
  util::Result<void> take(Provider& provider, std::vector<TargetGroup> groups, bool is_all);

  // What one apply() has worked out.
  struct Plan {
    std::vector<std::shared_ptr<Provider>> known;
    std::vector<std::shared_ptr<Provider>> fresh;
    int failed = 0;
  };
  std::vector<std::shared_ptr<Provider>> providers_for(const std::vector<ProviderOptions>& settings,
                                                       Plan& plan);
  std::shared_ptr<Provider> make_provider(const ProviderOptions& options);
  void count_targets_of(const std::vector<Job>& jobs);
  static std::size_t count_targets(const JobState& job);
  static void inherit(const JobState& before, JobState& after);

  const Environment environment_;
  const OnChange on_change_;
  Metrics metrics_;
  ManagerMetrics manager_metrics_;
  const Context context_;
  async::Doorbell changed_;
  async::TaskGroup tasks_;

  std::map<std::string, telemetry::Registry::Callback> counts_;  // Of apply() and stop() alone.

  mutable util::Mutex mutex_;
  std::map<std::string, JobState, std::less<>> jobs_ NX_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Provider>> providers_ NX_GUARDED_BY(mutex_);
  std::set<std::string> changed_jobs_ NX_GUARDED_BY(mutex_);
};

// Threads: everything but options, discoverer and tasks is guarded by the manager's mutex.
struct Manager::Impl::Provider final : public GroupSink {
  Provider(Impl* o, ProviderOptions settings, std::unique_ptr<Discoverer> d)
      : owner(o),
        options(std::move(settings)),
        discoverer(std::move(d)),
        tasks(o->environment_.runtime->executor(), "discovery " + mechanism_of(options)) {}

  util::Result<void> replace(std::vector<TargetGroup> all) override {
    return owner->take(*this, std::move(all), true);
  }
  util::Result<void> merge(std::vector<TargetGroup> some) override {
    return owner->take(*this, std::move(some), false);
  }

  Impl* const owner;
  const ProviderOptions options;
  const std::unique_ptr<Discoverer> discoverer;
  async::TaskGroup tasks;
  Groups groups;
  // What the discoverer that stood in this one's place had found; until the first word of this one.
  Groups inherited;
  bool has_spoken = false;
};

Manager::Impl::Impl(Environment environment, OnChange on_change)
    : environment_(std::move(environment)),
      on_change_(std::move(on_change)),
      metrics_(*environment_.registry),
      manager_metrics_(*environment_.registry, environment_.name),
      context_{.clock = environment_.clock,
               .env = environment_.env,
               .metrics = &metrics_,
               .user_agent = environment_.user_agent},
      tasks_(environment_.runtime->executor(), "discovery") {
  tasks_.spawn_on(environment_.runtime->executor(), hand_on());
}

async::Task<void> Manager::Impl::run_provider(std::shared_ptr<Provider> provider) {
  co_return co_await provider->discoverer->run(provider.get());
}

// Every change within the delay goes along; while they keep coming the delay grows, so that a busy
// discoverer does not have its targets sorted out ten times a second.
async::Task<void> Manager::Impl::hand_on() {
  constexpr util::SteadyNs kForEver = std::numeric_limits<util::SteadyNs>::max();
  util::Clock* const clock = environment_.clock;
  const std::int64_t interval_ns = std::chrono::nanoseconds(environment_.update_interval).count();
  std::int64_t delay_ns = std::chrono::nanoseconds(kFirstDelay).count();
  util::SteadyNs last = 0;
  bool handed_any = false;
  for (;;) {
    NX_CO_TRY(co_await changed_.wait_until(clock, kForEver));
    const bool is_calm = !handed_any || clock->steady_ns() - last >= interval_ns;
    if (is_calm) {
      delay_ns = std::chrono::nanoseconds(kFirstDelay).count();
    } else {
      delay_ns *= 2;
      manager_metrics_.updates_delayed.increment();
    }
    delay_ns = std::min(delay_ns, interval_ns);
    NX_CO_TRY(co_await async::sleep_until(clock, clock->steady_ns() + delay_ns));
    hand_on_changes();
    last = clock->steady_ns();
    handed_any = true;
  }
}

void Manager::Impl::hand_on_changes() {
  std::vector<std::string> jobs;
  {
    const util::MutexLock lock(mutex_);
    jobs.assign(changed_jobs_.begin(), changed_jobs_.end());
    changed_jobs_.clear();
  }
  if (jobs.empty()) return;
  manager_metrics_.updates.increment();
  on_change_(jobs);
}

util::Result<void> Manager::Impl::take(Provider& provider, std::vector<TargetGroup> groups,
                                       bool is_all) {
  Groups next;
  std::size_t given = 0;
  for (TargetGroup& group : groups) {
    given += group.targets.size();
    std::string source = group.source;
    next.insert_or_assign(std::move(source), std::move(group));
  }
  manager_metrics_.received_updates.increment();
  const util::MutexLock lock(mutex_);
  const std::size_t held = is_all ? 0 : target_count(provider.groups);
  if (held + given > kTargetsMax) {
    return util::fail(util::Code::kLimitExceeded, fmt::format("more than {} targets", kTargetsMax));
  }
  bool is_changed = !provider.has_spoken;
  provider.has_spoken = true;
  provider.inherited.clear();
  if (is_all) {
    std::erase_if(next, [](const auto& entry) { return entry.second.targets.empty(); });
    is_changed |= next != provider.groups;
    provider.groups = std::move(next);
  } else {
    for (auto& [source, group] : next) {
      const auto old = provider.groups.find(source);
      if (group.targets.empty()) {
        is_changed |= old != provider.groups.end();
        if (old != provider.groups.end()) provider.groups.erase(old);
      } else if (old == provider.groups.end() || old->second != group) {
        provider.groups.insert_or_assign(source, std::move(group));
        is_changed = true;
      }
    }
  }
  if (!is_changed) return {};
  for (const auto& [name, job] : jobs_) {
    const bool uses = std::ranges::any_of(
        job.providers, [&provider](const auto& used) { return used.get() == &provider; });
    if (uses) changed_jobs_.insert(name);
  }
  changed_.ring();
  return {};
}

// Null when it cannot be made.
std::shared_ptr<Manager::Impl::Provider> Manager::Impl::make_provider(
    const ProviderOptions& options) {
  auto discoverer =
      environment_.factory ? environment_.factory(options) : make_discoverer(options, context_);
  if (!discoverer) {
    util::log_error("Cannot start a service discovery",
                    {{"discovery", mechanism_of(options)}, {"err", discoverer.error()}});
    return nullptr;
  }
  return std::make_shared<Provider>(this, options, *std::move(discoverer));
}

// One gauge a job. The registry's lock is held while it reads a gauge, so ours must not be held
// while gauges are made and dropped.
void Manager::Impl::count_targets_of(const std::vector<Job>& jobs) {
  std::erase_if(counts_, [&jobs](const auto& entry) {
    return std::ranges::find(jobs, entry.first, &Job::name) == jobs.end();
  });
  for (const Job& job : jobs) {
    if (counts_.contains(job.name)) continue;
    auto read = [this, name = job.name] {
      const util::MutexLock lock(mutex_);
      const auto found = jobs_.find(name);
      return found == jobs_.end() ? 0.0 : static_cast<double>(count_targets(found->second));
    };
    counts_[job.name] = environment_.registry->callback(
        telemetry::FamilyType::kGauge, "prometheus_sd_discovered_targets",
        "Targets that are known now.", {{"config", job.name}, {"name", environment_.name}},
        std::move(read));
  }
}

std::size_t Manager::Impl::count_targets(const JobState& job) {
  std::size_t count = 0;
  for (const StaticConfig& group : job.static_configs) count += group.targets.size();
  for (const auto& provider : job.providers)
    count += target_count(provider->groups) + target_count(provider->inherited);
  return count;
}

// Gives what the job's former discoverers had found to the new ones of the same mechanism: nobody
// should lose targets for the moment that the new one needs.
void Manager::Impl::inherit(const JobState& before, JobState& after) {
  for (const auto& old : before.providers) {
    if (std::ranges::find(after.providers, old) != after.providers.end()) continue;
    const auto heir = std::ranges::find_if(after.providers, [&old](const auto& provider) {
      return !provider->has_spoken && provider->options.index() == old->options.index();
    });
    if (heir == after.providers.end()) continue;
    for (const Groups* groups : {&old->groups, &old->inherited}) {
      for (const auto& [source, group] : *groups)
        (*heir)->inherited.insert_or_assign(source, group);
    }
  }
}

// The discoverers of these settings, out of `known` or new ones, which join it. Outside the lock:
// making one reads files and registers metrics.
std::vector<std::shared_ptr<Manager::Impl::Provider>> Manager::Impl::providers_for(
    const std::vector<ProviderOptions>& settings, Plan& plan) {
  std::vector<std::shared_ptr<Provider>> out;
  for (const ProviderOptions& options : settings) {
    const auto same = [&options](const auto& provider) { return provider->options == options; };
    const auto known = std::ranges::find_if(plan.known, same);
    std::shared_ptr<Provider> provider;
    if (known != plan.known.end()) {
      provider = *known;
    } else if (provider = make_provider(options); provider) {
      plan.fresh.push_back(provider);
      plan.known.push_back(provider);
    } else {
      ++plan.failed;
      continue;
    }
    if (std::ranges::find(out, provider) == out.end()) out.push_back(std::move(provider));
  }
  return out;
}

void Manager::Impl::apply(std::vector<Job> jobs) {
  Plan plan;
  {
    const util::MutexLock lock(mutex_);
    plan.known = providers_;
  }
  std::map<std::string, JobState, std::less<>> next;
  for (Job& job : jobs) {
    JobState& state = next[job.name];
    state.static_configs = std::move(job.options.static_configs);
    state.providers = providers_for(job.options.providers, plan);
  }
  const auto is_retired = [&next](const auto& provider) {
    return std::ranges::none_of(next, [&provider](const auto& entry) {
      return std::ranges::find(entry.second.providers, provider) != entry.second.providers.end();
    });
  };
  std::vector<std::shared_ptr<Provider>> retired;
  std::ranges::copy_if(plan.known, std::back_inserter(retired), is_retired);
  std::erase_if(plan.known, is_retired);
  {
    const util::MutexLock lock(mutex_);
    for (auto& [name, state] : next) {
      if (const auto before = jobs_.find(name); before != jobs_.end())
        inherit(before->second, state);
    }
    providers_ = std::move(plan.known);
    jobs_.swap(next);
  }
  count_targets_of(jobs);
  manager_metrics_.failed_configs.set(plan.failed);
  for (const auto& provider : plan.fresh) {
    provider->tasks.spawn_on(environment_.runtime->executor(), run_provider(provider));
  }
  for (const auto& provider : retired) provider->tasks.cancel();
  for (const auto& provider : retired) provider->tasks.stop();
}

void Manager::Impl::stop() {
  tasks_.stop();
  std::vector<std::shared_ptr<Provider>> providers;
  {
    const util::MutexLock lock(mutex_);
    providers = std::exchange(providers_, {});
    jobs_.clear();
  }
  counts_.clear();
  for (const auto& provider : providers) provider->tasks.cancel();
  for (const auto& provider : providers) provider->tasks.stop();
}

std::vector<model::Labels> Manager::Impl::targets(std::string_view job) const {
  std::vector<model::Labels> out;
  const util::MutexLock lock(mutex_);
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return out;
  out = static_targets(found->second.static_configs);
  for (const auto& provider : found->second.providers) {
    for (const Groups* groups : {&provider->groups, &provider->inherited}) {
      for (const auto& [source, group] : *groups) append_targets(group, out);
    }
  }
  return out;
}

Manager::Manager(Environment environment, OnChange on_change)
    : impl_(std::make_unique<Impl>(std::move(environment), std::move(on_change))) {}
Manager::~Manager() = default;

void Manager::apply(std::vector<Job> jobs) {
  impl_->apply(std::move(jobs));
}
void Manager::stop() {
  impl_->stop();
}
std::vector<model::Labels> Manager::targets(std::string_view job) const {
  return impl_->targets(job);
}

}  // namespace narthex::discovery
