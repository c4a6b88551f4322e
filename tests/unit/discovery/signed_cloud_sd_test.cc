// Discoveries whose requests carry tokens or signatures: Google, Azure, OVHcloud.
#include <fstream>
#include <memory>

#include <boost/json/serialize.hpp>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "discovery/azure_sd.h"
#include "discovery/encoding.h"
#include "discovery/gce_sd.h"
#include "discovery/json.h"
#include "support/temp_dir.h"
#include "unit/discovery/cloud_fixture.h"

namespace narthex::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class SignedCloudTest : public CloudDiscovererTest {
 protected:
  ~SignedCloudTest() override { tasks_.stop(); }
  void run(util::Result<std::unique_ptr<Discoverer>> made) {
    ASSERT_TRUE(made.has_value()) << made.error().message();
    discoverer_ = *std::move(made);
    tasks_.spawn_on(runtime_.executor(), discoverer_->run(&sink_));
  }
  [[nodiscard]] bool has_targets(std::size_t count) const {
    return test::eventually([&] { return sink_.addresses().size() == count; });
  }
  std::function<std::optional<std::string>(const std::string&)> environment() const {
    return [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::nullopt : std::optional(found->second);
    };
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name) << text;
  }
  test::TempDir directory_;
  std::map<std::string, std::string> environment_ = {{"HOME", directory_.path()}};
};

// ---- Google ----

class GceTest : public SignedCloudTest {
 protected:
  GceTest() {
    server_.set(kPath + "?maxResults=500&filter=labels.env%3Dprod",
                R"({"kind":"compute#instanceList","items":[
      {"id":"4321","name":"vm-1","status":"RUNNING","zone":"https://www/zones/z1","machineType":"https://www/machineTypes/e2",
       "networkInterfaces":[{"name":"nic0","network":"https://www/networks/default","subnetwork":"https://www/subnetworks/s","networkIP":"10.128.0.2",
         "accessConfigs":[{"type":"ONE_TO_ONE_NAT","natIP":"34.1.2.3"}]},{"name":"nic1","networkIP":"10.129.0.2"}],
       "tags":{"items":["http","https"]},"metadata":{"items":[{"key":"ssh-keys","value":"k"},{"key":"empty"}]},"labels":{"env":"prod","a-b":"c"}}],
      "nextPageToken":"p/2"})");
    server_.set(
        kPath + "?maxResults=500&filter=labels.env%3Dprod&pageToken=p%2F2",
        R"({"kind":"compute#instanceList","items":[{"id":"1","networkInterfaces":[]},{"id":"2","networkInterfaces":[{"networkIP":"10.128.0.3"}]}]})");
  }
  void start_gce() {
    GoogleSurroundings around{.environment = environment(),
                              .compute_url = server_.url(),
                              .metadata_url = server_.url(),
                              .token_url = server_.url() + "/token"};
    GceOptions options;
    options.project = "p 1";
    options.zone = "z1";
    options.filter = "labels.env=prod";
    options.refresh_interval = std::chrono::seconds(2);
    run(make_gce_discoverer(options, around, context_));
  }
  const std::string kPath = "/compute/v1/projects/p%201/zones/z1/instances";
};

