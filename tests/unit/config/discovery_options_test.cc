#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/config/config.h"

namespace narthex::config {
namespace {

using ::testing::ElementsAre;

// The settings of the one discovery that `section` configures in a job of c/f.yml.
discovery::ProviderOptions provider_of(const std::string& section) {
  const auto config = load_text(util::posix_env(),
                                "scrape_configs:\n- job_name: a\n  " + section + "\n", "c/f.yml");
  EXPECT_TRUE(config.has_value()) << config.error().message();
  if (!config) return {};
  EXPECT_TRUE(check_supported(*config).has_value());
  const auto jobs = scrape_jobs(*config);
  EXPECT_EQ(jobs.at(0).discovery.providers.size(), 1U);
  return jobs.at(0).discovery.providers.at(0);
}
template <class T>
T settings_of(const std::string& section) {
  return std::get<T>(provider_of(section));
}

TEST(DiscoverySettings, DefaultsAreThoseOfTheStructs) {
  discovery::FileOptions file;
  file.files = {"c/*.json", "/abs/b.yml"};
  EXPECT_EQ(
      settings_of<discovery::FileOptions>("file_sd_configs: [{files: ['*.json', /abs/b.yml]}]"),
      file);
  discovery::HttpOptions http;
  http.url = "http://u:p@h/x";
  EXPECT_EQ(settings_of<discovery::HttpOptions>("http_sd_configs: [{url: 'http://u:p@h/x'}]"),
            http);
  discovery::DnsOptions dns;
  dns.names = {"a"};
  EXPECT_EQ(settings_of<discovery::DnsOptions>("dns_sd_configs: [{names: [a]}]"), dns);
  EXPECT_EQ(settings_of<discovery::ConsulOptions>("consul_sd_configs: [{}]"),
            discovery::ConsulOptions{});
  discovery::DockerOptions docker;
  docker.host = "unix:///x";
  EXPECT_EQ(settings_of<discovery::DockerOptions>("docker_sd_configs: [{host: 'unix:///x'}]"),
            docker);
  discovery::DockerSwarmOptions swarm;
  swarm.host = "tcp://x";
  EXPECT_EQ(settings_of<discovery::DockerSwarmOptions>(
                "dockerswarm_sd_configs: [{host: 'tcp://x', role: services}]"),
            swarm);
  EXPECT_EQ(settings_of<discovery::KubernetesOptions>("kubernetes_sd_configs: [{role: pod}]"),
            discovery::KubernetesOptions{});
}

TEST(DiscoverySettings, DefaultsOfProvidersAreThoseOfTheStructs) {
  using namespace discovery;  // NOLINT(google-build-using-namespace): all of its options.
  EXPECT_EQ(settings_of<DigitalOceanOptions>("digitalocean_sd_configs: [{}]"),
            DigitalOceanOptions{});
  EXPECT_EQ(settings_of<HetznerOptions>("hetzner_sd_configs: [{role: hcloud}]"), HetznerOptions{});
  IonosOptions ionos;
  ionos.datacenter_id = "d";
  EXPECT_EQ(settings_of<IonosOptions>("ionos_sd_configs: [{datacenter_id: d}]"), ionos);
  EXPECT_EQ(settings_of<LinodeOptions>("linode_sd_configs: [{}]"), LinodeOptions{});
  MarathonOptions marathon;
  marathon.servers = {"http://m"};
  EXPECT_EQ(settings_of<MarathonOptions>("marathon_sd_configs: [{servers: ['http://m']}]"),
            marathon);
  EXPECT_EQ(settings_of<NomadOptions>("nomad_sd_configs: [{}]"), NomadOptions{});
  PuppetDbOptions puppetdb;
  puppetdb.url = "http://p";
  puppetdb.query = "q";
  EXPECT_EQ(settings_of<PuppetDbOptions>("puppetdb_sd_configs: [{url: 'http://p', query: q}]"),
            puppetdb);
  ScalewayOptions scaleway;
  scaleway.project_id = "p";
  scaleway.access_key = "a";
  scaleway.secret_key.text = "s";
  EXPECT_EQ(settings_of<ScalewayOptions>("scaleway_sd_configs: [{role: instance, project_id: p, "
                                         "access_key: a, secret_key: s}]"),
            scaleway);
  TritonOptions triton;
  triton.account = "a";
  triton.dns_suffix = "s";
  triton.endpoint = "e";
  EXPECT_EQ(
      settings_of<TritonOptions>("triton_sd_configs: [{account: a, dns_suffix: s, endpoint: e}]"),
      triton);
  EXPECT_EQ(settings_of<VultrOptions>("vultr_sd_configs: [{}]"), VultrOptions{});
}

TEST(DiscoverySettings, KeysOfSignedRequestsArrive) {
  const auto ec2 = settings_of<discovery::Ec2Options>(
      "ec2_sd_configs: [{region: r, endpoint: e, access_key: a, secret_key: s, profile: p, "
      "role_arn: "
      "o, external_id: x, port: 9, filters: [{name: n, values: [v]}]}]");
  EXPECT_EQ(ec2.access, (discovery::AmazonAccess{"r", "e", "a", "s", "p", "o", "x"}));
  EXPECT_EQ(ec2.filters, (std::vector<discovery::ListFilter>{{"n", {"v"}}}));
  EXPECT_EQ(ec2.port, 9);
  EXPECT_EQ(settings_of<discovery::Ec2Options>("ec2_sd_configs: [{}]"), discovery::Ec2Options{});
  EXPECT_EQ(settings_of<discovery::LightsailOptions>("lightsail_sd_configs: [{}]"),
            discovery::LightsailOptions{});
  EXPECT_EQ(settings_of<discovery::LightsailOptions>("aws_sd_configs: [{role: lightsail}]"),
            discovery::LightsailOptions{});
  EXPECT_EQ(
      settings_of<discovery::Ec2Options>("aws_sd_configs: [{role: ec2, region: r}]").access.region,
      "r");
  EXPECT_EQ(
      settings_of<discovery::EurekaOptions>("eureka_sd_configs: [{server: 'http://e/x'}]").server,
      "http://e/x");
  discovery::GceOptions gce;
  gce.project = "p";
  gce.zone = "z";
  EXPECT_EQ(settings_of<discovery::GceOptions>("gce_sd_configs: [{project: p, zone: z}]"), gce);
  discovery::AzureOptions azure;
  azure.subscription_id = "s";
  azure.tenant_id = "t";
  azure.client_id = "c";
  azure.client_secret = "x";
  EXPECT_EQ(
      settings_of<discovery::AzureOptions>("azure_sd_configs: [{subscription_id: s, tenant_id: "
                                           "t, client_id: c, client_secret: x}]"),
      azure);
  const auto ovh = settings_of<discovery::OvhOptions>(
      "ovhcloud_sd_configs: [{application_key: a, application_secret: s, consumer_key: c, service: "
      "dedicated_server, endpoint: ovh-ca}]");
  EXPECT_EQ(ovh.application_key + ovh.application_secret + ovh.consumer_key + ovh.endpoint,
            "ascovh-ca");
  EXPECT_EQ(ovh.service, discovery::OvhService::kDedicatedServer);
}

TEST(DiscoverySettings, KeysOfOpenStackArrive) {
  discovery::OpenStackOptions plain;
  plain.region = "r";
  EXPECT_EQ(settings_of<discovery::OpenStackOptions>(
                "openstack_sd_configs: [{role: instance, region: r}]"),
            plain);
  const auto full = settings_of<discovery::OpenStackOptions>(
      "openstack_sd_configs: [{role: loadbalancer, region: r, identity_endpoint: i, username: u, "
      "userid: v, password: p, project_name: q, project_id: s, domain_name: d, domain_id: e, "
      "application_credential_name: a, application_credential_id: b, "
      "application_credential_secret: c, all_tenants: true, availability: internal, port: 9, "
      "refresh_interval: 5s, tls_config: {ca_file: ca.pem}}]");
  EXPECT_EQ(full.role, discovery::OpenStackRole::kLoadBalancer);
  EXPECT_EQ(full.identity_endpoint + full.username + full.user_id + full.password, "iuvp");
  EXPECT_EQ(full.project_name + full.project_id + full.domain_name + full.domain_id, "qsde");
  EXPECT_EQ(full.application_credential_name + full.application_credential_id +
                full.application_credential_secret,
            "abc");
  EXPECT_TRUE(full.all_tenants);
  EXPECT_EQ(full.availability, "internal");
  EXPECT_EQ(full.port, 9);
  EXPECT_EQ(full.http.tls.ca.file, "c/ca.pem");
  EXPECT_EQ(settings_of<discovery::OpenStackOptions>(
                "openstack_sd_configs: [{role: hypervisor, region: r}]")
                .role,
            discovery::OpenStackRole::kHypervisor);
}

TEST(DiscoverySettings, KeysOfUyuniZookeeperAndKumaArrive) {
  discovery::UyuniOptions uyuni;
  uyuni.server = "http://u";
  uyuni.username = "n";
  uyuni.password = "p";
  EXPECT_EQ(settings_of<discovery::UyuniOptions>(
                "uyuni_sd_configs: [{server: 'http://u', username: n, password: p}]"),
            uyuni);
  const auto other = settings_of<discovery::UyuniOptions>(
      "uyuni_sd_configs: [{server: 'http://u', username: n, password: p, entitlement: e, "
      "separator: ';'}]");
  EXPECT_EQ(other.entitlement + other.separator, "e;");
  discovery::ServersetOptions serverset;
  serverset.servers = {"z:2181", "y"};
  serverset.paths = {"/a"};
  EXPECT_EQ(settings_of<discovery::ServersetOptions>(
                "serverset_sd_configs: [{servers: ['z:2181', y], paths: [/a]}]"),
            serverset);
  const auto nerve = settings_of<discovery::NerveOptions>(
      "nerve_sd_configs: [{servers: [z], paths: [/a, /b], timeout: 3s}]");
  EXPECT_THAT(nerve.paths, ElementsAre("/a", "/b"));
  EXPECT_EQ(nerve.timeout, std::chrono::seconds(3));
  discovery::KumaOptions kuma;
  kuma.server = "http://k";
  EXPECT_EQ(settings_of<discovery::KumaOptions>("kuma_sd_configs: [{server: 'http://k'}]"), kuma);
  const auto slow = settings_of<discovery::KumaOptions>(
      "kuma_sd_configs: [{server: 'http://k', client_id: c, fetch_timeout: 1s}]");
  EXPECT_EQ(slow.client_id, "c");
  EXPECT_EQ(slow.fetch_timeout, std::chrono::seconds(1));
  EXPECT_EQ(
      settings_of<discovery::DigitalOceanOptions>("digitalocean_sd_configs: [{role: databases}]")
          .role,
      discovery::DigitalOceanRole::kDatabases);
}

TEST(DiscoverySettings, EveryKeyOfProvidersArrives) {
  const auto hetzner = settings_of<discovery::HetznerOptions>(
      "hetzner_sd_configs: [{role: robot, label_selector: l, port: 9, basic_auth: {username: u}}]");
  EXPECT_EQ(hetzner.role, discovery::HetznerRole::kRobot);
  EXPECT_EQ(hetzner.label_selector, "l");
  EXPECT_EQ(hetzner.port, 9);
  EXPECT_EQ(hetzner.http.basic_auth->username.text, "u");
  const auto marathon = settings_of<discovery::MarathonOptions>(
      "marathon_sd_configs: [{servers: [a], auth_token_file: t, refresh_interval: 5s}]");
  EXPECT_EQ(marathon.auth_token.file, "c/t");
  EXPECT_EQ(marathon.refresh_interval, std::chrono::seconds(5));
  const auto nomad = settings_of<discovery::NomadOptions>(
      "nomad_sd_configs: [{server: s, namespace: n, region: r, allow_stale: false, tag_separator: "
      "';'}]");
  EXPECT_EQ(nomad.server + nomad.name_space + nomad.region + nomad.tag_separator, "snr;");
  EXPECT_FALSE(nomad.allow_stale);
  EXPECT_TRUE(settings_of<discovery::PuppetDbOptions>(
                  "puppetdb_sd_configs: [{url: 'http://p', query: q, include_parameters: true}]")
                  .include_parameters);
  const auto scaleway = settings_of<discovery::ScalewayOptions>(
      "scaleway_sd_configs: [{role: baremetal, project_id: p, access_key: a, secret_key_file: k, "
      "zone: z, api_url: 'http://x', name_filter: n, tags_filter: [t, u]}]");
  EXPECT_EQ(scaleway.role, discovery::ScalewayRole::kBareMetal);
  EXPECT_EQ(scaleway.secret_key.file, "c/k");
  EXPECT_EQ(scaleway.zone + scaleway.api_url + scaleway.name_filter, "zhttp://xn");
  EXPECT_THAT(scaleway.tags_filter, ElementsAre("t", "u"));
  const auto triton = settings_of<discovery::TritonOptions>(
      "triton_sd_configs: [{account: a, role: cn, dns_suffix: s, endpoint: e, groups: [g], "
      "version: "
      "2, tls_config: {ca_file: ca.pem, insecure_skip_verify: true}}]");
  EXPECT_EQ(triton.role, discovery::TritonRole::kComputeNode);
  EXPECT_EQ(triton.version, 2);
  EXPECT_EQ(triton.http.tls.ca.file, "c/ca.pem");
  EXPECT_TRUE(triton.http.tls.insecure_skip_verify);
}

TEST(DiscoverySettings, EveryKeyArrives) {
  const auto consul = settings_of<discovery::ConsulOptions>(
      "consul_sd_configs: [{server: 'c:1', token: t, datacenter: d, namespace: n, partition: p, "
      "scheme: https, "
      "allow_stale: false, services: [a, b], tags: [t], node_meta: {k: v}, filter: f, "
      "health_filter: h, "
      "tag_separator: ';', refresh_interval: 5s, tls_config: {ca_file: ca.pem}}]");
  EXPECT_EQ(consul.token, "t");
  EXPECT_FALSE(consul.allow_stale);
  EXPECT_THAT(consul.services, ElementsAre("a", "b"));
  EXPECT_EQ(consul.node_meta, (discovery::TextPairs{{"k", "v"}}));
  EXPECT_EQ(consul.health_filter, "h");
  EXPECT_EQ(consul.refresh_interval, std::chrono::seconds(5));
  EXPECT_EQ(consul.http.tls.ca.file, "c/ca.pem");
  const auto docker = settings_of<discovery::DockerOptions>(
      "docker_sd_configs: [{host: 'tcp://x', port: 9, match_first_network: false, filters: [{name: "
      "l, values: [a, b]}]}]");
  EXPECT_EQ(docker.port, 9);
  EXPECT_FALSE(docker.match_first_network);
  ASSERT_EQ(docker.filters.size(), 1U);
  EXPECT_THAT(docker.filters[0].values, ElementsAre("a", "b"));
  const auto kubernetes = settings_of<discovery::KubernetesOptions>(
      "kubernetes_sd_configs: [{role: endpoints, kubeconfig_file: k, namespaces: {names: [x]}, "
      "selectors: [{role: pod, label: l, field: f}], attach_metadata: {node: true, cronjob: "
      "true}}]");
  EXPECT_EQ(kubernetes.role, discovery::KubernetesRole::kEndpoints);
  EXPECT_EQ(kubernetes.kubeconfig_file, "c/k");
  EXPECT_THAT(kubernetes.namespaces, ElementsAre("x"));
  EXPECT_EQ(kubernetes.selectors.at(0).field, "f");
  EXPECT_TRUE(kubernetes.attach_node);
  EXPECT_TRUE(kubernetes.attach_cronjob);
  EXPECT_FALSE(kubernetes.attach_job);
  EXPECT_EQ(
      settings_of<discovery::DnsOptions>("dns_sd_configs: [{names: [a], type: aaaa, port: 5}]")
          .type,
      discovery::DnsRecordType::kAaaa);
}

}  // namespace
}  // namespace narthex::config
