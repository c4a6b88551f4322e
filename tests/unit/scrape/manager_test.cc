#include "narthex/scrape/manager.h"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "narthex/async/runtime.h"

#include "support/fake_target.h"
#include "support/memory_appender.h"

namespace narthex::scrape {
namespace {

using namespace std::chrono_literals;
using test::FakeTarget;

class ManagerTest : public ::testing::Test {
 protected:
  ManagerTest() {
    manager_ = std::make_unique<ScrapeManager>(ScrapeManager::Environment{
        .runtime = &runtime_, .clock = &clock_, .appender = &appender_, .registry = &registry_});
  }
  ~ManagerTest() override {
    manager_->stop();
    manager_.reset();
    runtime_.stop();
  }

  static ScrapeJobOptions job(std::vector<std::string> addresses, const std::string& name = "j") {
    ScrapeJobOptions options;
    options.job_name = name;
    options.interval = 10s;
    options.timeout = 4s;
    options.discovery.static_configs = {{.targets = std::move(addresses), .labels = {}}};
    return options;
  }
  void reload(std::vector<ScrapeJobOptions> jobs) {
    const auto result = manager_->reload({}, std::move(jobs));
    ASSERT_TRUE(result.has_value()) << result.error().message();
  }
  // Waits in real time for something that other threads bring about.
  static ::testing::AssertionResult eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline)
        return ::testing::AssertionFailure() << "waited too long";
      std::this_thread::yield();
    }
    return ::testing::AssertionSuccess();
  }
  // Moves the clock in small steps until the condition holds, but not over more than `most`.
  ::testing::AssertionResult advance_until(const std::function<bool()>& condition,
                                           std::chrono::seconds most) {
    for (auto moved = 0ms; moved <= most; moved += 100ms) {
      // Lets the threads come to rest at this time: everything that can happen at once does.
      for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::yield();
      if (condition()) return ::testing::AssertionSuccess();
      clock_.advance(100ms);
    }
    return eventually(condition);
  }
  std::string series(const std::string& name, const FakeTarget& target) const {
    return name + "{instance=\"" + target.address() + "\", job=\"j\"}";
  }
  TargetStatus only_status() const {
    const auto all = manager_->active();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? TargetStatus{} : all.front();
  }

  util::FakeClock clock_;
  async::Runtime runtime_{2};
  telemetry::Registry registry_;
  test::MemoryAppender appender_;
  std::unique_ptr<ScrapeManager> manager_;
};

TEST_F(ManagerTest, ScrapesEveryIntervalAtItsSlot) {
  std::atomic<int> value = 0;
  FakeTarget target([&](const std::string& head) {
    EXPECT_TRUE(head.starts_with("GET /metrics HTTP/1.1\r\n")) << head;
    EXPECT_NE(head.find("X-Prometheus-Scrape-Timeout-Seconds: 4\r\n"), std::string::npos) << head;
    EXPECT_NE(head.find("Accept: application/openmetrics-text;version=1.0.0"), std::string::npos)
        << head;
    return FakeTarget::ok("# HELP a Help.\n# TYPE a gauge\na " + std::to_string(++value) + "\n");
  });
  reload({job({target.address()})});
  EXPECT_EQ(only_status().health, TargetHealth::kUnknown);
  ASSERT_TRUE(advance_until([&] { return appender_.samples(series("a", target)) == 3; }, 35s));
  EXPECT_EQ(target.accepted(), 1) << "one connection for all rounds";
  EXPECT_EQ(appender_.last(series("up", target)), 1.0);

  ASSERT_TRUE(eventually([&] { return only_status().health == TargetHealth::kUp; }));
  const TargetStatus status = only_status();
  EXPECT_EQ(status.pool, "j");
  EXPECT_EQ(status.scrape_url, "http://" + target.address() + "/metrics");
  EXPECT_EQ(status.last_error, "");
  EXPECT_EQ(status.samples, 1U);
  const auto metadata = manager_->metadata("a");
  ASSERT_EQ(metadata.size(), 1U);
  EXPECT_EQ(metadata[0].metadata.help, "Help.");
  EXPECT_EQ(manager_->pools(), std::vector<std::string>{"j"});
}