TEST_F(GceTest, InstancesOfAllPagesWithTheMachinesAccount) {
  server_.set("/computeMetadata/v1/instance/service-accounts/default/token",
              R"({"access_token":"machine","expires_in":3599,"token_type":"Bearer"})");
  start_gce();
  ASSERT_TRUE(has_targets(2));
  EXPECT_EQ(meta("10.128.0.2:80", "__meta_gce_"),
            (Texts{{"project", "p 1"},
                   {"zone", "https://www/zones/z1"},
                   {"instance_id", "4321"},
                   {"instance_name", "vm-1"},
                   {"instance_status", "RUNNING"},
                   {"machine_type", "https://www/machineTypes/e2"},
                   {"network", "https://www/networks/default"},
                   {"subnetwork", "https://www/subnetworks/s"},
                   {"private_ip", "10.128.0.2"},
                   {"interface_ipv4_nic0", "10.128.0.2"},
                   {"interface_ipv4_nic1", "10.129.0.2"},
                   {"public_ip", "34.1.2.3"},
                   {"tags", ",http,https,"},
                   {"metadata_ssh_keys", "k"},
                   {"label_env", "prod"},
                   {"label_a_b", "c"}}));
  EXPECT_THAT(server_.last("/computeMetadata"), HasSubstr("Metadata-Flavor: Google\r\n"));
  EXPECT_THAT(server_.last("/compute/"), HasSubstr("Authorization: Bearer machine\r\n"));
  server_.set_reply("/computeMetadata/v1/instance/service-accounts/default/token",
                    {.bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"});
  ASSERT_TRUE(advance_until(
      [&] { return metric("prometheus_sd_refresh_failures_total{mechanism=\"gce\"}") > 0; },
      std::chrono::minutes(1)));
  EXPECT_EQ(sink_.addresses().size(), 2U);
}

TEST_F(GceTest, UsersCredentialsAreRefreshed) {
  write("user.json",
        R"({"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"})");
  environment_["GOOGLE_APPLICATION_CREDENTIALS"] = directory_ / "user.json";
  server_.set("/token", R"({"access_token":"user"})");
  start_gce();
  ASSERT_TRUE(has_targets(2));
  EXPECT_THAT(server_.last("/token"),
              HasSubstr("grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r"));
  EXPECT_THAT(server_.last("/compute/"), HasSubstr("Authorization: Bearer user\r\n"));
}

std::string rsa_key_pem() {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_RSA_gen(2048), &EVP_PKEY_free);
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

TEST_F(GceTest, ServiceAccountsSignForTheirToken) {
  json::object file = {{"type", "service_account"},
                       {"client_email", "me@p.iam.gserviceaccount.com"},
                       {"private_key", rsa_key_pem()},
                       {"private_key_id", "k1"},
                       {"token_uri", server_.url() + "/own-token"}};
  write("account.json", json::serialize(file));
  environment_["GOOGLE_APPLICATION_CREDENTIALS"] = directory_ / "account.json";
  server_.set("/own-token", R"({"access_token":"account","expires_in":3600})");
  start_gce();
  ASSERT_TRUE(has_targets(2));
  EXPECT_THAT(
      server_.last("/own-token"),
      HasSubstr("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="));
  EXPECT_THAT(server_.last("/compute/"), HasSubstr("Authorization: Bearer account\r\n"));
}

// ---- Azure ----

class AzureTest : public SignedCloudTest {
 protected:
  AzureTest() {
    const std::string id = "/subscriptions/sub/resourceGroups/Group1/providers/Microsoft.Compute/";
    const std::string card =
        "/subscriptions/sub/resourceGroups/Group1/providers/Microsoft.Network/networkInterfaces/";
    server_.set("/subscriptions/sub/providers/Microsoft.Compute/virtualMachines",
                R"({"value":[{"id":")" + id + R"(virtualMachines/vm1","name":"vm1",
      "location":"westeurope","tags":{"env-1":"prod"},"properties":{"osProfile":{"computerName":"host1"},"hardwareProfile":{"vmSize":"Standard_B2s"},
      "storageProfile":{"osDisk":{"osType":"Linux"}},"networkProfile":{"networkInterfaces":[{"id":")" +
                    card + R"(second"},{"id":")" + card + R"(first"},{"id":")" + card +
                    R"(gone"}]}}}],
      "nextLink":")" +
                    server_.url() + R"(/page2"})");
    server_.set("/page2", R"({"value":[{"id":")" + id +
                              R"(virtualMachines/dark","name":"dark","properties":{}},
      {"id":"off","name":"off","properties":{"networkProfile":{"networkInterfaces":[{"id":"/nic-of-machine-that-is-off"}]}}}]})");
    server_.set("/subscriptions/sub/providers/Microsoft.Compute/virtualMachineScaleSets",
                R"({"value":[{"id":")" + id + R"(virtualMachineScaleSets/set1","name":"set1"}]})");
    server_.set(id + "virtualMachineScaleSets/set1/virtualMachines",
                R"({"value":[{"id":")" + id + R"(virtualMachineScaleSets/set1/virtualMachines/0",
      "name":"set1_0","location":"westeurope","properties":{"networkProfile":{"networkInterfaces":[{"id":"/nic-of-set"}]}}}]})");
    server_.set(
        card + "second",
        R"({"properties":{"primary":false,"ipConfigurations":[{"properties":{"privateIPAddress":"10.0.0.9"}}]}})");
    server_.set(
        card + "first",
        R"({"properties":{"primary":true,"ipConfigurations":[{"properties":{"privateIPAddress":"10.0.0.4",
      "publicIPAddress":{"id":"x","properties":{"ipAddress":"20.1.2.3"}}}}]}})");
    server_.set(
        "/nic-of-machine-that-is-off",
        R"({"properties":{"ipConfigurations":[{"properties":{"privateIPAddress":"10.0.0.5"}}]}})");
    server_.set(
        "/nic-of-set",
        R"({"properties":{"primary":true,"ipConfigurations":[{"properties":{"privateIPAddress":"10.0.1.4"}}]}})");
  }
  void start_azure(const std::string& method) {
    auto around = azure_surroundings("AzurePublicCloud").value();
    around.environment = environment();
    around.login_url = around.resource_url = around.metadata_url = server_.url();
    AzureOptions options;
    options.authentication_method = method;
    options.subscription_id = "sub";
    options.tenant_id = "ten";
    options.client_id = "cid";
    options.client_secret = "sec";
    options.port = 9100;
    options.refresh_interval = std::chrono::seconds(2);
    run(make_azure_discoverer(options, around, context_));
  }
};

