#include "discovery/kubernetes_sd.h"

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_target.h"
#include "unit/discovery/sink.h"

namespace narthex::discovery {
namespace {

using namespace std::chrono_literals;
using test::FakeTarget;
using ::testing::IsEmpty;

// An API server: lists are set, events are handed out watch by watch. A watch without events hangs,
// as it does with nothing to tell.
class ApiServer {
 public:
  ApiServer() : server_([this](const std::string& head) { return answer(head); }) {}

  void set_list(const std::string& path, const std::string& items, int version,
                const std::string& token = {}, const std::string& of_token = {}) {
    const util::MutexLock lock(mutex_);
    lists_[path + " " + of_token] = R"({"kind":"List","metadata":{"resourceVersion":")" +
                                    std::to_string(version) + R"(","continue":")" + token +
                                    R"("},"items":[)" + items + "]}";
  }
  // The next watch of `path` gives these and ends. A watch that hangs is cut off, so that there is
  // a next one.
  void add_events(const std::string& path, const std::vector<std::string>& events) {
    std::string body;
    for (const std::string& event : events) body += event + "\n";
    add_watch_reply(path, FakeTarget::ok(body, "application/json"));
  }
  void add_watch_reply(const std::string& path, FakeTarget::Reply reply) {
    const util::MutexLock lock(mutex_);
    watches_[path].push_back(std::move(reply));
  }
  // Watch replies that nobody has come for.
  [[nodiscard]] std::size_t pending(const std::string& path) {
    const util::MutexLock lock(mutex_);
    return watches_[path].size();
  }
  [[nodiscard]] std::string url() const { return "http://" + server_.address(); }
  [[nodiscard]] std::vector<std::string> targets() const {
    const util::MutexLock lock(mutex_);
    return targets_;
  }
  // How many requests had all of these words in their target.
  [[nodiscard]] int count(const std::vector<std::string>& words) const {
    int out = 0;
    for (const std::string& target : targets()) {
      out += std::ranges::all_of(words, [&](const auto& word) { return target.contains(word); });
    }
    return out;
  }

 private:
  FakeTarget::Reply answer(const std::string& head) {
    const std::size_t start = head.find(' ') + 1;
    const std::string target = head.substr(start, head.find(' ', start) - start);
    const std::string path = target.substr(0, target.find('?'));
    const util::MutexLock lock(mutex_);
    targets_.push_back(target);
    if (target.contains("watch=true")) {
      auto& replies = watches_[path];
      if (replies.empty()) {
        return {.bytes =
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n",
                .hang = true,
                .hang_until = [this, path] { return pending(path) > 0; }};
      }
      FakeTarget::Reply reply = std::move(replies.front());
      replies.pop_front();
      return reply;
    }
    const std::size_t at = target.find("continue=");
    const std::string token =
        at == std::string::npos ? "" : target.substr(at + 9, target.find('&', at) - at - 9);
    const auto list = lists_.find(path + " " + token);
    if (list == lists_.end())
      return {.bytes = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"};
    return FakeTarget::ok(list->second, "application/json");
  }

  mutable util::Mutex mutex_;
  std::map<std::string, std::string> lists_ NX_GUARDED_BY(mutex_);
  std::map<std::string, std::deque<FakeTarget::Reply>> watches_ NX_GUARDED_BY(mutex_);
  std::vector<std::string> targets_ NX_GUARDED_BY(mutex_);
  FakeTarget server_;
};

std::string service(const std::string& name, int port, int version = 1) {
  return R"({"metadata":{"name":")" + name + R"(","namespace":"prod","resourceVersion":")" +
         std::to_string(version) + R"(","managedFields":[{"x":1}]},"spec":{"ports":[{"port":)" +
         std::to_string(port) + "}]}}";
}
std::string event(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}";
}

constexpr const char* kServices = "/api/v1/services";

