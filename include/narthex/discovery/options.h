// Where targets come from: the settings of every kind of service discovery, as the configuration
// has them. Plain values with equality, which decides at a reload whether a discoverer stays.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "narthex/discovery/cloud_options.h"
#include "narthex/http/client_options.h"
#include "narthex/model/labels.h"

namespace narthex::discovery {

// One entry of static_configs.
struct StaticConfig {
  std::vector<std::string> targets;  // host:port each.
  model::Labels labels;              // Given to every one of them.
  friend bool operator==(const StaticConfig&, const StaticConfig&) = default;
};

// Each struct names its mechanism as metrics and messages do; durations are those of
// refresh_interval where nothing else is said. Those of providers' APIs are in cloud_options.h.

struct FileOptions {
  static constexpr const char* kName = "file";
  std::vector<std::string> files;  // Patterns.
  Interval refresh_interval{300'000};
  friend bool operator==(const FileOptions&, const FileOptions&) = default;
};

struct HttpOptions {
  static constexpr const char* kName = "http";
  std::string url;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  friend bool operator==(const HttpOptions&, const HttpOptions&) = default;
};

enum class DnsRecordType : std::uint8_t { kSrv, kA, kAaaa, kMx, kNs };

struct DnsOptions {
  static constexpr const char* kName = "dns";
  std::vector<std::string> names;
  DnsRecordType type = DnsRecordType::kSrv;
  std::int64_t port = 0;  // Of all but SRV.
  Interval refresh_interval{30'000};
  friend bool operator==(const DnsOptions&, const DnsOptions&) = default;
};

using TextPairs = std::vector<std::pair<std::string, std::string>>;  // Sorted by name.

struct ConsulOptions {
  static constexpr const char* kName = "consul";
  std::string server = "localhost:8500";
  std::string path_prefix;
  std::string token;
  std::string datacenter;  // Empty: that of the server.
  std::string name_space;
  std::string partition;
  std::string tag_separator = ",";
  std::string scheme = "http";
  std::string username;
  std::string password;
  bool allow_stale = true;
  std::vector<std::string> services;  // Empty: all.
  std::vector<std::string> tags;      // A service must have all of them.
  TextPairs node_meta;
  std::string filter;                 // Of the catalog.
  std::string health_filter;          // Of a service's instances.
  Interval refresh_interval{30'000};  // Between two queries for the same thing.
  http::ClientOptions http;
  friend bool operator==(const ConsulOptions&, const ConsulOptions&) = default;
};

struct DockerOptions {
  static constexpr const char* kName = "docker";
  std::string host;  // unix:///path, tcp://…, http://…, https://…
  std::int64_t port = 80;
  std::string host_networking_host = "localhost";
  bool match_first_network = true;
  std::vector<ListFilter> filters;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  friend bool operator==(const DockerOptions&, const DockerOptions&) = default;
};

enum class SwarmRole : std::uint8_t { kServices, kTasks, kNodes };

struct DockerSwarmOptions {
  static constexpr const char* kName = "dockerswarm";
  std::string host;  // As for docker.
  SwarmRole role = SwarmRole::kServices;
  std::int64_t port = 80;
  std::vector<ListFilter> filters;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  friend bool operator==(const DockerSwarmOptions&, const DockerSwarmOptions&) = default;
};

enum class KubernetesRole : std::uint8_t {
  kNode,
  kPod,
  kService,
  kEndpoints,
  kEndpointSlice,
  kIngress
};

struct KubernetesSelector {
  std::string role;  // "pod"
  std::string label;
  std::string field;
  friend bool operator==(const KubernetesSelector&, const KubernetesSelector&) = default;
};

struct KubernetesOptions {
  static constexpr const char* kName = "kubernetes";
  KubernetesRole role = KubernetesRole::kPod;
  std::string api_server;  // Empty, and no kubeconfig_file: from inside the cluster.
  std::string kubeconfig_file;
  bool own_namespace = false;
  std::vector<std::string> namespaces;  // Empty: all.
  std::vector<KubernetesSelector> selectors;
  bool attach_node = false;
  bool attach_namespace = false;
  bool attach_deployment = false;
  bool attach_job = false;
  bool attach_cronjob = false;
  http::ClientOptions http;  // With api_server alone.
  friend bool operator==(const KubernetesOptions&, const KubernetesOptions&) = default;
};

using ProviderOptions =
    std::variant<FileOptions, HttpOptions, DnsOptions, ConsulOptions, DockerOptions,
                 DockerSwarmOptions, KubernetesOptions, DigitalOceanOptions, Ec2Options,
                 EurekaOptions, LightsailOptions, HetznerOptions, IonosOptions, LinodeOptions,
                 MarathonOptions, NomadOptions, PuppetDbOptions, ScalewayOptions, TritonOptions,
                 VultrOptions, AzureOptions, GceOptions, OvhOptions, OpenStackOptions, UyuniOptions,
                 ServersetOptions, NerveOptions, KumaOptions>;

// "file", "consul", …
[[nodiscard]] std::string mechanism_of(const ProviderOptions& options);

struct Options {
  std::vector<StaticConfig> static_configs;
  std::vector<ProviderOptions> providers;  // In the order of the configuration.
  friend bool operator==(const Options&, const Options&) = default;
};

}  // namespace narthex::discovery
