// Amazon's services: signatures, keys, and the answers in the shapes that it documents.
#include <fstream>

#include "discovery/aws_credentials.h"
#include "support/run_task.h"
#include "support/temp_dir.h"
#include "unit/discovery/cloud_fixture.h"

namespace narthex::discovery {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The worked example of Amazon's own description of Signature Version 4.
TEST(AwsSignature, IsThatOfTheDocumentedExample) {
  http::ClientRequest request;
  request.url = *http::Url::parse("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08");
  request.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  constexpr util::WallNs kNow = 1'440'938'160'000'000'000;  // 2015-08-30T12:36:00Z
  sign_aws(request, {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""},
           {"us-east-1", "iam"}, kNow);
  EXPECT_EQ(request.headers.get("Authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

TEST(AwsSignature, SessionTokenIsSigned) {
  http::ClientRequest request;
  request.url = *http::Url::parse("https://ec2.eu-west-1.amazonaws.com/");
  sign_aws(request, {"a", "s", "token"}, {"eu-west-1", "ec2"}, 0);
  EXPECT_EQ(request.headers.get("X-Amz-Security-Token"), "token");
  EXPECT_THAT(std::string(request.headers.get("Authorization")),
              HasSubstr("SignedHeaders=host;x-amz-date;x-amz-security-token"));
}

class AmazonTest : public CloudDiscovererTest {
 protected:
  AmazonAccess access() const {
    AmazonAccess out;
    out.region = "eu-central-1";
    out.endpoint = server_.url();
    out.access_key = "AKID";
    out.secret_key = "secret";
    return out;
  }
};

TEST_F(AmazonTest, Ec2InstancesOfAllPages) {
  server_.set_for(
      "Action=DescribeAvailabilityZones",
      R"(<?xml version="1.0"?><DescribeAvailabilityZonesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <availabilityZoneInfo><item><zoneName>eu-central-1a</zoneName><zoneId>euc1-az2</zoneId></item></availabilityZoneInfo></DescribeAvailabilityZonesResponse>)");
  server_.set_for(
      "Action=DescribeInstances",
      R"(<DescribeInstancesResponse><reservationSet><item><ownerId>123</ownerId><instancesSet>
    <item><instanceId>i-1</instanceId><imageId>ami-1</imageId><instanceState><code>16</code><name>running</name></instanceState>
    <privateDnsName>ip-10-0-0-1.internal</privateDnsName><dnsName>ec2-3.amazonaws.com</dnsName><instanceType>t3.micro</instanceType>
    <placement><availabilityZone>eu-central-1a</availabilityZone></placement><platform>windows</platform><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>
    <privateIpAddress>10.0.0.1</privateIpAddress><ipAddress>3.3.3.3</ipAddress><architecture>x86_64</architecture><instanceLifecycle>spot</instanceLifecycle>
    <tagSet><item><key>Name</key><value>a &amp; b</value></item><item><key>k8s.io/role</key><value>node</value></item></tagSet>
    <networkInterfaceSet><item><subnetId>subnet-1</subnetId><attachment><deviceIndex>0</deviceIndex></attachment>
      <ipv6AddressesSet><item><ipv6Address>2001:db8::1</ipv6Address><isPrimaryIpv6>true</isPrimaryIpv6></item><item><ipv6Address>2001:db8::2</ipv6Address></item></ipv6AddressesSet></item>
      <item><subnetId>subnet-2</subnetId><attachment><deviceIndex>1</deviceIndex></attachment></item><item><subnetId>subnet-1</subnetId></item></networkInterfaceSet></item>
    <item><instanceId>i-terminated</instanceId></item></instancesSet></item></reservationSet><nextToken>more+/=</nextToken></DescribeInstancesResponse>)");
  server_.set_for(
      "NextToken=more%2B%2F%3D",
      R"(<DescribeInstancesResponse><reservationSet><item><ownerId>123</ownerId><instancesSet>
    <item><instanceId>i-2</instanceId><privateIpAddress>10.0.0.2</privateIpAddress></item>
    <item><instanceId>i-6</instanceId><ipv6Address>2001:db8::6</ipv6Address></item></instancesSet></item></reservationSet></DescribeInstancesResponse>)");
  Ec2Options options;
  options.access = access();
  options.port = 9100;
  options.filters = {{"tag:env", {"prod", "a b"}}};
  ASSERT_TRUE(finds(options, 3));
  EXPECT_EQ(meta("10.0.0.1:9100", "__meta_ec2_"),
            (Texts{{"ami", "ami-1"},
                   {"architecture", "x86_64"},
                   {"availability_zone", "eu-central-1a"},
                   {"availability_zone_id", "euc1-az2"},
                   {"instance_id", "i-1"},
                   {"instance_lifecycle", "spot"},
                   {"instance_state", "running"},
                   {"instance_type", "t3.micro"},
                   {"ipv6_addresses", ",2001:db8::1,2001:db8::2,"},
                   {"primary_ipv6_addresses", ",2001:db8::1,"},
                   {"owner_id", "123"},
                   {"platform", "windows"},
                   {"primary_subnet_id", "subnet-1"},
                   {"private_dns_name", "ip-10-0-0-1.internal"},
                   {"private_ip", "10.0.0.1"},
                   {"public_dns_name", "ec2-3.amazonaws.com"},
                   {"public_ip", "3.3.3.3"},
                   {"region", "eu-central-1"},
                   {"subnet_id", ",subnet-1,subnet-2,"},
                   {"tag_Name", "a & b"},
                   {"tag_k8s_io_role", "node"},
                   {"vpc_id", "vpc-1"}}));
  EXPECT_EQ(meta("[2001:db8::6]:9100", "__meta_ec2_").at("default_ipv6_address"), "2001:db8::6");
  const std::string request = server_.last("/");
  EXPECT_THAT(request, HasSubstr("POST / HTTP/1.1\r\n"));
  EXPECT_THAT(
      request,
      HasSubstr("/eu-central-1/ec2/aws4_request, SignedHeaders=content-type;host;x-amz-date, "));
  EXPECT_THAT(request,
              HasSubstr("Filter.1.Name=tag%3Aenv&Filter.1.Value.1=prod&Filter.1.Value.2=a%20b"));
  server_.set_for("Action=",
                  "<Response><Errors><Error><Code>AuthFailure</Code></Error></Errors></Response>");
  ASSERT_TRUE(advance_until(
      [&] { return metric("prometheus_sd_refresh_failures_total{mechanism=\"ec2\"}") > 0; },
      std::chrono::minutes(1)));
  EXPECT_EQ(sink_.addresses().size(), 3U);
}

TEST_F(AmazonTest, LightsailInstancesOfAllPages) {
  server_.set_for(
      "{}",
      R"({"instances":[{"name":"wp","supportCode":"1/i-2","location":{"availabilityZone":"eu-central-1a","regionName":"x"},
    "blueprintId":"wordpress","bundleId":"micro_2_0","privateIpAddress":"172.26.0.1","publicIpAddress":"18.0.0.1","ipv6Addresses":["2001:db8::9"],
    "state":{"code":16,"name":"running"},"tags":[{"key":"a-b","value":"c"}]},{"name":"none"}],"nextPageToken":"t2"})");
  server_.set_for("{\"pageToken\":\"t2\"}",
                  R"({"instances":[{"name":"b","privateIpAddress":"172.26.0.2"}]})");
  LightsailOptions options;
  options.access = access();
  ASSERT_TRUE(finds(options, 2));
  EXPECT_EQ(meta("172.26.0.1:80", "__meta_lightsail_"),
            (Texts{{"availability_zone", "eu-central-1a"},
                   {"blueprint_id", "wordpress"},
                   {"bundle_id", "micro_2_0"},
                   {"instance_name", "wp"},
                   {"instance_state", "running"},
                   {"instance_support_code", "1/i-2"},
                   {"ipv6_addresses", ",2001:db8::9,"},
                   {"private_ip", "172.26.0.1"},
                   {"public_ip", "18.0.0.1"},
                   {"region", "eu-central-1"},
                   {"tag_a_b", "c"}}));
  EXPECT_THAT(server_.last("/"), HasSubstr("X-Amz-Target: Lightsail_20161128.GetInstances\r\n"));
  EXPECT_THAT(server_.last("/"), HasSubstr("/eu-central-1/lightsail/aws4_request"));
}

// ---- Whose keys ----

class AwsKeysTest : public CloudDiscovererTest {
 protected:
  std::string keys_of(const AmazonAccess& access) {
    AwsSurroundings around;
    around.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::nullopt : std::optional(found->second);
    };
    around.metadata_url = around.container_url = server_.url();
    around.sts_url = server_.url() + "/sts";
    auto client = ApiClient::make({}, context_);
    if (!client) return client.error().message();
    credentials_.emplace(access, around, context_, *client);
    const auto keys = test::start_task(tasks_, credentials_->keys(0)).get();
    if (!keys) return "error: " + keys.error().message();
    return keys->access_key + "/" + keys->secret_key + "/" + keys->session_token;
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name) << text;
  }
  AmazonAccess in_region() const {
    AmazonAccess out;
    out.region = "us-east-1";
    return out;
  }
  test::TempDir directory_;
  std::map<std::string, std::string> environment_ = {{"HOME", directory_.path()}};
  std::optional<AwsCredentials> credentials_;
};