TEST_F(AzureTest, MachinesAloneAndInScaleSets) {
  server_.set("/ten/oauth2/v2.0/token", R"({"access_token":"tok"})");
  start_azure("OAuth");
  ASSERT_TRUE(has_targets(2));
  EXPECT_EQ(meta("10.0.0.4:9100", "__meta_azure_"),
            (Texts{{"subscription_id", "sub"},
                   {"tenant_id", "ten"},
                   {"machine_id",
                    "/subscriptions/sub/resourceGroups/Group1/providers/Microsoft.Compute/"
                    "virtualMachines/vm1"},
                   {"machine_name", "vm1"},
                   {"machine_computer_name", "host1"},
                   {"machine_location", "westeurope"},
                   {"machine_os_type", "Linux"},
                   {"machine_size", "Standard_B2s"},
                   {"machine_resource_group", "Group1"},
                   {"machine_private_ip", "10.0.0.4"},
                   {"machine_public_ip", "20.1.2.3"},
                   {"machine_tag_env_1", "prod"}}));
  EXPECT_EQ(meta("10.0.1.4:9100", "__meta_azure_").at("machine_scale_set"), "set1");
  EXPECT_THAT(server_.last("/ten/"),
              HasSubstr("client_id=cid&client_secret=sec&grant_type=client_credentials&scope="));
  for (const std::string& head : server_.heads()) {
    if (head.starts_with("GET ")) {
      EXPECT_THAT(head, HasSubstr("Authorization: Bearer tok\r\n"));
    }
  }
  EXPECT_THAT(server_.last("/nic-of-set"), HasSubstr("?api-version=2018-10-01&$expand="));
  const auto targets = sink_.targets();
  server_.set("/page2", R"({"value":[],"nextLink":"http://127.0.0.1:1/elsewhere"})");
  ASSERT_TRUE(advance_until(
      [&] { return metric("prometheus_sd_refresh_failures_total{mechanism=\"azure\"}") > 0; },
      std::chrono::minutes(1)));
  EXPECT_EQ(sink_.targets(), targets) << "the token went elsewhere";
}

TEST_F(AzureTest, MachineIdentity) {
  server_.set("/metadata/identity/oauth2/token", R"({"access_token":"mi"})");
  start_azure("ManagedIdentity");
  ASSERT_TRUE(has_targets(2));
  EXPECT_THAT(server_.last("/metadata"), HasSubstr("&client_id=cid"));
  EXPECT_THAT(server_.last("/metadata"), HasSubstr("Metadata: true\r\n"));
  EXPECT_THAT(server_.last("/nic-of-set"), HasSubstr("Authorization: Bearer mi\r\n"));
}

TEST_F(AzureTest, WorkloadIdentity) {
  write("federated", "assertion\n");
  environment_["AZURE_FEDERATED_TOKEN_FILE"] = directory_ / "federated";
  server_.set("/ten/oauth2/v2.0/token", R"({"access_token":"wi"})");
  start_azure("WorkloadIdentity");
  ASSERT_TRUE(has_targets(2));
  EXPECT_THAT(server_.last("/ten/"), HasSubstr("&client_assertion=assertion&"));
  EXPECT_THAT(server_.last("/ten/"), Not(HasSubstr("client_secret")));
}

TEST_F(AzureTest, SdkTakesWhatTheEnvironmentHas) {
  environment_["AZURE_TENANT_ID"] = "ten2";
  environment_["AZURE_CLIENT_ID"] = "cid2";
  environment_["AZURE_CLIENT_SECRET"] = "sec2";
  server_.set("/ten2/oauth2/v2.0/token", R"({"access_token":"sdk"})");
  start_azure("SDK");
  ASSERT_TRUE(has_targets(2));
  EXPECT_THAT(server_.last("/ten2/"), HasSubstr("client_id=cid2&client_secret=sec2"));
}

TEST(AzureEnvironments, AreKnownByName) {
  EXPECT_EQ(azure_surroundings("AZURECHINACLOUD")->resource_url,
            "https://management.chinacloudapi.cn");
  EXPECT_EQ(azure_surroundings("AzureUSGovernment")->login_url, "https://login.microsoftonline.us");
  EXPECT_FALSE(azure_surroundings("Nimbus").has_value());
}

// ---- OVHcloud ----

TEST_F(SignedCloudTest, OvhVirtualServers) {
  server_.set("/1.0/auth/time", "1700000100");
  server_.set("/1.0/vps", R"(["abc","dark","gone"])");
  server_.set(
      "/1.0/vps/abc",
      R"({"offerType":"ssd","monitoringIpBlocks":["1.1.1.0/24","2.2.2.0/24"],"displayName":"abc d","zone":"zone","cluster":"cl","name":"abc",
    "vcore":1,"state":"running","keymap":null,"netbootMode":"local","memoryLimit":2048,
    "model":{"name":"vps-value-1-2-40","availableOptions":[],"maximumAdditionnalIp":16,"offer":"VPS abc","disk":40,"version":"2019v1","vcore":1,"memory":2048,"datacenter":[]}})");
  server_.set("/1.0/vps/abc/ips", R"(["2001:41d0::1","192.0.2.2","192.0.2.1"])");
  server_.set("/1.0/vps/dark", R"({"name":"dark"})");
  server_.set("/1.0/vps/dark/ips", "[]");
  OvhOptions options;
  options.endpoint = server_.url() + "/1.0";
  options.application_key = "ak";
  options.application_secret = "as";
  options.consumer_key = "ck";
  ASSERT_TRUE(finds(options, 1));
  model::LabelsBuilder without_instance(sink_.at("192.0.2.1"));
  EXPECT_EQ(without_instance.get("instance"), "abc");
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"cluster", "cl"},
      {"datacenter", "[]"},
      {"disk", "40"},
      {"display_name", "abc d"},
      {"ipv4", "192.0.2.1"},
      {"ipv6", "2001:41d0::1"},
      {"maximum_additional_ip", "16"},
      {"memory", "2048"},
      {"memory_limit", "2048"},
      {"model_name", "vps-value-1-2-40"},
      {"model_vcore", "1"},
      {"name", "abc"},
      {"netboot_mode", "local"},
      {"offer", "VPS abc"},
      {"offer_type", "ssd"},
      {"state", "running"},
      {"vcore", "1"},
      {"version", "2019v1"},
      {"zone", "zone"}};
  for (const auto& [name, value] : wanted)
    EXPECT_EQ(without_instance.get("__meta_ovhcloud_vps_" + name), value) << name;
  const std::string request = server_.last("/1.0/vps/dark/ips");
  EXPECT_THAT(request, HasSubstr("X-Ovh-Application: ak\r\n"));
  EXPECT_THAT(request, HasSubstr("X-Ovh-Consumer: ck\r\n"));
  const std::size_t at_time = request.find("X-Ovh-Timestamp: ") + 17;
  const std::string time = request.substr(at_time, request.find("\r\n", at_time) - at_time);
  EXPECT_THAT(request,
              HasSubstr("X-Ovh-Signature: $1$" +
                        to_hex(sha1("as+ck+GET+" + server_.url() + "/1.0/vps/dark/ips++" + time))));
}

