#include "config/discovery_options.h"

#include <array>
#include <utility>

#include "config/paths.h"

namespace narthex::config {

using discovery::ConsulOptions;
using discovery::DnsOptions;
using discovery::DnsRecordType;
using discovery::DockerOptions;
using discovery::DockerSwarmOptions;
using discovery::FileOptions;
using discovery::HttpOptions;
using discovery::KubernetesOptions;
using discovery::KubernetesRole;
using discovery::ListFilter;
using discovery::ProviderOptions;
using discovery::SwarmRole;

namespace {

ProviderOptions file_options(const SectionValues& from) {
  FileOptions out;
  out.files = words_at(from.values, "files");
  out.refresh_interval = duration_at(from.values, "refresh_interval");
  return out;
}

ProviderOptions http_options(const SectionValues& from) {
  HttpOptions out;
  out.url = text_at(from.values, "url");
  out.refresh_interval = duration_at(from.values, "refresh_interval");
  out.http = from.http;
  return out;
}

DnsRecordType record_type(std::string_view text) {
  std::string type(text);
  for (char& c : type) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  if (type == "A") return DnsRecordType::kA;
  if (type == "AAAA") return DnsRecordType::kAaaa;
  if (type == "MX") return DnsRecordType::kMx;
  return type == "NS" ? DnsRecordType::kNs : DnsRecordType::kSrv;
}

ProviderOptions dns_options(const SectionValues& from) {
  DnsOptions out;
  out.names = words_at(from.values, "names");
  out.type = record_type(text_at(from.values, "type"));
  out.port = number_at(from.values, "port");
  out.refresh_interval = duration_at(from.values, "refresh_interval");
  return out;
}

ProviderOptions consul_options(const SectionValues& from) {
  const yaml::Node& values = from.values;
  ConsulOptions out;
  out.server = text_at(values, "server");
  out.path_prefix = text_at(values, "path_prefix");
  out.token = text_at(values, "token");
  out.datacenter = text_at(values, "datacenter");
  out.name_space = text_at(values, "namespace");
  out.partition = text_at(values, "partition");
  out.tag_separator = text_at(values, "tag_separator");
  out.scheme = text_at(values, "scheme");
  out.username = text_at(values, "username");
  out.password = text_at(values, "password");
  out.allow_stale = flag_at(values, "allow_stale");
  out.services = words_at(values, "services");
  out.tags = words_at(values, "tags");
  out.node_meta = map_at(values, "node_meta");
  out.filter = text_at(values, "filter");
  out.health_filter = text_at(values, "health_filter");
  out.refresh_interval = duration_at(values, "refresh_interval");
  out.http = from.http;
  return out;
}

std::vector<ListFilter> filters_at(const yaml::Node& values, std::string_view key) {
  std::vector<ListFilter> out;
  const yaml::Node* list = values.find(key);
  if (list == nullptr) return out;
  for (const yaml::Node& item : list->items)
    out.push_back({.name = std::string(text_at(item, "name")), .values = words_at(item, "values")});
  return out;
}

ProviderOptions docker_options(const SectionValues& from) {
  DockerOptions out;
  out.host = text_at(from.values, "host");
  out.port = number_at(from.values, "port");
  out.host_networking_host = text_at(from.values, "host_networking_host");
  out.match_first_network = flag_at(from.values, "match_first_network");
  out.filters = filters_at(from.values, "filters");
  out.refresh_interval = duration_at(from.values, "refresh_interval");
  out.http = from.http;
  return out;
}

ProviderOptions dockerswarm_options(const SectionValues& from) {
  const std::string_view role = text_at(from.values, "role");
  DockerSwarmOptions out;
  out.host = text_at(from.values, "host");
  out.role = role == "tasks"   ? SwarmRole::kTasks
             : role == "nodes" ? SwarmRole::kNodes
                               : SwarmRole::kServices;
  out.port = number_at(from.values, "port");
  out.filters = filters_at(from.values, "filters");
  out.refresh_interval = duration_at(from.values, "refresh_interval");
  out.http = from.http;
  return out;
}

KubernetesRole kubernetes_role(std::string_view text) {
  if (text == "node") return KubernetesRole::kNode;
  if (text == "service") return KubernetesRole::kService;
  if (text == "endpoints") return KubernetesRole::kEndpoints;
  if (text == "endpointslice") return KubernetesRole::kEndpointSlice;
  return text == "ingress" ? KubernetesRole::kIngress : KubernetesRole::kPod;
}

ProviderOptions kubernetes_options(const SectionValues& from) {
  const yaml::Node& values = from.values;
  KubernetesOptions out;
  out.role = kubernetes_role(text_at(values, "role"));
  out.api_server = text_at(values, "api_server");
  out.kubeconfig_file = text_at(values, "kubeconfig_file");
  if (const yaml::Node* namespaces = values.find("namespaces")) {
    out.own_namespace = flag_at(*namespaces, "own_namespace");
    out.namespaces = words_at(*namespaces, "names");
  }
  if (const yaml::Node* selectors = values.find("selectors")) {
    for (const yaml::Node& selector : selectors->items) {
      out.selectors.push_back({.role = std::string(text_at(selector, "role")),
                               .label = std::string(text_at(selector, "label")),
                               .field = std::string(text_at(selector, "field"))});
    }
  }
  if (const yaml::Node* attached = values.find("attach_metadata")) {
    out.attach_node = flag_at(*attached, "node");
    out.attach_namespace = flag_at(*attached, "namespace");
    out.attach_deployment = flag_at(*attached, "deployment");
    out.attach_job = flag_at(*attached, "job");
    out.attach_cronjob = flag_at(*attached, "cronjob");
  }
  out.http = from.http;
  return out;
}

// What nearly all of those that ask a provider's API have.
template <class Options>
Options with_common(const SectionValues& from) {
  Options out;
  if constexpr (requires { out.port; }) out.port = number_at(from.values, "port");
  out.refresh_interval = duration_at(from.values, "refresh_interval");
  if constexpr (requires { out.http; }) out.http = from.http;
  return out;
}

http::Secret secret_at(const yaml::Node& values, std::string_view text, std::string_view file) {
  return {.text = std::string(text_at(values, text)), .file = std::string(text_at(values, file))};
}

ProviderOptions digitalocean_options(const SectionValues& from) {
  auto out = with_common<discovery::DigitalOceanOptions>(from);
  const bool is_databases = text_at(from.values, "role") == "databases";
  out.role = is_databases ? discovery::DigitalOceanRole::kDatabases
                          : discovery::DigitalOceanRole::kDroplets;
  return out;
}

ProviderOptions kuma_options(const SectionValues& from) {
  auto out = with_common<discovery::KumaOptions>(from);
  out.server = text_at(from.values, "server");
  out.client_id = text_at(from.values, "client_id");
  out.fetch_timeout = duration_at(from.values, "fetch_timeout");
  return out;
}

template <class Options>
ProviderOptions zookeeper_options(const SectionValues& from) {
  Options out;
  out.servers = words_at(from.values, "servers");
  out.paths = words_at(from.values, "paths");
  out.timeout = duration_at(from.values, "timeout");
  return out;
}

ProviderOptions openstack_options(const SectionValues& from) {
  const yaml::Node& values = from.values;
  const std::string_view role = text_at(values, "role");
  auto out = with_common<discovery::OpenStackOptions>(from);
  out.role = role == "hypervisor"     ? discovery::OpenStackRole::kHypervisor
             : role == "loadbalancer" ? discovery::OpenStackRole::kLoadBalancer
                                      : discovery::OpenStackRole::kInstance;
  out.region = text_at(values, "region");
  out.identity_endpoint = text_at(values, "identity_endpoint");
  out.username = text_at(values, "username");
  out.user_id = text_at(values, "userid");
  out.password = text_at(values, "password");
  out.project_name = text_at(values, "project_name");
  out.project_id = text_at(values, "project_id");
  out.domain_name = text_at(values, "domain_name");
  out.domain_id = text_at(values, "domain_id");
  out.application_credential_name = text_at(values, "application_credential_name");
  out.application_credential_id = text_at(values, "application_credential_id");
  out.application_credential_secret = text_at(values, "application_credential_secret");
  out.all_tenants = flag_at(values, "all_tenants");
  out.availability = text_at(values, "availability");
  out.http.tls = tls_at(values, "tls_config");
  return out;
}

ProviderOptions uyuni_options(const SectionValues& from) {
  auto out = with_common<discovery::UyuniOptions>(from);
  out.server = text_at(from.values, "server");
  out.username = text_at(from.values, "username");
  out.password = text_at(from.values, "password");
  out.entitlement = text_at(from.values, "entitlement");
  out.separator = text_at(from.values, "separator");
  return out;
}

ProviderOptions azure_options(const SectionValues& from) {
  auto out = with_common<discovery::AzureOptions>(from);
  out.environment = text_at(from.values, "environment");
  out.authentication_method = text_at(from.values, "authentication_method");
  out.subscription_id = text_at(from.values, "subscription_id");
  out.tenant_id = text_at(from.values, "tenant_id");
  out.client_id = text_at(from.values, "client_id");
  out.client_secret = text_at(from.values, "client_secret");
  out.resource_group = text_at(from.values, "resource_group");
  return out;
}

ProviderOptions gce_options(const SectionValues& from) {
  auto out = with_common<discovery::GceOptions>(from);
  out.project = text_at(from.values, "project");
  out.zone = text_at(from.values, "zone");
  out.filter = text_at(from.values, "filter");
  out.tag_separator = text_at(from.values, "tag_separator");
  return out;
}

ProviderOptions ovhcloud_options(const SectionValues& from) {
  auto out = with_common<discovery::OvhOptions>(from);
  out.endpoint = text_at(from.values, "endpoint");
  out.application_key = text_at(from.values, "application_key");
  out.application_secret = text_at(from.values, "application_secret");
  out.consumer_key = text_at(from.values, "consumer_key");
  const bool is_vps = text_at(from.values, "service") == "vps";
  out.service = is_vps ? discovery::OvhService::kVps : discovery::OvhService::kDedicatedServer;
  return out;
}

discovery::AmazonAccess amazon_access(const yaml::Node& values) {
  return {.region = std::string(text_at(values, "region")),
          .endpoint = std::string(text_at(values, "endpoint")),
          .access_key = std::string(text_at(values, "access_key")),
          .secret_key = std::string(text_at(values, "secret_key")),
          .profile = std::string(text_at(values, "profile")),
          .role_arn = std::string(text_at(values, "role_arn")),
          .external_id = std::string(text_at(values, "external_id"))};
}

ProviderOptions ec2_options(const SectionValues& from) {
  auto out = with_common<discovery::Ec2Options>(from);
  out.access = amazon_access(from.values);
  out.filters = filters_at(from.values, "filters");
  return out;
}

ProviderOptions lightsail_options(const SectionValues& from) {
  auto out = with_common<discovery::LightsailOptions>(from);
  out.access = amazon_access(from.values);
  return out;
}

// The other roles are refused before.
ProviderOptions aws_options(const SectionValues& from) {
  const bool is_lightsail = text_at(from.values, "role") == "lightsail";
  return is_lightsail ? lightsail_options(from) : ec2_options(from);
}

ProviderOptions eureka_options(const SectionValues& from) {
  auto out = with_common<discovery::EurekaOptions>(from);
  out.server = text_at(from.values, "server");
  return out;
}

ProviderOptions hetzner_options(const SectionValues& from) {
  auto out = with_common<discovery::HetznerOptions>(from);
  const bool is_robot = text_at(from.values, "role") == "robot";
  out.role = is_robot ? discovery::HetznerRole::kRobot : discovery::HetznerRole::kCloud;
  out.label_selector = text_at(from.values, "label_selector");
  return out;
}

ProviderOptions ionos_options(const SectionValues& from) {
  auto out = with_common<discovery::IonosOptions>(from);
  out.datacenter_id = text_at(from.values, "datacenter_id");
  return out;
}

ProviderOptions linode_options(const SectionValues& from) {
  auto out = with_common<discovery::LinodeOptions>(from);
  out.region = text_at(from.values, "region");
  out.tag_separator = text_at(from.values, "tag_separator");
  return out;
}

ProviderOptions marathon_options(const SectionValues& from) {
  auto out = with_common<discovery::MarathonOptions>(from);
  out.servers = words_at(from.values, "servers");
  out.auth_token = secret_at(from.values, "auth_token", "auth_token_file");
  return out;
}

ProviderOptions nomad_options(const SectionValues& from) {
  auto out = with_common<discovery::NomadOptions>(from);
  out.server = text_at(from.values, "server");
  out.name_space = text_at(from.values, "namespace");
  out.region = text_at(from.values, "region");
  out.allow_stale = flag_at(from.values, "allow_stale");
  out.tag_separator = text_at(from.values, "tag_separator");
  return out;
}

ProviderOptions puppetdb_options(const SectionValues& from) {
  auto out = with_common<discovery::PuppetDbOptions>(from);
  out.url = text_at(from.values, "url");
  out.query = text_at(from.values, "query");
  out.include_parameters = flag_at(from.values, "include_parameters");
  return out;
}

ProviderOptions scaleway_options(const SectionValues& from) {
  const yaml::Node& values = from.values;
  auto out = with_common<discovery::ScalewayOptions>(from);
  const bool is_metal = text_at(values, "role") == "baremetal";
  out.role = is_metal ? discovery::ScalewayRole::kBareMetal : discovery::ScalewayRole::kInstance;
  out.project_id = text_at(values, "project_id");
  out.api_url = text_at(values, "api_url");
  out.zone = text_at(values, "zone");
  out.access_key = text_at(values, "access_key");
  out.secret_key = secret_at(values, "secret_key", "secret_key_file");
  out.name_filter = text_at(values, "name_filter");
  out.tags_filter = words_at(values, "tags_filter");
  return out;
}

ProviderOptions triton_options(const SectionValues& from) {
  const yaml::Node& values = from.values;
  auto out = with_common<discovery::TritonOptions>(from);
  const bool is_node = text_at(values, "role") == "cn";
  out.role = is_node ? discovery::TritonRole::kComputeNode : discovery::TritonRole::kContainer;
  out.account = text_at(values, "account");
  out.dns_suffix = text_at(values, "dns_suffix");
  out.endpoint = text_at(values, "endpoint");
  out.groups = words_at(values, "groups");
  out.version = number_at(values, "version");
  out.http.tls = tls_at(values, "tls_config");
  return out;
}

ProviderOptions vultr_options(const SectionValues& from) {
  return with_common<discovery::VultrOptions>(from);
}

using Build = ProviderOptions (*)(const SectionValues&);
constexpr std::array kBuilders = std::to_array<std::pair<std::string_view, Build>>({
    {"aws", aws_options},
    {"azure", azure_options},
    {"consul", consul_options},
    {"digitalocean", digitalocean_options},
    {"dns", dns_options},
    {"docker", docker_options},
    {"dockerswarm", dockerswarm_options},
    {"ec2", ec2_options},
    {"eureka", eureka_options},
    {"file", file_options},
    {"gce", gce_options},
    {"hetzner", hetzner_options},
    {"http", http_options},
    {"ionos", ionos_options},
    {"kubernetes", kubernetes_options},
    {"kuma", kuma_options},
    {"lightsail", lightsail_options},
    {"linode", linode_options},
    {"marathon", marathon_options},
    {"nerve", zookeeper_options<discovery::NerveOptions>},
    {"nomad", nomad_options},
    {"openstack", openstack_options},
    {"ovhcloud", ovhcloud_options},
    {"puppetdb", puppetdb_options},
    {"scaleway", scaleway_options},
    {"serverset", zookeeper_options<discovery::ServersetOptions>},
    {"triton", triton_options},
    {"uyuni", uyuni_options},
    {"vultr", vultr_options},
});

}  // namespace

ProviderBuilder provider_builder(std::string_view name) {
  for (const auto& [mechanism, build] : kBuilders) {
    if (mechanism == name) return build;
  }
  return nullptr;
}

void resolve_paths(http::ClientOptions& http, const std::string& directory) {
  const auto resolve = [&directory](std::string& path) { path = resolve_path(directory, path); };
  if (http.basic_auth) {
    resolve(http.basic_auth->username.file);
    resolve(http.basic_auth->password.file);
  }
  if (http.authorization) resolve(http.authorization->credentials.file);
  const auto resolve_tls = [&resolve](http::TlsOptions& tls) {
    resolve(tls.ca.file);
    resolve(tls.cert.file);
    resolve(tls.key.file);
  };
  resolve_tls(http.tls);
  if (http.oauth2) {
    resolve(http.oauth2->client_secret.file);
    resolve(http.oauth2->client_certificate_key.file);
    resolve_tls(http.oauth2->tls);
  }
  for (http::ConfiguredHeader& header : http.headers) {
    for (std::string& file : header.files) resolve(file);
  }
}

void resolve_paths(ProviderOptions& options, const std::string& directory) {
  std::visit(
      [&directory](auto& settings) {
        if constexpr (requires { settings.http; }) resolve_paths(settings.http, directory);
        if constexpr (requires { settings.kubeconfig_file; })
          settings.kubeconfig_file = resolve_path(directory, settings.kubeconfig_file);
        if constexpr (requires { settings.secret_key.file; })
          settings.secret_key.file = resolve_path(directory, settings.secret_key.file);
        if constexpr (requires { settings.auth_token.file; })
          settings.auth_token.file = resolve_path(directory, settings.auth_token.file);
        if constexpr (requires { settings.files; }) {
          for (std::string& file : settings.files) file = resolve_path(directory, file);
        }
      },
      options);
}

}  // namespace narthex::config
