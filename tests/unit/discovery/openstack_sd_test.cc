// OpenStack in the shapes that its services document: identity 3, compute 2.1, network 2.0 and
// load balancer 2.0.
#include "discovery/openstack_sd.h"

#include "unit/discovery/cloud_fixture.h"

namespace narthex::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class OpenStackTest : public CloudDiscovererTest {
 protected:
  OpenStackTest() {
    const std::string endpoints = R"("endpoints":[
      {"interface":"admin","region":"r1","region_id":"r1","url":"http://127.0.0.1:1/"},
      {"interface":"public","region":"r2","region_id":"r2","url":"http://127.0.0.1:1/"},
      {"interface":"public","region":"r1","region_id":"r1","url":")";
    const std::string catalogue = R"([{"type":"compute","name":"nova",)" + endpoints +
                                  server_.url() + R"(/compute/v2.1"}]},{"type":"network",)" +
                                  endpoints + server_.url() +
                                  R"(/network/"}]},{"type":"load-balancer",)" + endpoints +
                                  server_.url() + R"(/balancer/v2.0/"}]}])";
    const std::string body = R"({"token":{"catalog":)" + catalogue + "}}";
    server_.set_reply("/identity/v3/auth/tokens",
                      {.bytes = "HTTP/1.1 201 Created\r\nX-Subject-Token: secret-token\r\nContent-"
                                "Type: application/json\r\nContent-Length: " +
                                std::to_string(body.size()) + "\r\n\r\n" + body});
    server_.set("/network/v2.0/ports",
                R"({"ports":[{"id":"p1","device_id":"vm1"},{"id":"p2","device_id":"vm2"}]})");
    server_.set("/network/v2.0/floatingips", R"({"floatingips":[
      {"id":"f1","port_id":"p1","fixed_ip_address":"10.0.0.32","floating_ip_address":"172.24.4.227"},
      {"id":"f2","port_id":null,"fixed_ip_address":null,"floating_ip_address":"172.24.4.228"},
      {"id":"f3","port_id":"vip1","fixed_ip_address":"10.9.0.1","floating_ip_address":"172.24.4.229"}]})");
  }
  [[nodiscard]] OpenStackOptions options(OpenStackRole role) const {
    OpenStackOptions out;
    out.role = role;
    out.region = "r1";
    out.identity_endpoint = server_.url() + "/identity/";
    out.username = "me";
    out.password = "pass";
    out.project_name = "proj";
    out.domain_name = "Default";
    return out;
  }
};

TEST_F(OpenStackTest, Hypervisors) {
  const std::string list = "/compute/v2.1/os-hypervisors/detail";
  server_.set(
      list,
      R"({"hypervisors":[{"id":1,"hypervisor_hostname":"nc14.cloud","host_ip":"172.16.70.14","status":"enabled","state":"up",
    "hypervisor_type":"QEMU"}]})");
  ASSERT_TRUE(finds(options(OpenStackRole::kHypervisor), 1));
  EXPECT_EQ(meta("172.16.70.14:80", "__meta_openstack_hypervisor_"),
            (Texts{{"id", "1"},
                   {"hostname", "nc14.cloud"},
                   {"host_ip", "172.16.70.14"},
                   {"status", "enabled"},
                   {"state", "up"},
                   {"type", "QEMU"}}));
  EXPECT_THAT(server_.last(list), HasSubstr("X-Auth-Token: secret-token\r\n"));
  EXPECT_THAT(
      server_.last("/identity/v3/auth/tokens"),
      HasSubstr(
          R"({"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"me","domain":{"name":"Default"},"password":"pass"}}},)"
          R"("scope":{"project":{"name":"proj","domain":{"name":"Default"}}}}})"));
  expect_failure_keeps_targets("openstack", list);
  expect_failure_keeps_targets("openstack", "/identity/v3/auth/tokens");
}

TEST_F(OpenStackTest, InstancesByAddress) {
  server_.set("/compute/v2.1/servers/detail?all_tenants=true", R"({"servers":[
    {"id":"vm1","name":"herp","status":"ACTIVE","tenant_id":"t","user_id":"u","metadata":{"env-1":"prod"},"image":{"id":"img"},
     "flavor":{"original_name":"m1.medium","vcpus":2},"addresses":{
       "private":[{"addr":"10.0.0.32","version":4,"OS-EXT-IPS:type":"fixed"},{"addr":"172.24.4.227","OS-EXT-IPS:type":"floating"}],
       "other":[{"addr":"fd00::3","version":6}]}},
    {"id":"vm3","name":"no network","flavor":{"id":"1"},"image":"","addresses":{}}],
    "servers_links":[{"rel":"next","href":"http://127.0.0.1:1/servers/detail?all_tenants=true&marker=vm3"}]})");
  server_.set("/compute/v2.1/servers/detail?all_tenants=true&marker=vm3", R"({"servers":[
    {"id":"vm2","name":"derp","status":"ACTIVE","tenant_id":"t","user_id":"u","flavor":{"id":"7"},"image":"","metadata":{},
     "addresses":{"private":[{"addr":"10.0.0.31"}]}},
    {"id":"vm4","name":"no flavor","flavor":{},"addresses":{"private":[{"addr":"10.0.0.30"}]}}]})");
  OpenStackOptions all = options(OpenStackRole::kInstance);
  all.all_tenants = true;
  all.port = 9100;
  ASSERT_TRUE(finds(all, 3));
  EXPECT_EQ(meta("10.0.0.32:9100", "__meta_openstack_"), (Texts{{"instance_id", "vm1"},
                                                                {"instance_name", "herp"},
                                                                {"instance_status", "ACTIVE"},
                                                                {"instance_flavor", "m1.medium"},
                                                                {"instance_image", "img"},
                                                                {"project_id", "t"},
                                                                {"user_id", "u"},
                                                                {"tag_env_1", "prod"},
                                                                {"address_pool", "private"},
                                                                {"private_ip", "10.0.0.32"},
                                                                {"public_ip", "172.24.4.227"}}));
  EXPECT_EQ(meta("[fd00::3]:9100", "__meta_openstack_").at("address_pool"), "other");
  EXPECT_EQ(meta("10.0.0.31:9100", "__meta_openstack_").at("instance_flavor"), "7");
  EXPECT_EQ(meta("10.0.0.31:9100", "__meta_openstack_").count("instance_image"), 0U);
}

