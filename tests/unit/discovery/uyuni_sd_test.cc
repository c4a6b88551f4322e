// Uyuni in the shapes of its XML-RPC API.
#include "discovery/xml_rpc.h"
#include "unit/discovery/cloud_fixture.h"

namespace narthex::discovery {
namespace {

using ::testing::HasSubstr;

std::string answer(const std::string& value) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?><methodResponse><params><param><value>" +
         value + "</value></param></params></methodResponse>";
}
std::string structure(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out = "<struct>";
  for (const auto& [name, value] : members)
    out += "<member><name>" + name + "</name><value>" + value + "</value></member>";
  return out + "</struct>";
}
std::string array(const std::vector<std::string>& values) {
  std::string out = "<array><data>";
  for (const std::string& value : values) out += "<value>" + value + "</value>";
  return out + "</data></array>";
}

class UyuniTest : public CloudDiscovererTest {
 protected:
  UyuniTest() {
    server_.set_for("<methodName>auth.login</methodName>", answer("<string>session1</string>"));
    server_.set_for(
        "system.listSystemGroupsForSystemsWithEntitlement",
        answer(array({structure({{"id", "<i4>1000010000</i4>"},
                                 {"system_groups",
                                  array({structure({{"id", "<i4>1</i4>"}, {"name", "web"}}),
                                         structure({{"id", "<i4>2</i4>"}, {"name", "eu"}})})}}),
                      structure({{"id", "<i4>1000010001</i4>"}, {"system_groups", array({})}})})));
    server_.set_for("system.getNetworkForSystems",
                    answer(array({structure({{"system_id", "<i4>1000010000</i4>"},
                                             {"hostname", "min1"},
                                             {"primary_fqdn", "min1.example.org"},
                                             {"ip", "10.1.1.1"}}),
                                  structure({{"system_id", "<i4>1000010001</i4>"},
                                             {"hostname", "min2"},
                                             {"ip", "10.1.1.2"}})})));
    server_.set_for(
        "system.monitoring.listEndpoints",
        answer(array({structure({{"system_id", "<i4>1000010000</i4>"},
                                 {"endpoint_name", "node"},
                                 {"exporter_name", "node_exporter"},
                                 {"module", "mod"},
                                 {"path", "/custom"},
                                 {"port", "<i4>9100</i4>"},
                                 {"tls_enabled", "<boolean>1</boolean>"}}),
                      structure({{"system_id", "<i4>1000010001</i4>"},
                                 {"endpoint_name", "pg"},
                                 {"port", "<i4>9187</i4>"},
                                 {"tls_enabled", "<boolean>0</boolean>"}}),
                      structure({{"system_id", "<i4>9</i4>"}, {"port", "<i4>1</i4>"}})})));
    options_.server = server_.url();
    options_.username = "admin&";
    options_.password = "pass";
  }
  [[nodiscard]] int calls(const std::string& method) const {
    int count = 0;
    for (const std::string& head : server_.heads()) count += head.contains(method) ? 1 : 0;
    return count;
  }
  UyuniOptions options_;
};

TEST_F(UyuniTest, EndpointsOfMonitoredSystems) {
  ASSERT_TRUE(finds(options_, 2));
  EXPECT_EQ(meta("min1:9100", "__meta_uyuni_"), (Texts{{"minion_hostname", "min1"},
                                                       {"primary_fqdn", "min1.example.org"},
                                                       {"system_id", "1000010000"},
                                                       {"groups", "web,eu"},
                                                       {"endpoint_name", "node"},
                                                       {"exporter", "node_exporter"},
                                                       {"proxy_module", "mod"},
                                                       {"metrics_path", "/custom"},
                                                       {"scheme", "https"}}));
  EXPECT_EQ(meta("min2:9187", "__meta_uyuni_"), (Texts{{"minion_hostname", "min2"},
                                                       {"system_id", "1000010001"},
                                                       {"endpoint_name", "pg"},
                                                       {"scheme", "http"}}));
  EXPECT_THAT(server_.last("/rpc/api"),
              HasSubstr("<param><value><string>session1</string></value></param><param><value>"
                        "<array><data><value><int>1000010000</int></value><value><int>1000010001"
                        "</int></value></data></array></value></param>"));
  bool has_logged_in = false;
  for (const std::string& head : server_.heads())
    has_logged_in |= head.contains("<string>admin&amp;</string>");
  EXPECT_TRUE(has_logged_in);
}

TEST_F(UyuniTest, ASessionServesUntilItEndsOrIsRefused) {
  ASSERT_TRUE(finds(options_, 2));
  ASSERT_TRUE(advance_until([&] { return calls("listEndpoints") > 3; }, std::chrono::minutes(1)));
  EXPECT_EQ(calls("auth.login"), 1);
  const auto before = sink_.targets();
  server_.set_for(
      "system.getNetworkForSystems",
      "<methodResponse><fault><value>" +
          structure({{"faultCode", "<int>2950</int>"}, {"faultString", "session expired"}}) +
          "</value></fault></methodResponse>");
  ASSERT_TRUE(advance_until([&] { return calls("auth.login") > 1; }, std::chrono::minutes(1)));
  EXPECT_GT(metric("prometheus_sd_refresh_failures_total{mechanism=\"uyuni\"}"), 0);
  EXPECT_EQ(sink_.targets(), before);
  server_.set_for("system.getNetworkForSystems", "<html/>");
  const int logins = calls("auth.login");
  ASSERT_TRUE(advance_until([&] { return calls("auth.login") > logins; }, std::chrono::minutes(1)));
  EXPECT_EQ(sink_.targets(), before);
}

TEST(XmlRpc, FaultsAndNonsenseAreErrors) {
  const auto message = [](const std::string& text) {
    return xml_rpc_answer(parse_xml(text).value()).error().message();
  };
  EXPECT_THAT(message("<methodResponse><fault><value>" +
                      structure({{"faultCode", "<int>4</int>"}, {"faultString", "too many"}}) +
                      "</value></fault></methodResponse>"),
              HasSubstr("fault 4: too many"));
  EXPECT_THAT(message("<html/>"), HasSubstr("no XML-RPC answer"));
  EXPECT_THAT(message("<methodResponse/>"), HasSubstr("no value"));
}

}  // namespace
}  // namespace narthex::discovery
