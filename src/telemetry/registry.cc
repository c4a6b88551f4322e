#include "narthex/telemetry/registry.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "narthex/util/check.h"
#include "narthex/util/number.h"

namespace narthex::telemetry {
namespace {

constexpr std::size_t kSummaryWindow = 1024;

void append_escaped(std::string& out, std::string_view text, bool escape_quote) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && escape_quote) {
      out += "\\\"";
    } else {
      out.push_back(c);
    }
  }
}

// name{labels,extra="…"} value
void append_sample(std::string& out, std::string_view name, const LabelPairs& labels,
                   std::string_view extra_name, std::string_view extra_value, double value) {
  out += name;
  bool first = true;
  const auto add = [&](std::string_view key, std::string_view text) {
    out += first ? "{" : ",";
    first = false;
    out += key;
    out += "=\"";
    append_escaped(out, text, true);
    out += '"';
  };
  for (const auto& [key, text] : labels) add(key, text);
  if (!extra_name.empty()) add(extra_name, extra_value);
  if (!first) out += '}';
  out += ' ';
  util::append_value(out, value);
  out += '\n';
}

std::string number_text(double value) {
  std::string out;
  util::append_general(out, value);
  return out;
}

std::string_view type_text(FamilyType type) {
  switch (type) {
    case FamilyType::kCounter:
      return "counter";
    case FamilyType::kGauge:
      return "gauge";
    case FamilyType::kHistogram:
      return "histogram";
    case FamilyType::kSummary:
      return "summary";
  }
  return "untyped";
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()),
      counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {}

void Histogram::observe(double value) noexcept {
  // The first bound that is not below the value; NaN is below none and belongs to +Inf.
  const auto below = [value](double bound) { return !(value <= bound); };
  const auto bucket =
      static_cast<std::size_t>(std::ranges::partition_point(bounds_, below) - bounds_.begin());
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot out;
  out.sum = sum_.load();
  for (std::size_t i = 0; i <= bounds_.size(); ++i) {
    out.count += counts_[i].load();
    const double bound = i < bounds_.size() ? bounds_[i] : std::numeric_limits<double>::infinity();
    out.buckets.emplace_back(bound, out.count);
  }
  return out;
}

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

Registry::Registry() : state_(std::make_unique<State>()) {}
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
  return it->second.members[std::move(labels)];
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
                               std::span<const double> bounds, LabelPairs labels) {
  const util::MutexLock lock(state_->mutex);
  Member& found = member(FamilyType::kHistogram, name, help, std::move(labels));
  if (!found.histogram) found.histogram = std::make_unique<Histogram>(bounds);
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

void Registry::append_text(std::string& out) const {
  const util::MutexLock lock(state_->mutex);
  for (const auto& [name, family] : state_->families) {
    out += "# HELP " + name + " ";
    append_escaped(out, family.help, false);
    out += "\n# TYPE " + name + " ";
    out += type_text(family.type);
    out += '\n';
    for (const auto& [labels, member] : family.members) {
      if (member.read) {
        append_sample(out, name, labels, {}, {}, member.read());
      } else if (family.type == FamilyType::kCounter) {
        append_sample(out, name, labels, {}, {}, member.counter.value());
      } else if (family.type == FamilyType::kGauge) {
        append_sample(out, name, labels, {}, {}, member.gauge.value());
      } else if (family.type == FamilyType::kHistogram) {
        const Histogram::Snapshot snapshot = member.histogram->snapshot();
        for (const auto& [bound, count] : snapshot.buckets) {
          append_sample(out, name + "_bucket", labels, "le", number_text(bound),
                        static_cast<double>(count));
        }
        append_sample(out, name + "_sum", labels, {}, {}, snapshot.sum);
        append_sample(out, name + "_count", labels, {}, {}, static_cast<double>(snapshot.count));
      } else {
        const Summary::Snapshot snapshot = member.summary->snapshot();
        for (const auto& [quantile, value] : snapshot.quantiles) {
          append_sample(out, name, labels, "quantile", number_text(quantile), value);
        }
        append_sample(out, name + "_sum", labels, {}, {}, snapshot.sum);
        append_sample(out, name + "_count", labels, {}, {}, static_cast<double>(snapshot.count));
      }
    }
  }
}

}  // namespace narthex::telemetry
