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

using Build = ProviderOptions (*)(const SectionValues&);
constexpr std::array kBuilders = std::to_array<std::pair<std::string_view, Build>>({
    {"consul", consul_options},
    {"dns", dns_options},
    {"docker", docker_options},
    {"dockerswarm", dockerswarm_options},
    {"file", file_options},
    {"http", http_options},
    {"kubernetes", kubernetes_options},
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
        if constexpr (requires { settings.files; }) {
          for (std::string& file : settings.files) file = resolve_path(directory, file);
        }
      },
      options);
}

}  // namespace narthex::config