TEST_F(AwsKeysTest, ConfigurationThenEnvironmentThenFile) {
  const std::string file = directory_.path() + "/credentials";
  write("credentials",
        "[default]\naws_access_key_id = D\naws_secret_access_key=ds\n\n[ other ]\n"
        "# comment = x\naws_access_key_id=O\naws_secret_access_key = os\naws_session_token = ot\n");
  environment_["AWS_SHARED_CREDENTIALS_FILE"] = file;
  EXPECT_EQ(keys_of(in_region()), "D/ds/");
  environment_["AWS_PROFILE"] = "other";
  EXPECT_EQ(keys_of(in_region()), "O/os/ot");
  environment_["AWS_ACCESS_KEY_ID"] = "E";
  environment_["AWS_SECRET_ACCESS_KEY"] = "es";
  environment_["AWS_SESSION_TOKEN"] = "et";
  EXPECT_EQ(keys_of(in_region()), "E/es/et");
  AmazonAccess access = in_region();
  access.profile = "other";
  EXPECT_EQ(keys_of(access), "O/os/ot");
  access.profile = "absent";
  EXPECT_EQ(keys_of(access), "error: no keys for the AWS profile absent");
  access.access_key = "C";
  access.secret_key = "cs";
  EXPECT_EQ(keys_of(access), "C/cs/");
}