TEST_F(SignedCloudTest, OvhDedicatedServers) {
  server_.set("/1.0/auth/time", "1700000100");
  server_.set("/1.0/dedicated/server", R"(["ns1.eu"])");
  server_.set(
      "/1.0/dedicated/server/ns1.eu",
      R"({"state":"ok","os":"debian11_64","datacenter":"gra3","rack":"G3","supportLevel":"pro","serverId":1234567,
    "reverse":"r.eu","commercialRange":"Advance-1","linkSpeed":123,"name":"ns1.eu","noIntervention":false})");
  server_.set("/1.0/dedicated/server/ns1.eu/ips",
              R"(["1.2.3.4/32","2001:db8::1","2001:db8:1::/64"])");
  OvhOptions options;
  options.endpoint = server_.url() + "/1.0/";
  options.service = OvhService::kDedicatedServer;
  ASSERT_TRUE(finds(options, 1));
  const model::Labels labels = sink_.at("1.2.3.4");
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"commercial_range", "Advance-1"},
      {"datacenter", "gra3"},
      {"ipv4", "1.2.3.4"},
      {"ipv6", "2001:db8::1"},
      {"link_speed", "123"},
      {"name", "ns1.eu"},
      {"no_intervention", "false"},
      {"os", "debian11_64"},
      {"rack", "G3"},
      {"reverse", "r.eu"},
      {"server_id", "1234567"},
      {"state", "ok"},
      {"support_level", "pro"}};
  for (const auto& [name, value] : wanted)
    EXPECT_EQ(labels.get("__meta_ovhcloud_dedicated_server_" + name), value) << name;
  EXPECT_EQ(labels.get("instance"), "ns1.eu");
  OvhOptions unknown;
  unknown.endpoint = "ovh-mars";
  EXPECT_FALSE(make_discoverer(unknown, context_).has_value());
}

}  // namespace
}  // namespace narthex::discovery
