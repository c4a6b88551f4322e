#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_target.h"
#include "unit/discovery/sink.h"

namespace narthex::discovery {
namespace {

using namespace std::chrono_literals;
using test::FakeTarget;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HttpDiscovererTest : public DiscovererTest {
 protected:
  HttpDiscovererTest()
      : server_([this](const std::string& head) {
          const util::MutexLock lock(mutex_);
          head_ = head;
          return reply_;
        }) {}
  void answer(FakeTarget::Reply reply) {
    const util::MutexLock lock(mutex_);
    reply_ = std::move(reply);
  }
  std::string head() const {
    const util::MutexLock lock(mutex_);
    return head_;
  }
  void start_http() {
    HttpOptions options;
    options.url = "http://" + server_.address() + "/sd?x=1";
    options.refresh_interval = 30s;
    options.http.basic_auth = http::BasicAuth{.username = {.text = "u", .file = {}},
                                              .password = {.text = "p", .file = {}}};
    start(options);
  }

  mutable util::Mutex mutex_;
  FakeTarget::Reply reply_ NX_GUARDED_BY(mutex_);
  std::string head_ NX_GUARDED_BY(mutex_);
  FakeTarget server_;
};

TEST_F(HttpDiscovererTest, AsksAsPrometheusDoesAndLabelsWithTheUrl) {
  answer(FakeTarget::ok(R"([{"targets":["a:1"],"labels":{"env":"prod"}},{"targets":["b:1"]}])",
                        "application/json; charset=utf-8"));
  start_http();
  ASSERT_TRUE(test::eventually([&] { return sink_.addresses().size() == 2; }));
  EXPECT_EQ(sink_.at("a:1").get("env"), "prod");
  EXPECT_EQ(sink_.at("a:1").get("__meta_url"), "http://" + server_.address() + "/sd?x=1");
  const std::string request = head();
  EXPECT_THAT(request, HasSubstr("GET /sd?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Accept: application/json\r\n"));
  EXPECT_THAT(request, HasSubstr("X-Prometheus-Refresh-Interval-Seconds: 30\r\n"));
  EXPECT_THAT(request, HasSubstr("Authorization: Basic dTpw\r\n"));
  EXPECT_THAT(request, HasSubstr("User-Agent: Narthex/test\r\n"));
}

TEST_F(HttpDiscovererTest, ErrorsKeepTheOldListAndAreCounted) {
  answer(FakeTarget::ok(R"([{"targets":["a:1"]}])", "application/json"));
  start_http();
  ASSERT_TRUE(test::eventually([&] { return sink_.addresses().size() == 1; }));
  const std::vector<FakeTarget::Reply> faults = {
      {.bytes = "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n[]"},
      FakeTarget::ok("[]", "text/html"),
      FakeTarget::ok("[]", "application/json; charset=latin-1"),
      FakeTarget::ok("[{]", "application/json"),
      FakeTarget::ok(std::string(100'000, '['), "application/json"),
      {.bytes = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                "99999999\r\n\r\n[",
       .hang = true},
      {.bytes = "", .close = true}};
  double failures = 0;
  for (const FakeTarget::Reply& fault : faults) {
    SCOPED_TRACE(fault.bytes.substr(0, 200));
    answer(fault);
    ASSERT_TRUE(
        advance_until([&] { return metric("prometheus_sd_http_failures_total") > failures; }, 70s));
    failures = metric("prometheus_sd_http_failures_total");
    EXPECT_THAT(sink_.addresses(), ElementsAre("a:1"));
  }
  EXPECT_TRUE(test::eventually([&] {
    return metric("prometheus_sd_refresh_failures_total{mechanism=\"http\"}") == failures;
  }));
  answer(FakeTarget::ok("[]", "application/json"));
  ASSERT_TRUE(advance_until([&] { return sink_.addresses().empty(); }, 40s));
}

// 64 MiB of blanks: a list, but more than anybody could mean.
TEST_F(HttpDiscovererTest, AnEndlessBodyIsCutShort) {
  answer({.bytes = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                   "67108864\r\n\r\n"});
  std::string blanks(std::size_t{1} << 20U, ' ');
  {
    const util::MutexLock lock(mutex_);
    reply_.bytes += blanks;
    reply_.repeat = 64;
  }
  start_http();
  ASSERT_TRUE(advance_until([&] { return metric("prometheus_sd_http_failures_total") == 1; }, 20s));
}

}  // namespace
}  // namespace narthex::discovery
