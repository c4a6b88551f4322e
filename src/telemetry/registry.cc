#include "narthex/telemetry/registry.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "narthex/util/check.h"

namespace narthex::telemetry {
namespace {

constexpr std::size_t kSummaryWindow = 1024;

}  // namespace

Summary::Summary(std::span<const double> quantiles)
    : quantiles_(quantiles.begin(), quantiles.end()) {}

void Summary::observe(double value) {
  const util::MutexLock lock(mutex_);
  if (newest_.size() < kSummaryWindow) {
    newest_.push_back(value);
  } else {
    newest_[next_] = value;
  }
  next_ = (next_ + 1) % kSummaryWindow;
  sum_ += value;
  ++count_;
}

Summary::Snapshot Summary::snapshot() const {
  Snapshot out;
  std::vector<double> sorted;
  {
    const util::MutexLock lock(mutex_);
    sorted = newest_;
    out.sum = sum_;
    out.count = count_;
  }
  std::ranges::sort(sorted);
  for (const double quantile : quantiles_) {
    double value = std::numeric_limits<double>::quiet_NaN();
    if (!sorted.empty()) {
      const double rank = std::ceil(quantile * static_cast<double>(sorted.size()));
      value = sorted[std::clamp(static_cast<std::size_t>(rank), std::size_t{1}, sorted.size()) - 1];
    }
    out.quantiles.emplace_back(quantile, value);
  }
  return out;
}

struct Registry::Member {
  Counter counter;
  Gauge gauge;
  std::unique_ptr<Histogram> histogram;
  std::unique_ptr<Summary> summary;
  std::function<double()> read;
  util::WallNs created_ns = 0;
};

struct Registry::Family {
  FamilyType type = FamilyType::kCounter;
  std::string help;
  std::map<LabelPairs, Member> members;
};

struct Registry::State {
  mutable util::Mutex mutex;
  std::map<std::string, Family, std::less<>> families NX_GUARDED_BY(mutex);
};

Registry::Registry(const util::Clock& clock) : clock_(clock), state_(std::make_unique<State>()) {}
Registry::~Registry() = default;

Registry::Member& Registry::member(FamilyType type, std::string_view name, std::string_view help,
                                   LabelPairs labels) NX_NO_THREAD_SAFETY_ANALYSIS {
  auto it = state_->families.find(name);
  if (it == state_->families.end()) {
    it = state_->families.emplace(std::string(name), Family{}).first;
    it->second.type = type;
    it->second.help = std::string(help);
  }
  NX_CHECK(it->second.type == type, "metric {} is registered with two types", name);
  const auto [found, is_new] = it->second.members.try_emplace(std::move(labels));
  if (is_new) found->second.created_ns = clock_.wall_ns();
  return found->second;
}

Counter& Registry::counter(std::string_view name, std::string_view help, LabelPairs labels) {
  const util::MutexLock lock(state_->mutex);
  return member(FamilyType::kCounter, name, help, std::move(labels)).counter;
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, LabelPairs labels) {
  const util::MutexLock lock(state_->mutex);
  return member(FamilyType::kGauge, name, help, std::move(labels)).gauge;
}

Histogram& Registry::histogram(std::string_view name, std::string_view help,
                               std::span<const double> bounds, LabelPairs labels, Buckets buckets) {
  const util::MutexLock lock(state_->mutex);
  Member& found = member(FamilyType::kHistogram, name, help, std::move(labels));
  if (!found.histogram) found.histogram = std::make_unique<Histogram>(bounds, buckets);
  return *found.histogram;
}

Summary& Registry::summary(std::string_view name, std::string_view help,
                           std::span<const double> quantiles, LabelPairs labels) {
  const util::MutexLock lock(state_->mutex);
  Member& found = member(FamilyType::kSummary, name, help, std::move(labels));
  if (!found.summary) found.summary = std::make_unique<Summary>(quantiles);
  return *found.summary;
}

Registry::Callback Registry::callback(FamilyType type, std::string_view name, std::string_view help,
                                      LabelPairs labels, std::function<double()> read) {
  const util::MutexLock lock(state_->mutex);
  Member& found = member(type, name, help, labels);
  NX_CHECK(!found.read, "metric {} has two callbacks for one label set", name);
  found.read = std::move(read);
  return Callback([state = state_.get(), key = std::string(name), labels = std::move(labels)] {
    const util::MutexLock forget_lock(state->mutex);
    const auto family = state->families.find(key);
    if (family == state->families.end()) return;
    family->second.members.erase(labels);
    if (family->second.members.empty()) state->families.erase(family);
  });
}

std::vector<FamilySnapshot> Registry::snapshot() const {
  std::vector<FamilySnapshot> out;
  const util::MutexLock lock(state_->mutex);
  out.reserve(state_->families.size());
  for (const auto& [name, family] : state_->families) {
    FamilySnapshot& to = out.emplace_back();
    to.name = name;
    to.help = family.help;
    to.type = family.type;
    to.members.reserve(family.members.size());
    for (const auto& [labels, member] : family.members) {
      FamilySnapshot::Member& shown = to.members.emplace_back();
      shown.labels = labels;
      if (family.type != FamilyType::kGauge && !member.read) shown.created_ns = member.created_ns;
      if (member.read) {
        shown.value = member.read();
      } else if (family.type == FamilyType::kCounter) {
        shown.value = member.counter.value();
      } else if (family.type == FamilyType::kGauge) {
        shown.value = member.gauge.value();
      } else if (family.type == FamilyType::kHistogram) {
        shown.histogram = member.histogram->snapshot();
      } else {
        shown.summary = member.summary->snapshot();
      }
    }
  }
  return out;
}

}  // namespace narthex::telemetry
