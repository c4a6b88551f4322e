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