TEST_F(OpenStackTest, LoadBalancersWithMetrics) {
  server_.set("/balancer/v2.0/lbaas/listeners", R"({"listeners":[
    {"id":"l1","protocol":"HTTP","protocol_port":80,"loadbalancers":[{"id":"lb1"}]},
    {"id":"l2","protocol":"PROMETHEUS","protocol_port":9273,"loadbalancers":[{"id":"lb1"}]},
    {"id":"l3","protocol":"TCP","protocol_port":80,"loadbalancers":[{"id":"lb2"}]}]})");
  server_.set("/balancer/v2.0/lbaas/loadbalancers", R"({"loadbalancers":[
    {"id":"lb1","name":"front","operating_status":"ONLINE","provisioning_status":"ACTIVE","availability_zone":"az1","vip_address":"10.0.0.40",
     "vip_port_id":"vip1","provider":"amphora","tags":["a","b"],"project_id":"t"},
    {"id":"lb2","name":"no metrics","vip_address":"10.0.0.41"}]})");
  ASSERT_TRUE(finds(options(OpenStackRole::kLoadBalancer), 1));
  EXPECT_EQ(meta("10.0.0.40:9273", "__meta_openstack_"),
            (Texts{{"loadbalancer_id", "lb1"},
                   {"loadbalancer_name", "front"},
                   {"loadbalancer_operating_status", "ONLINE"},
                   {"loadbalancer_provisioning_status", "ACTIVE"},
                   {"loadbalancer_availability_zone", "az1"},
                   {"loadbalancer_vip", "10.0.0.40"},
                   {"loadbalancer_provider", "amphora"},
                   {"loadbalancer_tags", "a,b"},
                   {"loadbalancer_floating_ip", "172.24.4.229"},
                   {"project_id", "t"}}));
}

TEST_F(OpenStackTest, AServiceThatIsNotThereIsAFailure) {
  OpenStackOptions elsewhere = options(OpenStackRole::kHypervisor);
  elsewhere.region = "r9";
  elsewhere.refresh_interval = std::chrono::seconds(2);
  start(elsewhere);
  ASSERT_TRUE(advance_until(
      [&] { return metric("prometheus_sd_refresh_failures_total{mechanism=\"openstack\"}") > 0; },
      std::chrono::minutes(1)));
}

TEST(Keystone, WaysToSignOn) {
  KeystoneLogin by_id{.user_id = "u1", .password = "p", .project_id = "t1"};
  EXPECT_EQ(
      keystone_request(by_id).value(),
      R"({"auth":{"identity":{"methods":["password"],"password":{"user":{"id":"u1","password":"p"}}},"scope":{"project":{"id":"t1"}}}})");
  KeystoneLogin credential{
      .project_id = "t1", .application_credential_id = "c1", .application_credential_secret = "s"};
  EXPECT_EQ(
      keystone_request(credential).value(),
      R"({"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"c1","secret":"s"}}}})");
  KeystoneLogin named{.username = "me",
                      .domain_id = "d",
                      .application_credential_name = "c",
                      .application_credential_secret = "s"};
  EXPECT_THAT(keystone_request(named).value(),
              HasSubstr(R"({"name":"c","secret":"s","user":{"name":"me","domain":{"id":"d"}}})"));
  EXPECT_FALSE(keystone_request({}).has_value());
  EXPECT_FALSE(keystone_request({.username = "me", .password = "p"}).has_value());
  EXPECT_FALSE(keystone_request({.user_id = "u"}).has_value());
  EXPECT_FALSE(
      keystone_request({.user_id = "u", .password = "p", .project_name = "x"}).has_value());
}

TEST(Keystone, TheEnvironmentCountsWithoutAnEndpoint) {
  const std::map<std::string, std::string> variables = {{"OS_AUTH_URL", "http://k"},
                                                        {"OS_USERNAME", "me"},
                                                        {"OS_TENANT_NAME", "old"},
                                                        {"OS_PROJECT_ID", "new"}};
  const auto environment = [&variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  OpenStackOptions options;
  options.username = "not this one";
  const auto login = keystone_login(options, environment);
  ASSERT_TRUE(login.has_value());
  EXPECT_EQ(login->endpoint + login->username + login->project_name + login->project_id,
            "http://kmeoldnew");
  options.identity_endpoint = "http://other";
  EXPECT_EQ(keystone_login(options, environment)->username, "not this one");
  EXPECT_FALSE(keystone_login({}, [](const std::string&) { return std::nullopt; }).has_value());
}

}  // namespace
}  // namespace narthex::discovery
