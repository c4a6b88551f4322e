#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/discovery/api_server.h"
#include "unit/discovery/sink.h"

namespace narthex::discovery {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// An entry of /v1/health/service/<name>, in the shape of Consul 1.x.
std::string entry(const std::string& node_address, const std::string& address, int port,
                  const std::string& status = "passing") {
  return R"({"Node":{"ID":"1","Node":"n1","Address":")" + node_address +
         R"(","Datacenter":"dc1","TaggedAddresses":{"lan":"10.0.0.1","wan.x":"1.2.3.4"},)"
         R"("Meta":{"rack-no":"7"}},"Service":{"ID":"web-1","Service":"web","Tags":["v1","blue"],)"
         R"("Address":")" +
         address + R"(","Meta":{"team":"a"},"Port":)" + std::to_string(port) +
         R"(},"Checks":[{"CheckID":"serfHealth","Status":"passing"},{"CheckID":"c","Status":")" +
         status + R"("}]})";
}

class ConsulDiscovererTest : public DiscovererTest {
 protected:
  static std::string index(int number) {
    return "X-Consul-Index: " + std::to_string(number) + "\r\n";
  }
  ConsulOptions options() const {
    ConsulOptions out;
    out.server = server_.address();
    return out;
  }
  ~ConsulDiscovererTest() override { tasks_.stop(); }

  ApiServer server_;
};

TEST_F(ConsulDiscovererTest, FollowsTheCatalogAndLabelsInstances) {
  server_.set("/v1/agent/self", R"({"Config":{"Datacenter":"dc1"}})");
  server_.set("/v1/catalog/services", R"({"web":["v1","blue"],"db":[]})", index(5));
  server_.set(
      "/v1/health/service/web",
      "[" + entry("10.0.0.1", "", 80) + "," + entry("10.0.0.1", "10.9.9.9", 81, "warning") + "]",
      index(7));
  server_.set("/v1/health/service/db", "[]", index(7));
  ConsulOptions settings = options();
  settings.token = "secret";
  start(settings);
  ASSERT_TRUE(test::eventually([this] { return sink_.addresses().size() == 2; }));
  EXPECT_EQ(
      sink_.at("10.0.0.1:80").to_string(),
      R"({__address__="10.0.0.1:80", __meta_consul_address="10.0.0.1", __meta_consul_dc="dc1", )"
      R"(__meta_consul_health="passing", __meta_consul_metadata_rack_no="7", )"
      R"(__meta_consul_node="n1", __meta_consul_service="web", __meta_consul_service_id="web-1", )"
      R"(__meta_consul_service_metadata_team="a", __meta_consul_service_port="80", )"
      R"(__meta_consul_tagged_address_lan="10.0.0.1", __meta_consul_tagged_address_wan_x="1.2.3.4", )"
      R"(__meta_consul_tags=",v1,blue,"})");
  EXPECT_EQ(sink_.at("10.9.9.9:81").get("__meta_consul_service_address"), "10.9.9.9");
  EXPECT_EQ(sink_.at("10.9.9.9:81").get("__meta_consul_health"), "warning");
  EXPECT_THAT(server_.last("/v1/catalog/services"),
              AllOf(HasSubstr("dc=dc1"), HasSubstr("wait=120000ms"), HasSubstr("stale="),
                    HasSubstr("X-Consul-Token: secret"), Not(HasSubstr("index="))));

  // The next query waits for a change; a service that is gone loses its targets.
  server_.set("/v1/catalog/services", R"({"db":[]})", index(9));
  ASSERT_TRUE(advance_until([this] { return sink_.addresses().empty(); }, 60s));
  EXPECT_THAT(server_.last("/v1/catalog/services"), HasSubstr("index=5"));
}

