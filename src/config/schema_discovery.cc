// The service discoveries: their keys, defaults and rules (reference: configuration, section 6), so
// that a file is judged as Prometheus judges it, also where this build does not have the mechanism.
// What makes settings of them is in discovery_options.cc.
#include <algorithm>
#include <array>
#include <unordered_set>

#include "config/discovery_options.h"
#include "config/section.h"

namespace narthex::config {
namespace {

using Values = yaml::Node;
using Node = yaml::Node;

constexpr std::string_view kEmptyItem = "empty or null section in service discovery configs";

// The keys of nearly all of them.
std::vector<SectionKey> with_refresh(std::vector<SectionKey> keys, std::string_view interval,
                                     std::int64_t port = 0) {
  if (port != 0) keys.push_back(number_key("port", port));
  keys.push_back(duration_key("refresh_interval", interval));
  return keys;
}

SectionShape http_shape(std::string_view type, std::vector<SectionKey> keys) {
  return {type, std::move(keys), true, {}};
}

SectionShape filter_shape(std::string_view type) {
  return {type, {text_key("name"), words_key("values")}, false, {}};
}

void check_url(Decoder& decoder, const Node& node, const Values& values, std::string_view key) {
  const std::string_view url = text_at(values, key);
  if (url.empty()) return decoder.fail(node, "URL is missing");
  const bool is_http = url.starts_with("http://") || url.starts_with("https://");
  if (!is_http) return decoder.fail(node, "URL scheme must be 'http' or 'https'");
  const std::string_view rest = url.substr(url.find("://") + 3);
  if (rest.substr(0, rest.find('/')).empty()) decoder.fail(node, "host is missing in URL");
}

void check_secret_pair(Decoder& decoder, const Node& node, const Values& values) {
  const bool has_text = has_value(values, "secret_key");
  const bool has_file = has_value(values, "secret_key_file");
  if (has_text && has_file) {
    decoder.fail(node, "at most one of secret_key & secret_key_file must be configured");
  } else if (!has_text && !has_file) {
    decoder.fail(node, "one of secret_key & secret_key_file must be configured");
  }
}

// --- Amazon ---

std::vector<SectionKey> amazon_keys() {
  return with_refresh(
      {text_key("endpoint"), text_key("region"), text_key("access_key"), secret_key("secret_key"),
       text_key("profile"), text_key("role_arn"), text_key("external_id")},
      "60s", 80);
}

void check_amazon_filters(Decoder& decoder, const Node& node, const Values& values) {
  const Node* filters = values.find("filters");
  if (filters == nullptr) return;
  for (const Node& filter : filters->items) {
    if (!has_value(filter, "values")) {
      return decoder.fail(node, "EC2 SD configuration filter values cannot be empty");
    }
  }
}

SectionShape ec2_shape() {
  SectionShape shape = http_shape("aws.plain", amazon_keys());
  shape.keys.push_back(list_key("filters", filter_shape("aws.EC2Filter"), std::string(kEmptyItem)));
  shape.validate = check_amazon_filters;
  return shape;
}

SectionShape aws_shape() {
  SectionShape shape = ec2_shape();
  shape.keys.push_back(choice_key("role", {"ec2", "lightsail", "ecs", "msk", "elasticache", "rds"},
                                  "unknown AWS SD role \"{}\""));
  shape.keys.push_back(words_key("clusters"));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    require(decoder, node, values, {"role"}, "AWS SD configuration requires a {}");
    check_amazon_filters(decoder, node, values);
    const std::string_view role = text_at(values, "role");
    if (role != "ec2" && role != "lightsail")
      decoder.not_built(node, fmt::format("the aws role {}", role));
  };
  return shape;
}

// --- Kubernetes ---

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kSelectorsOfRole = {
    {{"pod", "pod, node"},
     {"service", "service"},
     {"endpoints", "pod, service, endpoints"},
     {"endpointslice", "pod, service, endpointslice"},
     {"node", "node"},
     {"ingress", "ingress"}}};

// Whether `word` stands in a list "a, b, c".
bool is_listed(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(", "), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 2, list.size()));
  }
  return false;
}