class KubernetesDiscovererTest : public DiscovererTest {
 protected:
  ~KubernetesDiscovererTest() override { tasks_.stop(); }
  void start_kubernetes(KubernetesOptions options) {
    options.api_server = server_.url();
    start(options);
  }
  void start_services() {
    KubernetesOptions options;
    options.role = KubernetesRole::kService;
    start_kubernetes(options);
  }
  ::testing::AssertionResult soon(const std::vector<std::string>& addresses) {
    return advance_until([&] { return sink_.addresses() == addresses; }, 60s);
  }
  ApiServer server_;
};

TEST_F(KubernetesDiscovererTest, ListsThenWatchesAndResumesWhereItWas) {
  server_.set_list(kServices, service("a", 1) + "," + service("b", 2), 10);
  server_.add_events(kServices,
                     {event("ADDED", service("c", 3, 11)), event("MODIFIED", service("a", 9, 12)),
                      event("DELETED", service("b", 2, 13)),
                      event("BOOKMARK", R"({"metadata":{"resourceVersion":"20"}})")});
  start_services();
  ASSERT_TRUE(soon({"a.prod.svc:9", "c.prod.svc:3"}));
  ASSERT_TRUE(
      advance_until([&] { return server_.count({"watch=true", "resourceVersion=20"}) > 0; }, 60s));
  EXPECT_EQ(server_.count({"watch=true", "resourceVersion=10&", "allowWatchBookmarks=true",
                           "timeoutSeconds="}),
            1);
  EXPECT_EQ(server_.count({"limit=500"}), 1);
  EXPECT_EQ(metric("prometheus_sd_kubernetes_events_total{event=\"add\",role=\"service\"}"), 1);
  EXPECT_EQ(metric("prometheus_sd_kubernetes_events_total{event=\"update\",role=\"service\"}"), 1);
  EXPECT_EQ(metric("prometheus_sd_kubernetes_events_total{event=\"delete\",role=\"service\"}"), 1);

  // A connection that breaks costs nothing: the next watch begins at the same version.
  server_.add_events(kServices, {event("DELETED", service("c", 3, 21))});
  ASSERT_TRUE(soon({"a.prod.svc:9"}));
  EXPECT_GE(server_.count({"watch=true", "resourceVersion=20&"}), 2);
  EXPECT_EQ(server_.count({"limit=500"}), 1);
}

TEST_F(KubernetesDiscovererTest, AForgottenVersionMeansListingAgain) {
  server_.set_list(kServices, service("a", 1), 10);
  start_services();
  ASSERT_TRUE(soon({"a.prod.svc:1"}));
  server_.set_list(kServices, service("b", 2), 30);
  server_.add_events(kServices,
                     {event("ERROR", R"({"kind":"Status","code":410,"message":"too old"})")});
  ASSERT_TRUE(soon({"b.prod.svc:2"}));
  server_.set_list(kServices, service("c", 3), 50);
  server_.add_watch_reply(kServices, {.bytes = "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"});
  ASSERT_TRUE(soon({"c.prod.svc:3"}));
  EXPECT_EQ(server_.count({"limit=500"}), 3);
}

TEST_F(KubernetesDiscovererTest, BrokenAnswersKeepWhatIsKnown) {
  server_.set_list(kServices, service("a", 1), 10);
  start_services();
  ASSERT_TRUE(soon({"a.prod.svc:1"}));
  double failures = 0;
  for (const std::string& body :
       {std::string("{"), std::string(R"({"type":"ADDED"})"),
        std::string(R"({"type":"ODD","object":{}})"), std::string(100, '['),
        event("ERROR", R"({"code":500,"message":"x"})")}) {
    SCOPED_TRACE(body);
    failures = metric("prometheus_sd_kubernetes_failures_total");
    const int watches = server_.count({"watch=true"});
    server_.add_events(kServices, {body});
    // The connection that was cut off is one failure, the broken event another.
    ASSERT_TRUE(advance_until(
        [&] {
          return server_.pending(kServices) == 0 && server_.count({"watch=true"}) > watches + 1 &&
                 metric("prometheus_sd_kubernetes_failures_total") > failures;
        },
        90s));
    EXPECT_EQ(sink_.addresses(), std::vector<std::string>{"a.prod.svc:1"});
  }
  server_.add_events(kServices, {event("ADDED", service("b", 2, 60))});
  ASSERT_TRUE(soon({"a.prod.svc:1", "b.prod.svc:2"}));
}