TEST_F(ConsulDiscovererTest, NamedServicesAreFollowedWithoutTheCatalog) {
  server_.set("/v1/health/service/web", "[" + entry("10.0.0.1", "", 80) + "]", index(7));
  ConsulOptions settings = options();
  settings.datacenter = "dc9";
  settings.services = {"web"};
  settings.name_space = "ns1";
  settings.partition = "p1";
  settings.allow_stale = false;
  settings.node_meta = {{"rack", "7"}};
  settings.health_filter = "Checks.Status == \"passing\"";
  start(settings);
  ASSERT_TRUE(test::eventually([this] { return sink_.addresses().size() == 1; }));
  EXPECT_EQ(server_.last("/v1/catalog"), "");
  EXPECT_EQ(server_.last("/v1/agent"), "");
  EXPECT_THAT(
      server_.last("/v1/health/service/web"),
      AllOf(HasSubstr("dc=dc9"), HasSubstr("ns=ns1"), HasSubstr("partition=p1"),
            HasSubstr("node-meta=rack%3A7"),
            HasSubstr("filter=Checks.Status%20%3D%3D%20%22passing%22"), Not(HasSubstr("stale"))));
}

TEST_F(ConsulDiscovererTest, TagsSelectServicesAndInstances) {
  server_.set("/v1/catalog/services", R"({"web":["v1","blue"],"db":["v1"]})", index(5));
  server_.set("/v1/health/service/web", "[" + entry("10.0.0.1", "", 80) + "]", index(7));
  server_.set("/v1/health/service/db", "[" + entry("10.0.0.2", "", 80) + "]", index(7));
  ConsulOptions settings = options();
  settings.datacenter = "dc1";
  settings.tags = {"v1", "blue"};
  settings.filter = "NodeMeta.os == linux";
  start(settings);
  ASSERT_TRUE(test::eventually([this] { return sink_.addresses().size() == 1; }));
  EXPECT_THAT(server_.last("/v1/health/service/web"), HasSubstr("tag=v1&tag=blue"));
  EXPECT_THAT(server_.last("/v1/catalog/services"), HasSubstr("filter=NodeMeta.os"));
  EXPECT_EQ(server_.last("/v1/health/service/db"), "");
}

TEST_F(ConsulDiscovererTest, FailuresKeepTargetsAndAreTriedAgain) {
  server_.set("/v1/catalog/services", R"({"web":[]})", index(5));
  server_.set("/v1/health/service/web", "[" + entry("10.0.0.1", "", 80) + "]", index(7));
  ConsulOptions settings = options();
  settings.datacenter = "dc1";
  start(settings);
  ASSERT_TRUE(test::eventually([this] { return sink_.addresses().size() == 1; }));
  const std::vector<ApiServer::Reply> faults = {
      {.bytes = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"},
      test::FakeTarget::ok("{", "application/json"),
      test::FakeTarget::ok(std::string(10'000, '['), "application/json")};
  double failures = 0;
  for (const ApiServer::Reply& fault : faults) {
    server_.set_reply("/v1/health/service/web", fault);
    server_.set_reply("/v1/catalog/services", fault);
    const auto failed = [&] {
      return metric("prometheus_sd_refresh_failures_total{mechanism=\"consul\"}") > failures + 1;
    };
    ASSERT_TRUE(advance_until(failed, 120s));
    failures = metric("prometheus_sd_refresh_failures_total{mechanism=\"consul\"}");
    EXPECT_THAT(sink_.addresses(), ElementsAre("10.0.0.1:80"));
  }
  server_.set("/v1/catalog/services", R"({"web":[]})", index(5));
  server_.set("/v1/health/service/web", "[" + entry("10.0.0.1", "", 90) + "]", index(8));
  ASSERT_TRUE(advance_until(
      [this] { return sink_.addresses() == std::vector<std::string>{"10.0.0.1:90"}; }, 120s));
}

TEST_F(ConsulDiscovererTest, AnAnswerOfAnotherShapeHasNoTargets) {
  server_.set("/v1/catalog/services", R"({"web":[]})", index(5));
  server_.set("/v1/health/service/web", R"([1,{"Node":7,"Service":[],"Checks":"x"}])", index(7));
  ConsulOptions settings = options();
  settings.datacenter = "dc1";
  start(settings);
  ASSERT_TRUE(test::eventually([this] { return !sink_.addresses().empty(); }));
  // As empty as Prometheus would have them: relabelling and the scrape sort them out.
  EXPECT_THAT(sink_.addresses(), ElementsAre(":0", ":0"));
}

}  // namespace
}  // namespace narthex::discovery
