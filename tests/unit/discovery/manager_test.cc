#include "narthex/discovery/manager.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/async/runtime.h"
#include "narthex/async/timer.h"
#include "narthex/util/mutex.h"

#include "support/eventually.h"

namespace narthex::discovery {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Sinks of the discoverers that run, by the URL of their settings. Threads: synchronized.
class Board {
 public:
  void add(const std::string& url, GroupSink* sink) {
    const util::MutexLock lock(mutex_);
    sinks_[url] = sink;
    ++started_;
  }
  void remove(const std::string& url) {
    const util::MutexLock lock(mutex_);
    sinks_.erase(url);
  }
  [[nodiscard]] GroupSink* sink(const std::string& url) const {
    const util::MutexLock lock(mutex_);
    const auto found = sinks_.find(url);
    return found == sinks_.end() ? nullptr : found->second;
  }
  [[nodiscard]] int started() const {
    const util::MutexLock lock(mutex_);
    return started_;
  }

 private:
  mutable util::Mutex mutex_;
  std::map<std::string, GroupSink*> sinks_ NX_GUARDED_BY(mutex_);
  int started_ NX_GUARDED_BY(mutex_) = 0;
};

// Says what the test lets it say.
class Puppet final : public Discoverer {
 public:
  Puppet(std::string url, Board* board, util::Clock* clock)
      : url_(std::move(url)), board_(board), clock_(clock) {}
  async::Task<void> run(GroupSink* sink) override {
    board_->add(url_, sink);
    const auto ended = co_await async::sleep_for(clock_, 1'000'000h);
    board_->remove(url_);
    co_return ended;
  }

 private:
  const std::string url_;
  Board* const board_;
  util::Clock* const clock_;
};

HttpOptions http_options(const std::string& url) {
  HttpOptions options;
  options.url = url;
  return options;
}

TargetGroup group(std::string source, std::vector<std::string> addresses,
                  model::Labels labels = {}) {
  TargetGroup out{.source = std::move(source), .labels = std::move(labels), .targets = {}};
  for (const std::string& address : addresses)
    out.targets.push_back(model::Labels{{"__address__", address}});
  return out;
}

class ManagerTest : public ::testing::Test {
 protected:
  ManagerTest() {
    Manager::Environment environment;
    environment.runtime = &runtime_;
    environment.clock = &clock_;
    environment.env = &util::posix_env();
    environment.registry = &registry_;
    environment.factory =
        [this](const ProviderOptions& options) -> util::Result<std::unique_ptr<Discoverer>> {
      const std::string url = std::get<HttpOptions>(options).url;
      if (url == "broken") return util::fail(util::Code::kInvalidArgument, "no such thing");
      return std::make_unique<Puppet>(url, &board_, &clock_);
    };
    manager_ = std::make_unique<Manager>(std::move(environment),
                                         [this](const std::vector<std::string>& jobs) {
                                           const util::MutexLock lock(mutex_);
                                           changes_.push_back(jobs);
                                         });
  }
  ~ManagerTest() override {
    manager_->stop();
    manager_.reset();
    runtime_.stop();
  }

  void apply(std::vector<std::pair<std::string, std::vector<std::string>>> jobs) {
    std::vector<Manager::Job> all;
    for (auto& [name, urls] : jobs) {
      Manager::Job& job = all.emplace_back();
      job.name = name;
      for (const std::string& url : urls) job.options.providers.emplace_back(http_options(url));
    }
    manager_->apply(std::move(all));
  }
  GroupSink* running(const std::string& url) {
    EXPECT_TRUE(test::eventually([&] { return board_.sink(url) != nullptr; }));
    return board_.sink(url);
  }
  std::vector<std::string> addresses(std::string_view job) const {
    std::vector<std::string> out;
    for (const model::Labels& labels : manager_->targets(job))
      out.emplace_back(labels.get("__address__"));
    return out;
  }
  std::vector<std::vector<std::string>> changes() const {
    const util::MutexLock lock(mutex_);
    return changes_;
  }
  ::testing::AssertionResult advance_until_changes(std::size_t count,
                                                   std::chrono::milliseconds most) {
    return test::advance_until(clock_, [&] { return changes().size() >= count; }, most);
  }
  std::string metrics() const {
    std::string text;
    registry_.append_text(text);
    return text;
  }