// The clock goes on while the woken thread is on its way, so a round starts up to a few steps late;
// the tolerance is as wide as a hundredth of this interval, and what starts inside it carries the
// time of its slot.
TEST_F(ManagerTest, TimestampsAreExactlyOneIntervalApart) {
  FakeTarget target([](const std::string&) { return FakeTarget::ok("a 1\n"); });
  ScrapeJobOptions slow = job({target.address()});
  slow.interval = 200s;
  ScrapeManagerOptions options;
  options.timestamp_tolerance = 2s;
  ASSERT_TRUE(manager_->reload(options, {slow}).has_value());
  ASSERT_TRUE(advance_until([&] { return appender_.samples(series("a", target)) == 3; }, 700s));
  const std::string text = appender_.text(series("a", target));
  std::int64_t t1 = 0;
  std::int64_t t2 = 0;
  std::int64_t t3 = 0;
  ASSERT_EQ(std::sscanf(text.c_str(), "%ld=1 %ld=1 %ld=1", &t1, &t2, &t3), 3) << text;
  EXPECT_EQ(t2 - t1, 200'000);
  EXPECT_EQ(t3 - t2, 200'000);
}

TEST_F(ManagerTest, ATargetThatNeverAnswersTimesOutAndOthersAreNotDisturbed) {
  FakeTarget silent(
      [](const std::string&) { return FakeTarget::Reply{.bytes = {}, .hang = true}; });
  FakeTarget good([](const std::string&) { return FakeTarget::ok("a 1\n"); });
  reload({job({silent.address(), good.address()})});
  ASSERT_TRUE(advance_until([&] { return appender_.last(series("up", silent)) == 0.0; }, 35s));
  ASSERT_TRUE(advance_until([&] { return appender_.samples(series("a", good)) >= 3; }, 35s));
  for (const TargetStatus& status : manager_->active()) {
    const bool is_silent = status.scrape_url.find(silent.address()) != std::string::npos;
    EXPECT_EQ(status.health, is_silent ? TargetHealth::kDown : TargetHealth::kUp);
    if (is_silent) {
      EXPECT_EQ(status.last_error,
                "Get \"http://" + silent.address() + "/metrics\": context deadline exceeded");
    }
  }
}

TEST_F(ManagerTest, EachKindOfBadAnswerIsNamed) {
  FakeTarget::Reply reply;
  std::mutex mutex;
  FakeTarget target([&](const std::string&) {
    const std::lock_guard lock(mutex);
    return reply;
  });
  reload({job({target.address()})});
  const auto check = [&](FakeTarget::Reply next, std::string_view want) {
    {
      const std::lock_guard lock(mutex);
      reply = std::move(next);
    }
    ASSERT_TRUE(advance_until(
        [&] { return only_status().last_error.find(want) != std::string::npos; }, 30s))
        << want << " / " << only_status().last_error;
    EXPECT_EQ(only_status().health, TargetHealth::kDown);
  };
  check({.bytes = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"},
        "server returned HTTP status 503 Service Unavailable");
  check(FakeTarget::ok("<html>", "text/html"), "received unsupported Content-Type \"text/html\"");
  check(FakeTarget::ok("a 1\nbroken"), "expected value after metric");
  check(FakeTarget::ok("xyz", "text/plain", "Content-Encoding: gzip\r\n"),
        "gzip: incorrect header check");
  check({.bytes = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\na 1\n",
         .close = true},
        "unexpected EOF");
  check({.bytes = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\na 1\n",
         .hang = true},
        "context deadline exceeded");
  check({.bytes = "hello world\r\n\r\n", .close = true}, "malformed HTTP response");
  EXPECT_EQ(appender_.samples(series("a", target)), 0U);
}

TEST_F(ManagerTest, ARemovedTargetGetsStaleMarkersTwoIntervalsLater) {
  FakeTarget target([](const std::string&) { return FakeTarget::ok("a 1\n"); });
  FakeTarget other([](const std::string&) { return FakeTarget::ok("a 1\n"); });
  reload({job({target.address(), other.address()})});
  ASSERT_TRUE(advance_until([&] { return appender_.samples(series("a", target)) == 2; }, 35s));
  reload({job({other.address()})});
  EXPECT_EQ(manager_->active().size(), 1U);
  ASSERT_TRUE(
      advance_until([&] { return appender_.text(series("a", target)).ends_with("=stale"); }, 40s));
  EXPECT_TRUE(appender_.text(series("up", target)).ends_with("=stale"));
  EXPECT_EQ(appender_.samples(series("a", target)), 3U);
  EXPECT_EQ(appender_.last(series("a", other)), 1.0);
}

TEST_F(ManagerTest, StoppingWritesNoMarkers) {
  FakeTarget target([](const std::string&) { return FakeTarget::ok("a 1\n"); });
  reload({job({target.address()})});
  ASSERT_TRUE(advance_until([&] { return appender_.samples(series("a", target)) == 1; }, 25s));
  manager_->stop();
  clock_.advance(100s);
  EXPECT_EQ(appender_.samples(series("a", target)), 1U);
  EXPECT_EQ(appender_.last(series("a", target)), 1.0);
}

TEST_F(ManagerTest, AReloadThatChangesNothingDisturbsNothing) {
  FakeTarget target([](const std::string&) { return FakeTarget::ok("a 1\n"); });
  reload({job({target.address()})});
  ASSERT_TRUE(advance_until([&] { return appender_.samples(series("a", target)) == 1; }, 25s));
  const std::size_t ensured = appender_.ensured();
  reload({job({target.address()}), job({}, "k")});
  ASSERT_TRUE(advance_until([&] { return appender_.samples(series("a", target)) == 3; }, 35s));
  EXPECT_EQ(appender_.ensured(), ensured);
  EXPECT_EQ(target.accepted(), 1);
}

TEST_F(ManagerTest, AChangedJobGoesOnWithItsTargetsAndEndsWhatItReplaces) {
  FakeTarget target([](const std::string&) { return FakeTarget::ok("a 1\nb 2\n"); });
  ScrapeJobOptions options = job({target.address()});
  reload({options});
  ASSERT_TRUE(advance_until([&] { return appender_.samples(series("a", target)) == 1; }, 25s));
  relabel::RelabelRule drop;
  drop.action = relabel::Action::kDrop;
  drop.source_labels = {"__name__"};
  drop.regex = "a";
  options.metric_relabel_configs = {drop};
  reload({options});
  ASSERT_TRUE(advance_until([&] { return appender_.samples(series("b", target)) == 3; }, 35s));
  EXPECT_TRUE(appender_.text(series("a", target)).ends_with("=stale"));
  EXPECT_EQ(appender_.samples(series("a", target)), 2U);
}

TEST_F(ManagerTest, ABadJobChangesNothing) {
  FakeTarget target([](const std::string&) { return FakeTarget::ok("a 1\n"); });
  reload({job({target.address()})});
  ScrapeJobOptions bad = job({target.address()}, "bad");
  bad.relabel_configs.emplace_back();
  const auto result = manager_->reload({}, {bad});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().message(),
            "scrape job \"bad\": relabel_configs: relabel configuration for replace action "
            "requires 'target_label' value");
  EXPECT_EQ(manager_->pools(), std::vector<std::string>{"j"});
  EXPECT_FALSE(manager_->reload({}, {job({}), job({})}).has_value());
}

TEST_F(ManagerTest, DroppedAndDuplicateTargets) {
  ScrapeJobOptions options = job({"a:1", "a:1", "b:1", "c:1", "d/x"});
  relabel::RelabelRule drop;
  drop.action = relabel::Action::kDrop;
  drop.source_labels = {"__address__"};
  drop.regex = "[bc]:1";
  options.relabel_configs = {drop};
  options.limits.dropped_targets = 1;
  reload({options});
  EXPECT_EQ(manager_->active().size(), 1U);
  ASSERT_EQ(manager_->dropped().size(), 1U);
  EXPECT_EQ(manager_->dropped()[0].discovered_labels.get("__address__"), "b:1");
  EXPECT_EQ(manager_->dropped_counts(),
            (std::vector<std::pair<std::string, std::uint64_t>>{{"j", 2}}));
}

TEST_F(ManagerTest, TooManyTargetsFailAll) {
  FakeTarget one([](const std::string&) { return FakeTarget::ok("a 1\n"); });
  FakeTarget two([](const std::string&) { return FakeTarget::ok("a 1\n"); });
  ScrapeJobOptions options = job({one.address(), two.address()});
  options.limits.targets = 1;
  reload({options});
  ASSERT_TRUE(advance_until([&] { return appender_.last(series("up", one)) == 0.0; }, 25s));
  ASSERT_TRUE(eventually([&] {
    return std::ranges::any_of(manager_->active(), [](const TargetStatus& status) {
      return status.last_error == "target_limit exceeded (number of targets: 2, limit: 1)";
    });
  }));
  EXPECT_EQ(one.requests() + two.requests(), 0);
}

}  // namespace
}  // namespace narthex::scrape
