// Goal: targets come and go with discovery and with reloads, and those that stay are scraped
// exactly once in every slot meanwhile.
#include <atomic>
#include <map>

#include <gtest/gtest.h>

#include "narthex/async/runtime.h"
#include "narthex/async/timer.h"
#include "narthex/scrape/manager.h"

#include "support/eventually.h"
#include "support/fake_target.h"
#include "support/memory_appender.h"

namespace narthex::scrape {
namespace {

using namespace std::chrono_literals;
using test::FakeTarget;

// Hands its sink to the test and sleeps.
class Puppet final : public discovery::Discoverer {
 public:
  Puppet(std::atomic<discovery::GroupSink*>* sink, util::Clock* clock)
      : sink_(sink), clock_(clock) {}
  async::Task<void> run(discovery::GroupSink* sink) override {
    *sink_ = sink;
    co_return co_await async::sleep_for(clock_, 1'000'000h);
  }

 private:
  std::atomic<discovery::GroupSink*>* const sink_;
  util::Clock* const clock_;
};

class DiscoveredTargetsTest : public ::testing::Test {
 protected:
  DiscoveredTargetsTest() {
    ScrapeManager::Environment environment;
    environment.runtime = &runtime_;
    environment.discovery_runtime = &discovery_runtime_;
    environment.clock = &clock_;
    environment.appender = &appender_;
    environment.registry = &registry_;
    environment.discovery_factory = [this](const discovery::ProviderOptions&)
        -> util::Result<std::unique_ptr<discovery::Discoverer>> {
      return std::make_unique<Puppet>(&sink_, &clock_);
    };
    manager_ = std::make_unique<ScrapeManager>(std::move(environment));
  }
  ~DiscoveredTargetsTest() override {
    manager_->stop();
    manager_.reset();
    discovery_runtime_.stop();
    runtime_.stop();
  }

  void reload(const std::string& url, std::vector<relabel::RelabelRule> rules = {}) {
    ScrapeJobOptions job;
    job.job_name = "j";
    job.interval = 10s;
    job.timeout = 4s;
    job.relabel_configs = std::move(rules);
    discovery::HttpOptions http;
    http.url = url;
    job.discovery.providers.emplace_back(std::move(http));
    sink_ = nullptr;
    const auto done = manager_->reload({}, {std::move(job)});
    ASSERT_TRUE(done.has_value()) << done.error().message();
  }
  void discover(const std::vector<std::string>& addresses) {
    ASSERT_TRUE(test::eventually([this] { return sink_ != nullptr; }));
    discovery::TargetGroup group{.source = "g", .labels = {}, .targets = {}};
    for (const std::string& address : addresses)
      group.targets.push_back(model::Labels{{"__address__", address}});
    ASSERT_TRUE(sink_.load()->replace({std::move(group)}).has_value());
  }
  ::testing::AssertionResult active_soon(std::size_t count) {
    return test::advance_until(
        clock_, [this, count] { return manager_->active().size() == count; }, 8s);
  }
  // Lets the time pass and the threads do all that falls due.
  void pass(std::chrono::milliseconds time) {
    for (auto moved = 0ms; moved < time; moved += 100ms) {
      clock_.advance(100ms);
      for (int i = 0; i < 500; ++i) std::this_thread::yield();
    }
  }

  util::FakeClock clock_;
  async::Runtime runtime_{1};
  async::Runtime discovery_runtime_{1};
  telemetry::Registry registry_;
  test::MemoryAppender appender_;
  std::atomic<discovery::GroupSink*> sink_ = nullptr;
  std::unique_ptr<ScrapeManager> manager_;
};

TEST_F(DiscoveredTargetsTest, WhatStaysIsScrapedOnceASlotWhateverChangesBesideIt) {
  util::Mutex mutex;
  int asked = 0;
  FakeTarget staying([&](const std::string&) {
    const util::MutexLock lock(mutex);
    ++asked;
    return FakeTarget::ok("x 1\n");
  });
  FakeTarget other([](const std::string&) { return FakeTarget::ok("x 1\n"); });
  reload("one");
  discover({staying.address()});
  ASSERT_TRUE(active_soon(1));
  const auto asked_so_far = [&] {
    const util::MutexLock lock(mutex);
    return asked;
  };
  const int first = asked_so_far();
  // Rounds of ten seconds, one slot in each, with a change somewhere.
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    const int before = asked_so_far();
    pass(std::chrono::milliseconds(700 * round));
    if (round % 3 == 0) discover({staying.address(), other.address()});
    if (round % 3 == 1) discover({staying.address()});
    if (round % 3 == 2) {
      reload("url " + std::to_string(round));  // Another discoverer; it speaks a little later.
      pass(300ms);
      discover({staying.address()});
    }
    pass(10s - std::chrono::milliseconds(700 * round) - (round % 3 == 2 ? 300ms : 0ms));
    ASSERT_TRUE(test::eventually([&] { return asked_so_far() == before + 1; }));
  }
  // Nor was any asked late, after its round had been counted.
  const util::MutexLock lock(mutex);
  EXPECT_EQ(asked, first + 12);
}

TEST_F(DiscoveredTargetsTest, GoneTargetsGoAndRelabelledOnesAreShownAsDropped) {
  FakeTarget target([](const std::string&) { return FakeTarget::ok("x 1\n"); });
  relabel::RelabelRule drop;
  drop.source_labels = {"__address__"};
  drop.regex = "drop.*";
  drop.action = relabel::Action::kDrop;
  reload("one", {drop});
  EXPECT_TRUE(manager_->active().empty());
  discover({target.address(), "drop-me:1", "also:2"});
  ASSERT_TRUE(active_soon(2));
  ASSERT_EQ(manager_->dropped().size(), 1U);
  EXPECT_EQ(manager_->dropped().front().discovered_labels.get("__address__"), "drop-me:1");
  discover({target.address()});
  ASSERT_TRUE(active_soon(1));
  EXPECT_TRUE(manager_->dropped().empty());
  discover({});
  ASSERT_TRUE(active_soon(0));
}

}  // namespace
}  // namespace narthex::scrape