  util::FakeClock clock_;
  telemetry::Registry registry_;
  async::Runtime runtime_{1};
  Board board_;
  mutable util::Mutex mutex_;
  std::vector<std::vector<std::string>> changes_ NX_GUARDED_BY(mutex_);
  std::unique_ptr<Manager> manager_;
};

TEST_F(ManagerTest, StaticTargetsAreKnownAtOnce) {
  Manager::Job job{.name = "j", .options = {}};
  job.options.static_configs = {{.targets = {"a:1", "b:2"}, .labels = {{"zone", "x"}}}};
  manager_->apply({job});
  ASSERT_THAT(addresses("j"), ElementsAre("a:1", "b:2"));
  EXPECT_EQ(manager_->targets("j").front().get("zone"), "x");
  EXPECT_THAT(addresses("k"), IsEmpty());
}

TEST_F(ManagerTest, GroupsOfSeveralDiscoverersAreJoinedAndLabelsOfTargetsWin) {
  apply({{"j", {"one", "two"}}});
  TargetGroup labelled = group("s", {"a:1"}, {{"zone", "group"}, {"rack", "7"}});
  labelled.targets.push_back(model::Labels{{"__address__", "b:2"}, {"zone", "own"}});
  ASSERT_TRUE(running("one")->replace({labelled}).has_value());
  ASSERT_TRUE(running("two")->replace({group("s", {"c:3"})}).has_value());
  ASSERT_TRUE(advance_until_changes(1, 1s));
  ASSERT_THAT(addresses("j"), UnorderedElementsAre("a:1", "b:2", "c:3"));
  const auto all = manager_->targets("j");
  EXPECT_EQ(all[0].get("zone"), "group");
  EXPECT_EQ(all[1].get("zone"), "own");
  EXPECT_EQ(all[1].get("rack"), "7");
  EXPECT_NE(metrics().find("prometheus_sd_discovered_targets{config=\"j\",name=\"scrape\"} 3\n"),
            std::string::npos);
}

TEST_F(ManagerTest, MergeReplacesGroupsBySourceAndDropsEmptyOnes) {
  apply({{"j", {"one"}}});
  GroupSink* sink = running("one");
  ASSERT_TRUE(sink->merge({group("a", {"a:1"}), group("b", {"b:1"})}).has_value());
  ASSERT_TRUE(sink->merge({group("a", {"a:2"}), group("b", {})}).has_value());
  EXPECT_THAT(addresses("j"), ElementsAre("a:2"));
  ASSERT_TRUE(sink->replace({group("c", {"c:1"})}).has_value());
  EXPECT_THAT(addresses("j"), ElementsAre("c:1"));
}

TEST_F(ManagerTest, ManyUpdatesAreHandedOnTogether) {
  apply({{"j", {"one"}}});
  GroupSink* sink = running("one");
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(sink->merge({group("g" + std::to_string(i), {"a:" + std::to_string(i)})}));
  ASSERT_TRUE(advance_until_changes(1, 1s));
  clock_.advance(10s);
  EXPECT_THAT(changes(), ElementsAre(ElementsAre("j")));
  EXPECT_EQ(addresses("j").size(), 50U);
}

// While a discoverer never rests, its updates go on at most every five seconds, once it has
// settled.
TEST_F(ManagerTest, RestlessDiscoverersAreSlowedDown) {
  apply({{"j", {"one"}}});
  GroupSink* sink = running("one");
  for (int i = 0; i < 600; ++i) {
    ASSERT_TRUE(sink->merge({group("g", {"a:" + std::to_string(i)})}));
    for (int turn = 0; turn < 50; ++turn) std::this_thread::yield();
    clock_.advance(100ms);
  }
  // A minute: a handful while the delay grows, then one every five seconds.
  EXPECT_GE(changes().size(), 3U);
  EXPECT_LE(changes().size(), 20U);
}

TEST_F(ManagerTest, WhatIsSaidTwiceIsNoChange) {
  apply({{"j", {"one"}}});
  GroupSink* sink = running("one");
  ASSERT_TRUE(sink->replace({group("g", {"a:1"})}).has_value());
  ASSERT_TRUE(advance_until_changes(1, 1s));
  ASSERT_TRUE(sink->replace({group("g", {"a:1"})}).has_value());
  ASSERT_TRUE(sink->merge({group("g", {"a:1"}), group("unknown", {})}).has_value());
  for (int i = 0; i < 20; ++i) clock_.advance(1s);
  EXPECT_EQ(changes().size(), 1U);
}

TEST_F(ManagerTest, EqualSettingsShareOneDiscovererAndReloadLeavesItAlone) {
  apply({{"j", {"one"}}, {"k", {"one"}}});
  ASSERT_TRUE(running("one")->replace({group("g", {"a:1"})}).has_value());
  ASSERT_TRUE(advance_until_changes(1, 1s));
  EXPECT_THAT(changes().front(), ElementsAre("j", "k"));
  apply({{"k", {"one"}}, {"l", {"one"}}});
  EXPECT_THAT(addresses("j"), IsEmpty());
  EXPECT_THAT(addresses("k"), ElementsAre("a:1"));
  EXPECT_THAT(addresses("l"), ElementsAre("a:1"));
  EXPECT_EQ(board_.started(), 1);
  EXPECT_EQ(metrics().find("config=\"j\""), std::string::npos);
}

// A reload that changes a discoverer must not lose its targets for the time that the new one needs.
TEST_F(ManagerTest, TargetsStayUntilTheChangedDiscovererHasSpoken) {
  apply({{"j", {"one"}}});
  ASSERT_TRUE(running("one")->replace({group("g", {"a:1", "b:1"})}).has_value());
  apply({{"j", {"two"}}});
  EXPECT_EQ(board_.sink("one"), nullptr);
  EXPECT_THAT(addresses("j"), ElementsAre("a:1", "b:1"));
  apply({{"j", {"three"}}});  // Even over several reloads.
  EXPECT_THAT(addresses("j"), ElementsAre("a:1", "b:1"));
  ASSERT_TRUE(running("three")->replace({group("other", {"b:1"})}).has_value());
  EXPECT_THAT(addresses("j"), ElementsAre("b:1"));
  apply({{"j", {}}});
  EXPECT_THAT(addresses("j"), IsEmpty());
}

TEST_F(ManagerTest, ADiscovererThatCannotBeMadeIsCountedAndTheRestRuns) {
  apply({{"j", {"broken", "one"}}});
  ASSERT_TRUE(running("one")->replace({group("g", {"a:1"})}).has_value());
  EXPECT_THAT(addresses("j"), ElementsAre("a:1"));
  EXPECT_NE(metrics().find("prometheus_sd_failed_configs{name=\"scrape\"} 1\n"), std::string::npos);
  apply({{"j", {"one"}}});
  EXPECT_NE(metrics().find("prometheus_sd_failed_configs{name=\"scrape\"} 0\n"), std::string::npos);
}

TEST_F(ManagerTest, TooManyTargetsAreRefusedAndTheOldOnesStay) {
  apply({{"j", {"one"}}});
  GroupSink* sink = running("one");
  ASSERT_TRUE(sink->replace({group("g", {"a:1"})}).has_value());
  TargetGroup flood{.source = "g", .labels = {}, .targets = {}};
  flood.targets.resize(500'001);
  const auto taken = sink->replace({std::move(flood)});
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code(), util::Code::kLimitExceeded);
  EXPECT_THAT(addresses("j"), ElementsAre("a:1"));
}

}  // namespace
}  // namespace narthex::discovery
