// Kuma's monitoring assignments by the xDS API over REST.
#include "unit/discovery/cloud_fixture.h"

namespace narthex::discovery {
namespace {

using ::testing::HasSubstr;

const std::string kPath = "/v3/discovery:monitoringassignments";

std::string answer(const std::string& version, const std::string& resources) {
  return R"({"version_info":")" + version + R"(","nonce":"n)" + version +
         R"(","type_url":"type.googleapis.com/kuma.observability.v1.MonitoringAssignment","resources":[)" +
         resources + "]}";
}

class KumaTest : public CloudDiscovererTest {
 protected:
  KumaTest() {
    options_.server = server_.url() + "/";
    options_.client_id = "me";
    server_.set(kPath, answer("1", kAssignment));
  }
  [[nodiscard]] bool fails_again() {
    const std::string series = "prometheus_sd_refresh_failures_total{mechanism=\"kuma\"}";
    const double before = std::max(0.0, metric(series));
    return advance_until([&] { return metric(series) > before; }, std::chrono::minutes(1)) ==
           ::testing::AssertionSuccess();
  }
  const std::string kAssignment =
      R"({"@type":"type.googleapis.com/kuma.observability.v1.MonitoringAssignment","mesh":"metrics","service":"prometheus",
      "targets":[{"name":"prometheus-01","scheme":"http","address":"10.1.4.32:9090","metrics_path":"/custom-metrics",
        "labels":{"commit_hash":"620506a88","team":"mine"}},{"name":"prometheus-02","scheme":"https","address":"10.1.4.33:9090"}],
      "labels":{"kuma.io/zone":"us-east-1","team":"infra"}})";
  KumaOptions options_;
};

TEST_F(KumaTest, AssignmentsOfAllServices) {
  ASSERT_TRUE(finds(options_, 2));
  EXPECT_EQ(
      sink_.at("10.1.4.32:9090").to_string(),
      R"({__address__="10.1.4.32:9090", __meta_kuma_dataplane="prometheus-01", )"
      R"(__meta_kuma_label_commit_hash="620506a88", __meta_kuma_label_kuma_io_zone="us-east-1", )"
      R"(__meta_kuma_label_team="infra", __meta_kuma_mesh="metrics", __meta_kuma_service="prometheus", )"
      R"(__metrics_path__="/custom-metrics", __scheme__="http", instance="prometheus-01"})");
  EXPECT_EQ(sink_.at("10.1.4.33:9090").get("__scheme__"), "https");
  EXPECT_EQ(sink_.at("10.1.4.33:9090").get("__metrics_path__"), "");
  EXPECT_THAT(server_.last(kPath), HasSubstr("POST " + kPath + "?fetch-timeout=120000ms "));
}

TEST_F(KumaTest, TheVersionThatIsKnownIsNamed) {
  ASSERT_TRUE(finds(options_, 2));
  const auto says = [this](const std::string& words) {
    return advance_until([&] { return server_.last(kPath).contains(words); },
                         std::chrono::minutes(1));
  };
  ASSERT_TRUE(says(
      R"({"version_info":"1","node":{"id":"me"},"resource_names":[],"type_url":)"
      R"("type.googleapis.com/kuma.observability.v1.MonitoringAssignment","response_nonce":"n1"})"));
  const int updates = sink_.updates();
  server_.set_reply(kPath, {.bytes = "HTTP/1.1 304 Not Modified\r\n\r\n"});
  const std::size_t asked = server_.heads().size();
  ASSERT_TRUE(
      advance_until([&] { return server_.heads().size() > asked + 2; }, std::chrono::minutes(1)));
  EXPECT_LE(sink_.updates(), updates + 1) << "nothing changes";
  server_.set(kPath, answer("2", ""));
  ASSERT_TRUE(advance_until([&] { return sink_.addresses().empty(); }, std::chrono::minutes(1)));
  ASSERT_TRUE(says(R"("version_info":"2")"));
}

TEST_F(KumaTest, AFailureKeepsTargetsAndVersion) {
  ASSERT_TRUE(finds(options_, 2));
  const auto before = sink_.targets();
  for (const ApiServer::Reply& fault : std::vector<ApiServer::Reply>{
           {.bytes = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"},
           test::FakeTarget::ok("<html>", "text/html"),
           test::FakeTarget::ok(
               R"({"version_info":"9","type_url":"something.else","resources":[]})",
               "application/json"),
           {.bytes = "", .close = true}}) {
    SCOPED_TRACE(fault.bytes);
    server_.set_reply(kPath, fault);
    ASSERT_TRUE(fails_again());
    ASSERT_TRUE(fails_again());
    EXPECT_EQ(sink_.targets(), before);
    EXPECT_THAT(server_.last(kPath), HasSubstr(R"("version_info":"1")"));
  }
}

}  // namespace
}  // namespace narthex::discovery