void check_kubernetes_selectors(Decoder& decoder, const Node& node, const Values& values) {
  const std::string_view role = text_at(values, "role");
  const Node* selectors = values.find("selectors");
  if (selectors == nullptr) return;
  const auto* allowed = std::ranges::find(kSelectorsOfRole, role,
                                          &std::pair<std::string_view, std::string_view>::first);
  if (allowed == kSelectorsOfRole.end()) return;
  std::unordered_set<std::string_view> seen;
  for (const Node& selector : selectors->items) {
    const std::string_view selected = text_at(selector, "role");
    if (!seen.insert(selected).second) {
      return decoder.fail(node, fmt::format("duplicated selector role: {}", selected));
    }
    if (!is_listed(allowed->second, selected)) {
      return decoder.fail(node,
                          fmt::format("{} role supports only {} selectors", role, allowed->second));
    }
  }
}

void check_kubernetes(Decoder& decoder, const Node& node, const Values& values) {
  const bool has_server = has_value(values, "api_server");
  const bool has_kubeconfig = has_value(values, "kubeconfig_file");
  const Node* namespaces = values.find("namespaces");
  const bool is_own = namespaces != nullptr && text_at(*namespaces, "own_namespace") == "true";
  // Any HTTP client key that is not the default shows in what is printed.
  const bool has_client =
      std::ranges::any_of(
          values.entries,
          [](const auto& entry) {
            static constexpr std::array<std::string_view, 8> kOwn = {
                "role",      "api_server",      "kubeconfig_file", "namespaces",
                "selectors", "attach_metadata", "enable_http2",    "follow_redirects"};
            return std::ranges::find(kOwn, std::string_view(entry.first.text)) == kOwn.end();
          }) ||
      text_at(values, "follow_redirects") == "false" || text_at(values, "enable_http2") == "false";
  if (!has_value(values, "role")) {
    return decoder.fail(node,
                        "role missing (one of: pod, service, endpoints, endpointslice, node, "
                        "ingress)");
  }
  if (has_kubeconfig && has_server) {
    return decoder.fail(node, "cannot use 'kubeconfig_file' and 'api_server' simultaneously");
  }
  if (has_kubeconfig && has_client) {
    return decoder.fail(
        node, "cannot use a custom HTTP client configuration together with 'kubeconfig_file'");
  }
  if (!has_server && has_client) {
    return decoder.fail(
        node,
        "to use custom HTTP client configuration please provide the 'api_server' URL "
        "explicitly");
  }
  if (has_server && is_own) {
    return decoder.fail(node,
                        "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously");
  }
  if (has_kubeconfig && is_own) {
    return decoder.fail(
        node, "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously");
  }
  check_kubernetes_selectors(decoder, node, values);
}

SectionShape kubernetes_shape() {
  const auto role = [] {
    return choice_key("role", {"node", "pod", "service", "endpoints", "endpointslice", "ingress"},
                      "unknown Kubernetes SD role \"{}\"");
  };
  SectionShape shape = http_shape(
      "kubernetes.plain",
      {text_key("api_server"), role(), text_key("kubeconfig_file"),
       struct_key("namespaces",
                  {"kubernetes.plain", {flag_key("own_namespace"), words_key("names")}, false, {}}),
       list_key("selectors",
                {"kubernetes.plain", {role(), text_key("label"), text_key("field")}, false, {}},
                std::string(kEmptyItem)),
       struct_key("attach_metadata",
                  {"kubernetes.AttachMetadataConfig",
                   {flag_key("node"), flag_key("namespace"), flag_key("deployment"),
                    flag_key("job"), flag_key("cronjob")},
                   false,
                   {}})});
  shape.validate = check_kubernetes;
  return shape;
}

// --- Files, HTTP, DNS, Consul, Docker ---

bool is_file_pattern(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  const std::string_view extension = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  static constexpr std::array<std::string_view, 6> kExtensions = {"json", "yml", "yaml",
                                                                  "JSON", "YML", "YAML"};
  const std::size_t star = path.find('*');
  return std::ranges::find(kExtensions, extension) != kExtensions.end() &&
         (star == std::string_view::npos || !path.substr(star).contains('/'));
}

SectionShape file_shape() {
  SectionShape shape{
      "file.plain", {words_key("files"), duration_key("refresh_interval", "5m")}, false, {}};
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    if (!has_value(values, "files")) {
      return decoder.fail(node,
                          "file service discovery config must contain at least one path name");
    }
    for (const Node& file : values.find("files")->items) {
      if (is_file_pattern(file.text)) continue;
      return decoder.fail(node, fmt::format("path name {} is not valid for file discovery",
                                            model::quoted(file.text)));
    }
  };
  return shape;
}

