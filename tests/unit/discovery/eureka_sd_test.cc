#include "discovery/xml.h"
#include "unit/discovery/cloud_fixture.h"

namespace narthex::discovery {
namespace {

using ::testing::HasSubstr;

TEST(Xml, ElementsTextAndAttributes) {
  const auto root = parse_xml(
      "<?xml version=\"1.0\"?><!-- <x> --><n:a k='1 &lt; 2' xmlns:n=\"u\"><b/> t&#x20AC;&#65; "
      "<c ><![CDATA[<&>]]></c></n:a>\n");
  ASSERT_TRUE(root.has_value()) << root.error().message();
  EXPECT_EQ(root->name, "a");
  EXPECT_EQ(root->text, "t€A");
  EXPECT_EQ(root->attribute("k"), "1 < 2");
  EXPECT_EQ(root->at("c").text, "<&>");
  EXPECT_EQ(root->at("b").name, "b");
  EXPECT_EQ(root->at("nothing", "here").name, "");
}

TEST(Xml, WhatIsNoneIsRefused) {
  for (const std::string text :
       {"", "x", "<a>", "<a></b>", "<a", "<a b></a>", "<a b=1/>", "<a b=\"1/>", "<a>&unknown;</a>",
        "<a>&#0;</a>", "<a>&#xD800;</a>", "</a>", "<>x</>", "<a><![CDATA[x</a>", "<a>\xff</a>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"}) {
    EXPECT_FALSE(parse_xml(text).has_value()) << text;
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  EXPECT_EQ(parse_xml(deep).error().code(), util::Code::kLimitExceeded);
}

TEST(Xml, EveryPrefixOfADocumentIsRefused) {
  const std::string whole = "<a b='c'>d<e f=\"g\"/><!-- h --><![CDATA[i]]>&amp;</a>";
  ASSERT_TRUE(parse_xml(whole).has_value());
  for (std::size_t cut = 0; cut < whole.size(); ++cut)
    EXPECT_FALSE(parse_xml(std::string_view(whole).substr(0, cut)).has_value()) << cut;
}

TEST_F(CloudDiscovererTest, EurekaInstancesByApp) {
  const std::string answer =
      R"(<applications><versions__delta>1</versions__delta><apps__hashcode>UP_2_</apps__hashcode>
    <application><name>CONFIG-SERVICE</name><instance><instanceId>config001:config-service:8080</instanceId><hostName>config001</hostName>
    <app>CONFIG-SERVICE</app><ipAddr>192.133.83.31</ipAddr><status>UP</status><overriddenstatus>UNKNOWN</overriddenstatus>
    <port enabled="true">8080</port><securePort enabled="false">8443</securePort><countryId>1</countryId>
    <dataCenterInfo class="x"><name>MyOwn</name><metadata><rack-1>r</rack-1></metadata></dataCenterInfo>
    <metadata><management.port>8090</management.port><prometheus>true</prometheus></metadata>
    <homePageUrl>http://config001:8080/</homePageUrl><statusPageUrl>http://config001:8080/info</statusPageUrl>
    <healthCheckUrl>http://config001:8080/health</healthCheckUrl><vipAddress>config-service</vipAddress><secureVipAddress>s</secureVipAddress></instance>
    <instance><hostName>bare</hostName></instance></application><application><name>EMPTY</name></application></applications>)";
  server_.set_reply("/eureka/apps", test::FakeTarget::ok(answer, "application/xml"));
  EurekaOptions options;
  options.server = server_.url() + "/eureka";
  ASSERT_TRUE(finds(options, 2));
  EXPECT_EQ(meta("config001:8080", "__meta_eureka_app_"),
            (Texts{{"name", "CONFIG-SERVICE"},
                   {"instance_id", "config001:config-service:8080"},
                   {"instance_hostname", "config001"},
                   {"instance_ip_addr", "192.133.83.31"},
                   {"instance_status", "UP"},
                   {"instance_port", "8080"},
                   {"instance_port_enabled", "true"},
                   {"instance_secure_port", "8443"},
                   {"instance_secure_port_enabled", "false"},
                   {"instance_country_id", "1"},
                   {"instance_datacenterinfo_name", "MyOwn"},
                   {"instance_datacenterinfo_metadata_rack_1", "r"},
                   {"instance_metadata_management_port", "8090"},
                   {"instance_metadata_prometheus", "true"},
                   {"instance_homepage_url", "http://config001:8080/"},
                   {"instance_statuspage_url", "http://config001:8080/info"},
                   {"instance_healthcheck_url", "http://config001:8080/health"},
                   {"instance_vip_address", "config-service"},
                   {"instance_secure_vip_address", "s"}}));
  EXPECT_EQ(sink_.at("config001:8080").get("instance"), "config001:config-service:8080");
  EXPECT_EQ(meta("bare:80", "__meta_eureka_app_").at("name"), "CONFIG-SERVICE");
  EXPECT_EQ(sink_.at("bare:80").get("instance"), "");
  EXPECT_THAT(server_.last("/eureka/apps"), HasSubstr("Accept: application/xml\r\n"));
  expect_failure_keeps_targets("eureka", "/eureka/apps");
}

}  // namespace
}  // namespace narthex::discovery
