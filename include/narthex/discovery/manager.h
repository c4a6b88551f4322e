// Runs the discoverers of all jobs and tells what they find.
//
// Jobs with equal settings of a mechanism share one discoverer. A reload leaves discoverers alone
// whose settings stay. Changes are gathered: 100 ms after the first one they are handed on, then
// ever more slowly, up to the update interval, for as long as they keep coming.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/discovery/discoverer.h"
#include "narthex/discovery/options.h"
#include "narthex/model/labels.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"
#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::async {
class Runtime;
}

namespace narthex::discovery {

// Threads: synchronized.
class Manager {
 public:
  using Factory = std::function<util::Result<std::unique_ptr<Discoverer>>(const ProviderOptions&)>;
  using OnChange = std::function<void(const std::vector<std::string>& jobs)>;

  // All pointers outlive the manager. Discoverers read files and answers on the threads of
  // `runtime`.
  struct Environment {
    async::Runtime* runtime = nullptr;
    util::Clock* clock = nullptr;
    util::Env* env = nullptr;
    telemetry::Registry* registry = nullptr;
    std::string name = "scrape";  // The label `name` of the metrics.
    std::string user_agent;
    std::chrono::milliseconds update_interval{5'000};
    Factory factory;  // Empty: the real ones. For tests.
  };
  // `on_change` gets the names of jobs whose targets have changed, on a thread of `runtime`, one
  // call at a time, and may call targets().
  Manager(Environment environment, OnChange on_change);
  // Precondition: stop() was called.
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  struct Job {
    std::string name;
    Options options;
  };
  // Brings the manager to these jobs; names are unique. A discoverer that cannot be made (a
  // certificate that cannot be read) is logged and counted, and finds nothing until the next
  // reload. While a changed one has not spoken yet, what its predecessor found stays. One call
  // at a time, not from an I/O thread.
  void apply(std::vector<Job> jobs);
  // Ends all discoverers. Not from an I/O thread, not during apply(). Idempotent.
  void stop();

  // What is known now, static targets first: one label set a target.
  [[nodiscard]] std::vector<model::Labels> targets(std::string_view job) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::discovery