SectionShape http_sd_shape() {
  SectionShape shape = http_shape("http.plain", with_refresh({url_key("url")}, "60s"));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    check_url(decoder, node, values, "url");
  };
  return shape;
}

SectionShape dns_shape() {
  SectionShape shape{"dns.plain",
                     {words_key("names"), text_key("type", "SRV"), number_key("port"),
                      duration_key("refresh_interval", "30s")},
                     false,
                     {}};
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    static constexpr std::array<std::string_view, 4> kWithPort = {"A", "AAAA", "MX", "NS"};
    std::string type(text_at(values, "type"));
    std::ranges::transform(type, type.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    });
    if (!has_value(values, "names")) {
      decoder.fail(node, "DNS-SD config must contain at least one SRV record name");
    } else if (type == "SRV") {
      return;
    } else if (std::ranges::find(kWithPort, type) == kWithPort.end()) {
      decoder.fail(node, fmt::format("invalid DNS-SD records type {}", text_at(values, "type")));
    } else if (number_at(values, "port") == 0) {
      decoder.fail(node, "a port is required in DNS-SD configs for all record types except SRV");
    }
  };
  return shape;
}

SectionShape consul_shape() {
  SectionShape shape = http_shape(
      "consul.plain",
      with_refresh(
          {text_key("server", "localhost:8500"), text_key("path_prefix"), secret_key("token"),
           text_key("datacenter"), text_key("namespace"), text_key("partition"),
           text_key("tag_separator", ","), text_key("scheme", "http"), text_key("username"),
           secret_key("password"), flag_key("allow_stale", true), words_key("services"),
           words_key("tags"), map_key("node_meta"), text_key("filter"), text_key("health_filter")},
          "30s"));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    const bool has_user = has_value(values, "username") || has_value(values, "password");
    if (!has_value(values, "server")) {
      decoder.fail(node, "consul SD configuration requires a server address");
    } else if (has_user && has_value(values, "basic_auth")) {
      decoder.fail(node,
                   "at most one of consul SD configuration username and password and basic auth "
                   "can be configured");
    } else if (has_value(values, "token") &&
               (has_value(values, "authorization") || has_value(values, "oauth2"))) {
      decoder.fail(node,
                   "at most one of consul SD token, authorization, or oauth2 can be configured");
    }
  };
  return shape;
}

SectionShape docker_shape() {
  SectionShape shape = http_shape(
      "moby.plain",
      with_refresh({text_key("host"), text_key("host_networking_host", "localhost"),
                    list_key("filters", filter_shape("moby.Filter"), std::string(kEmptyItem)),
                    flag_key("match_first_network", true)},
                   "60s", 80));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    if (!has_value(values, "host")) decoder.fail(node, "host missing");
  };
  return shape;
}

SectionShape dockerswarm_shape() {
  SectionShape shape = http_shape(
      "moby.plain",
      with_refresh({text_key("host"),
                    choice_key("role", {"services", "tasks", "nodes"},
                               "invalid role {}, expected tasks, services, or nodes"),
                    list_key("filters", filter_shape("moby.Filter"), std::string(kEmptyItem))},
                   "60s", 80));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    if (!has_value(values, "host")) return decoder.fail(node, "host missing");
    if (!has_value(values, "role")) {
      decoder.fail(node, "role missing (one of: tasks, services, nodes)");
    }
  };
  return shape;
}

// --- Other clouds ---

SectionShape azure_shape() {
  SectionShape shape = http_shape(
      "azure.plain",
      with_refresh(
          {text_key("environment", "AzurePublicCloud"), text_key("authentication_method", "OAuth"),
           text_key("subscription_id"), text_key("tenant_id"), text_key("client_id"),
           secret_key("client_secret"), text_key("resource_group")},
          "5m", 80));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    const std::string_view method = text_at(values, "authentication_method");
    static constexpr std::array<std::string_view, 4> kMethods = {"OAuth", "ManagedIdentity", "SDK",
                                                                 "WorkloadIdentity"};
    constexpr std::string_view kMessage = "azure SD configuration requires a {}";
    require(decoder, node, values, {"subscription_id"}, kMessage);
    if (method == "OAuth") {
      require(decoder, node, values, {"tenant_id", "client_id", "client_secret"}, kMessage);
    } else if (std::ranges::find(kMethods, method) == kMethods.end()) {
      decoder.fail(node, fmt::format("unknown authentication_type {}. Supported types are "
                                     "\"OAuth\", \"ManagedIdentity\", \"SDK\" or "
                                     "\"WorkloadIdentity\"",
                                     model::quoted(method)));
    }
  };
  return shape;
}

