// A sink that shows tests what a discoverer has put into it, and a fixture that runs one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "narthex/async/runtime.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"
#include "narthex/util/env.h"
#include "narthex/util/mutex.h"

#include "discovery/context.h"
#include "support/eventually.h"

namespace narthex::discovery {

// Threads: synchronized.
class RecordingSink final : public GroupSink {
 public:
  util::Result<void> replace(std::vector<TargetGroup> groups) override {
    const util::MutexLock lock(mutex_);
    groups_.clear();
    for (TargetGroup& group : groups) groups_[group.source] = std::move(group);
    ++updates_;
    return {};
  }
  util::Result<void> merge(std::vector<TargetGroup> groups) override {
    const util::MutexLock lock(mutex_);
    for (TargetGroup& group : groups) {
      if (group.targets.empty()) {
        groups_.erase(group.source);
      } else {
        groups_[group.source] = std::move(group);
      }
    }
    ++updates_;
    return {};
  }
  [[nodiscard]] int updates() const {
    const util::MutexLock lock(mutex_);
    return updates_;
  }
  // Every target with the labels of its group, as text, in order of groups.
  [[nodiscard]] std::vector<std::string> targets() const {
    std::vector<std::string> out;
    for (const model::Labels& labels : label_sets()) out.push_back(labels.to_string());
    return out;
  }
  [[nodiscard]] std::vector<model::Labels> label_sets() const {
    const util::MutexLock lock(mutex_);
    std::vector<model::Labels> out;
    for (const auto& [source, group] : groups_) {
      for (const model::Labels& target : group.targets) {
        model::LabelsBuilder labels(group.labels);
        for (const auto [name, value] : target) labels.set(name, value);
        out.push_back(labels.build());
      }
    }
    return out;
  }
  // The target of that address; empty when there is none.
  [[nodiscard]] model::Labels at(std::string_view address) const {
    for (model::Labels& labels : label_sets()) {
      if (labels.get("__address__") == address) return labels;
    }
    return {};
  }
  [[nodiscard]] std::vector<std::string> addresses() const {
    std::vector<std::string> out;
    for (const model::Labels& labels : label_sets()) out.emplace_back(labels.get("__address__"));
    return out;
  }

 private:
  mutable util::Mutex mutex_;
  std::map<std::string, TargetGroup> groups_ NX_GUARDED_BY(mutex_);
  int updates_ NX_GUARDED_BY(mutex_) = 0;
};

class DiscovererTest : public ::testing::Test {
 protected:
  ~DiscovererTest() override {
    tasks_.stop();
    discoverer_.reset();  // Its connections belong to the runtime.
    runtime_.stop();
  }

  // Starts the mechanism of these settings. Precondition: they are sound.
  void start(const ProviderOptions& options) {
    auto made = make_discoverer(options, context_);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    discoverer_ = *std::move(made);
    tasks_.spawn_on(runtime_.executor(), discoverer_->run(&sink_));
  }
  ::testing::AssertionResult advance_until(const std::function<bool()>& condition,
                                           std::chrono::milliseconds most) {
    return test::advance_until(clock_, condition, most, std::chrono::seconds(1));
  }
  // Of a metric with its labels as /metrics shows them: `name{a="b"}`; -1 when it is not there.
  [[nodiscard]] double metric(const std::string& series) const {
    std::string text;
    registry_.append_text(text);
    const std::size_t at = text.find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
  }

  util::FakeClock clock_;
  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  Context context_{.clock = &clock_,
                   .env = &util::posix_env(),
                   .metrics = &metrics_,
                   .user_agent = "Narthex/test"};
  RecordingSink sink_;
  std::unique_ptr<Discoverer> discoverer_;
  async::Runtime runtime_{1};
  async::TaskGroup tasks_{runtime_.executor(), "test"};
};

}  // namespace narthex::discovery