TEST_F(AwsKeysTest, MachineIsAskedWithATokenForKeysAndRegion) {
  server_.set("/latest/api/token", "tok");
  server_.set("/latest/meta-data/placement/region", "ap-south-1");
  server_.set("/latest/meta-data/iam/security-credentials/", "role1\n");
  server_.set("/latest/meta-data/iam/security-credentials/role1",
              R"({"Code":"Success","AccessKeyId":"M","SecretAccessKey":"ms","Token":"mt"})");
  EXPECT_EQ(keys_of({}), "M/ms/mt");
  EXPECT_THAT(server_.last("/latest/api/token"), HasSubstr("PUT "));
  EXPECT_THAT(server_.last("/latest/meta-data/placement/region"),
              HasSubstr("X-aws-ec2-metadata-token: tok\r\n"));
  const std::size_t asked = server_.heads().size();
  EXPECT_TRUE(test::start_task(tasks_, credentials_->keys(0)).get().has_value());
  EXPECT_EQ(server_.heads().size(), asked) << "good for some minutes";
}

TEST_F(AwsKeysTest, ContainerIsAskedBeforeTheMachine) {
  server_.set("/v2/credentials/x", R"({"AccessKeyId":"K","SecretAccessKey":"ks","Token":"kt"})");
  environment_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/x";
  environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "auth";
  EXPECT_EQ(keys_of(in_region()), "K/ks/kt");
  EXPECT_THAT(server_.last("/v2"), HasSubstr("Authorization: auth\r\n"));
}

TEST_F(AwsKeysTest, RoleIsTakenOnWithTheKeys) {
  server_.set("/sts",
              "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>R</AccessKeyId>"
              "<SecretAccessKey>rs</SecretAccessKey><SessionToken>rt</SessionToken></Credentials>"
              "</AssumeRoleResult></AssumeRoleResponse>");
  AmazonAccess access = in_region();
  access.access_key = "C";
  access.secret_key = "cs";
  access.role_arn = "arn:aws:iam::1:role/r";
  access.external_id = "ext";
  EXPECT_EQ(keys_of(access), "R/rs/rt");
  EXPECT_THAT(server_.last("/sts"), HasSubstr("Credential=C/"));
  EXPECT_THAT(server_.last("/sts"), HasSubstr("/us-east-1/sts/aws4_request"));
  EXPECT_THAT(server_.last("/sts"), HasSubstr("&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&"));
  EXPECT_THAT(server_.last("/sts"), HasSubstr("&ExternalId=ext"));
  const std::string refusal =
      "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not "
      "you</Message></Error></ErrorResponse>";
  server_.set_reply("/sts", {.bytes = "HTTP/1.1 403 Forbidden\r\nContent-Length: " +
                                      std::to_string(refusal.size()) + "\r\n\r\n" + refusal});
  EXPECT_EQ(keys_of(access), "error: sts: AssumeRole: 403 Forbidden: AccessDenied: Not you");
}

TEST_F(AwsKeysTest, WebIdentityTokenIsExchanged) {
  write("token", "jwt\n");
  server_.set(
      "/sts",
      "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
      "<AccessKeyId>W</AccessKeyId><SecretAccessKey>ws</SecretAccessKey><SessionToken>wt</"
      "SessionToken>"
      "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
  environment_["AWS_WEB_IDENTITY_TOKEN_FILE"] = directory_.path() + "/token";
  environment_["AWS_ROLE_ARN"] = "arn";
  EXPECT_EQ(keys_of(in_region()), "W/ws/wt");
  EXPECT_THAT(server_.last("/sts"), HasSubstr("WebIdentityToken=jwt"));
  EXPECT_THAT(server_.last("/sts"), Not(HasSubstr("Authorization:")));
}

}  // namespace
}  // namespace narthex::discovery