SectionShape gce_shape() {
  SectionShape shape{"gce.plain",
                     with_refresh({text_key("project"), text_key("zone"), text_key("filter"),
                                   text_key("tag_separator", ",")},
                                  "60s", 80),
                     false,
                     {}};
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    require(decoder, node, values, {"project", "zone"}, "GCE SD configuration requires a {}");
  };
  return shape;
}

SectionShape digitalocean_shape() {
  return http_shape("digitalocean.plain",
                    with_refresh({choice_key("role", {"droplets", "databases"},
                                             "unknown role \"{}\"", "droplets")},
                                 "60s", 80));
}

SectionShape hetzner_shape() {
  SectionShape shape = http_shape(
      "hetzner.plain", with_refresh({choice_key("role", {"hcloud", "robot"}, "unknown role \"{}\""),
                                     text_key("label_selector")},
                                    "60s", 80));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    require(decoder, node, values, {"role"}, "{} missing (one of: robot, hcloud)");
  };
  return shape;
}

SectionShape eureka_shape() {
  SectionShape shape = http_shape("eureka.plain", with_refresh({text_key("server")}, "30s"));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    const std::string_view server = text_at(values, "server");
    if (server.empty()) {
      decoder.fail(node, "eureka_sd: empty or null eureka server");
    } else if (const std::size_t scheme = server.find("://");
               scheme == std::string_view::npos || scheme + 3 == server.size()) {
      decoder.fail(node, "invalid eureka server URL");
    }
  };
  return shape;
}

SectionShape openstack_shape() {
  std::vector<SectionKey> keys = {text_key("identity_endpoint"),
                                  text_key("username"),
                                  text_key("userid"),
                                  secret_key("password"),
                                  text_key("project_name"),
                                  text_key("project_id"),
                                  text_key("domain_name"),
                                  text_key("domain_id"),
                                  text_key("application_credential_name"),
                                  text_key("application_credential_id"),
                                  secret_key("application_credential_secret")};
  keys.push_back(choice_key("role", {"hypervisor", "instance", "loadbalancer"},
                            "unknown OpenStack SD role \"{}\""));
  keys.push_back(text_key("region"));
  keys.push_back(flag_key("all_tenants"));
  keys.push_back(choice_key("availability", {"public", "internal", "admin"},
                            "unknown availability {}, must be one of admin, internal or public",
                            "public"));
  keys.push_back(tls_key());
  SectionShape shape{"openstack.plain", with_refresh(std::move(keys), "60s", 80), false, {}};
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    require(decoder, node, values, {"role"},
            "{} missing (one of: instance, hypervisor, loadbalancer)");
    require(decoder, node, values, {"region"}, "openstack SD configuration requires a {}");
  };
  return shape;
}

SectionShape marathon_shape() {
  SectionShape shape = http_shape(
      "marathon.plain",
      with_refresh({words_key("servers"), secret_key("auth_token"), text_key("auth_token_file")},
                   "30s"));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    const bool has_text = has_value(values, "auth_token");
    const bool has_file = has_value(values, "auth_token_file");
    const bool has_bearer =
        node.find("bearer_token") != nullptr || node.find("bearer_token_file") != nullptr;
    if (!has_value(values, "servers")) {
      return decoder.fail(node, "marathon_sd: must contain at least one Marathon server");
    }
    std::string_view problem;
    if (has_text && has_file) {
      problem = "auth_token & auth_token_file";
    } else if (!has_text && !has_file) {
      return;
    } else if (has_value(values, "basic_auth")) {
      problem = "basic_auth, auth_token & auth_token_file";
    } else if (has_bearer) {
      problem = "bearer_token, bearer_token_file, auth_token & auth_token_file";
    } else if (has_value(values, "authorization")) {
      problem = "auth_token, auth_token_file & authorization";
    }
    if (!problem.empty()) {
      decoder.fail(node, fmt::format("marathon_sd: at most one of {} must be configured", problem));
    }
  };
  return shape;
}