TEST_F(KubernetesDiscovererTest, LongListsComeInPages) {
  server_.set_list(kServices, service("a", 1), 10, "t1");
  server_.set_list(kServices, service("b", 2), 10, "t2", "t1");
  server_.set_list(kServices, service("c", 3), 10, "", "t2");
  start_services();
  ASSERT_TRUE(soon({"a.prod.svc:1", "b.prod.svc:2", "c.prod.svc:3"}));
}

TEST_F(KubernetesDiscovererTest, NamespacesAndSelectorsStandInTheRequests) {
  for (const std::string name_space : {"x", "y"}) {
    for (const std::string kind : {"pods", "services", "endpoints"})
      server_.set_list("/api/v1/namespaces/" + name_space + "/" + kind, "", 1);
  }
  KubernetesOptions options;
  options.role = KubernetesRole::kEndpoints;
  options.namespaces = {"x", "y"};
  options.selectors = {{.role = "pod", .label = "app=web", .field = "spec.nodeName=n1"},
                       {.role = "endpoints", .label = "e in (1,2)", .field = ""}};
  start_kubernetes(options);
  ASSERT_TRUE(test::eventually([&] { return sink_.updates() > 0; }));
  EXPECT_EQ(server_.count({"/x/pods?", "limit", "labelSelector=app%3Dweb",
                           "fieldSelector=spec.nodeName%3Dn1"}),
            1);
  EXPECT_EQ(server_.count({"/y/endpoints?", "limit", "labelSelector=e%20in%20%281%2C2%29"}), 1);
  EXPECT_EQ(server_.count({"/y/services?", "Selector"}), 0);
}

// Endpoints carry labels of pods and services, which come and go by themselves.
TEST_F(KubernetesDiscovererTest, WhatATargetRefersToUpdatesIt) {
  server_.set_list(
      "/api/v1/endpoints",
      R"({"metadata":{"name":"web","namespace":"prod"},"subsets":[{"ports":[{"port":80}],
                   "addresses":[{"ip":"10.0.0.1","targetRef":{"kind":"Pod","name":"p","namespace":"prod"}}]}]})",
      10);
  server_.set_list(kServices, "", 10);
  server_.set_list("/api/v1/pods", "", 10);
  KubernetesOptions options;
  options.role = KubernetesRole::kEndpoints;
  start_kubernetes(options);
  ASSERT_TRUE(soon({"10.0.0.1:80"}));
  EXPECT_FALSE(sink_.at("10.0.0.1:80").has("__meta_kubernetes_pod_name"));
  server_.add_events(
      "/api/v1/pods",
      {event("ADDED", R"({"metadata":{"name":"p","namespace":"prod","resourceVersion":"11"}})")});
  ASSERT_TRUE(advance_until(
      [&] { return sink_.at("10.0.0.1:80").get("__meta_kubernetes_pod_name") == "p"; }, 60s));
  server_.add_events(
      kServices,
      {event(
          "ADDED",
          R"({"metadata":{"name":"web","namespace":"prod","labels":{"team":"a"},"resourceVersion":"12"}})")});
  ASSERT_TRUE(advance_until(
      [&] { return sink_.at("10.0.0.1:80").get("__meta_kubernetes_service_label_team") == "a"; },
      60s));
}

TEST_F(KubernetesDiscovererTest, WithoutARightToListThereAreFailuresAndNoTargets) {
  start_services();
  ASSERT_TRUE(
      advance_until([&] { return metric("prometheus_sd_kubernetes_failures_total") >= 3; }, 60s));
  EXPECT_THAT(sink_.addresses(), IsEmpty());
}

}  // namespace
}  // namespace narthex::discovery