SectionShape zookeeper_shape(std::string_view type, std::string_view name) {
  SectionShape shape{
      type, {words_key("servers"), words_key("paths"), duration_key("timeout", "10s")}, false, {}};
  shape.validate = [name](Decoder& decoder, const Node& node, const Values& values) {
    if (!has_value(values, "servers")) {
      return decoder.fail(
          node, fmt::format("{} SD config must contain at least one Zookeeper server", name));
    }
    if (!has_value(values, "paths")) {
      return decoder.fail(node, fmt::format("{} SD config must contain at least one path", name));
    }
    for (const Node& path : values.find("paths")->items) {
      if (path.text.starts_with('/')) continue;
      return decoder.fail(
          node, fmt::format("{} SD config paths must begin with '/': {}", name, path.text));
    }
  };
  return shape;
}

SectionShape oci_shape() {
  SectionShape shape = http_shape(
      "oci.plain",
      with_refresh({text_key("auth", "api_key"), text_key("tenancy"), text_key("user"),
                    text_key("fingerprint"), text_key("key_file"), secret_key("key_passphrase"),
                    text_key("key_passphrase_file"), text_key("region"), words_key("compartments")},
                   "60s", 80));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    const std::string_view auth = text_at(values, "auth");
    if (auth != "api_key" && auth != "instance_principal") {
      return decoder.fail(node, fmt::format("oci_sd: unknown auth method {}, expected \"api_key\" "
                                            "or \"instance_principal\"",
                                            model::quoted(auth)));
    }
    require(decoder, node, values, {"region"}, "oci_sd: {} is required");
    if (auth == "api_key") {
      require(decoder, node, values, {"tenancy", "user", "fingerprint", "key_file"},
              "oci_sd: {} is required for the auth method api_key");
    }
  };
  return shape;
}

SectionShape outscale_shape() {
  SectionShape shape = http_shape(
      "outscale.plain",
      with_refresh({text_key("region", "eu-west-2"), text_key("endpoint"), text_key("access_key"),
                    secret_key("secret_key"), text_key("secret_key_file")},
                   "60s", 80));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    require(decoder, node, values, {"region", "access_key"},
            "outscale SD configuration requires a {}");
    check_secret_pair(decoder, node, values);
  };
  return shape;
}

SectionShape ovhcloud_shape() {
  SectionShape shape{
      "ovhcloud.plain",
      with_refresh({text_key("endpoint", "ovh-eu"), text_key("application_key"),
                    secret_key("application_secret"), secret_key("consumer_key"),
                    choice_key("service", {"vps", "dedicated_server"}, "unknown service: {}")},
                   "60s"),
      false,
      {}};
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    require(decoder, node, values,
            {"endpoint", "application_key", "application_secret", "consumer_key"},
            "{} can not be empty");
    require(decoder, node, values, {"service"}, "unknown {}: ");
  };
  return shape;
}

SectionShape puppetdb_shape() {
  SectionShape shape = http_shape(
      "puppetdb.plain",
      with_refresh({url_key("url"), text_key("query"), flag_key("include_parameters")}, "60s", 80));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    check_url(decoder, node, values, "url");
    require(decoder, node, values, {"query"}, "{} missing");
  };
  return shape;
}

SectionShape scaleway_shape() {
  SectionShape shape = http_shape(
      "scaleway.plain",
      with_refresh({text_key("project_id"), text_key("api_url", "https://api.scaleway.com"),
                    text_key("zone", "fr-par-1"), text_key("access_key"), secret_key("secret_key"),
                    text_key("secret_key_file"), text_key("name_filter"), words_key("tags_filter"),
                    choice_key("role", {"instance", "baremetal"}, "unknown role \"{}\"")},
                   "60s", 80));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    require(decoder, node, values, {"role"}, "{} missing (one of: instance, baremetal)");
    require(decoder, node, values, {"project_id"}, "{} is required");
    check_secret_pair(decoder, node, values);
    require(decoder, node, values, {"access_key"}, "{} is required");
  };
  return shape;
}

SectionShape triton_shape() {
  SectionShape shape{"triton.plain",
                     with_refresh({text_key("account"),
                                   choice_key("role", {"container", "cn"},
                                              "triton SD configuration requires role to be "
                                              "'container' or 'cn'",
                                              "container"),
                                   text_key("dns_suffix"), text_key("endpoint"),
                                   words_key("groups"), number_key("version", 1), tls_key()},
                                  "60s", 9163),
                     false,
                     {}};
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    require(decoder, node, values, {"account", "dns_suffix", "endpoint"},
            "triton SD configuration requires a {}");
    if (number_at(values, "version") <= 0) {
      decoder.fail(node, "triton SD configuration requires a version larger than 0");
    }
  };
  return shape;
}

SectionShape uyuni_shape() {
  SectionShape shape = http_shape(
      "uyuni.plain",
      with_refresh({text_key("server"), text_key("username"), secret_key("password"),
                    text_key("entitlement", "monitoring_entitled"), text_key("separator", ",")},
                   "60s"));
  shape.validate = [](Decoder& decoder, const Node& node, const Values& values) {
    require(decoder, node, values, {"server", "username", "password"},
            "Uyuni SD configuration requires a {}");
  };
  return shape;
}

SectionShape requiring(SectionShape shape, std::string_view key, std::string_view message) {
  shape.validate = [key, message](Decoder& decoder, const Node& node, const Values& values) {
    require(decoder, node, values, {key}, message);
  };
  return shape;
}

std::vector<std::pair<std::string_view, SectionShape>> shapes() {
  return {
      {"aws", aws_shape()},
      {"azure", azure_shape()},
      {"consul", consul_shape()},
      {"digitalocean", digitalocean_shape()},
      {"dns", dns_shape()},
      {"docker", docker_shape()},
      {"dockerswarm", dockerswarm_shape()},
      {"ec2", ec2_shape()},
      {"eureka", eureka_shape()},
      {"file", file_shape()},
      {"gce", gce_shape()},
      {"hetzner", hetzner_shape()},
      {"http", http_sd_shape()},
      {"ionos",
       requiring(http_shape("ionos.plain", with_refresh({text_key("datacenter_id")}, "60s", 80)),
                 "datacenter_id", "datacenter id can't be empty")},
      {"kubernetes", kubernetes_shape()},
      {"kuma",
       requiring(http_shape("xds.plain", with_refresh({text_key("server"), text_key("client_id"),
                                                       duration_key("fetch_timeout", "2m")},
                                                      "30s")),
                 "server", "kuma SD server must not be empty")},
      {"lightsail", http_shape("aws.plain", amazon_keys())},
      {"linode",
       http_shape("linode.plain",
                  with_refresh({text_key("region"), text_key("tag_separator", ",")}, "60s", 80))},
      {"marathon", marathon_shape()},
      {"nerve", zookeeper_shape("zookeeper.plain", "nerve")},
      {"nomad",
       requiring(
           http_shape("nomad.plain",
                      with_refresh({text_key("server", "http://localhost:4646"),
                                    text_key("namespace", "default"), text_key("region", "global"),
                                    flag_key("allow_stale", true), text_key("tag_separator", ",")},
                                   "60s")),
           "server", "nomad SD configuration requires a server address")},
      {"oci", oci_shape()},
      {"openstack", openstack_shape()},
      {"outscale", outscale_shape()},
      {"ovhcloud", ovhcloud_shape()},
      {"puppetdb", puppetdb_shape()},
      {"scaleway", scaleway_shape()},
      {"serverset", zookeeper_shape("zookeeper.plain", "serverset")},
      {"stackit",
       requiring(
           http_shape("stackit.plain",
                      with_refresh(
                          {text_key("project"), text_key("region", "eu01"), text_key("endpoint"),
                           secret_key("private_key"), text_key("private_key_path"),
                           secret_key("service_account_key"), text_key("service_account_key_path")},
                          "60s", 80)),
           "project", "stackit SD configuration requires a project")},
      {"triton", triton_shape()},
      {"uyuni", uyuni_shape()},
      {"vultr", http_shape("vultr.plain", with_refresh({}, "60s", 80))},
  };
}

}  // namespace

std::span<const DiscoverySection> discovery_sections() {
  static const std::vector<DiscoverySection> sections = [] {
    std::vector<DiscoverySection> out;
    for (auto& [name, shape] : shapes()) {
      out.push_back({std::string(name) + "_sd_configs", std::move(shape), provider_builder(name)});
    }
    return out;
  }();
  return sections;
}

}  // namespace narthex::config
