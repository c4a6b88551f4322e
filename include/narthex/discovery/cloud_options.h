// Settings of the discoveries that ask a provider's API. Where `api` is the provider's own address,
// no configuration says otherwise: tests do.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "narthex/http/client_options.h"

namespace narthex::discovery {

using Interval = std::chrono::milliseconds;

// Whose account at Amazon, and where.
struct AmazonAccess {
  std::string region;      // Empty: that of the environment or the machine.
  std::string endpoint;    // URL or host; empty: that of the region.
  std::string access_key;  // Empty, as the secret: looked for where Amazon's tools look.
  std::string secret_key;
  std::string profile;
  std::string role_arn;  // Taken on with these keys.
  std::string external_id;
  friend bool operator==(const AmazonAccess&, const AmazonAccess&) = default;
};

// One entry of a `filters` list.
struct ListFilter {
  std::string name;
  std::vector<std::string> values;
  friend bool operator==(const ListFilter&, const ListFilter&) = default;
};

struct AzureOptions {
  static constexpr const char* kName = "azure";
  std::string environment = "AzurePublicCloud";
  std::string authentication_method = "OAuth";
  std::string subscription_id;
  std::string tenant_id;
  std::string client_id;
  std::string client_secret;
  std::string resource_group;  // Empty: all.
  std::int64_t port = 80;
  Interval refresh_interval{300'000};
  http::ClientOptions http;
  friend bool operator==(const AzureOptions&, const AzureOptions&) = default;
};

struct GceOptions {
  static constexpr const char* kName = "gce";
  std::string project;
  std::string zone;
  std::string filter;
  std::string tag_separator = ",";
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  friend bool operator==(const GceOptions&, const GceOptions&) = default;
};

enum class OvhService : std::uint8_t { kVps, kDedicatedServer };

struct OvhOptions {
  static constexpr const char* kName = "ovhcloud";
  std::string endpoint = "ovh-eu";  // A region's name, or a URL.
  std::string application_key;
  std::string application_secret;
  std::string consumer_key;
  OvhService service = OvhService::kVps;
  Interval refresh_interval{60'000};
  friend bool operator==(const OvhOptions&, const OvhOptions&) = default;
};

struct Ec2Options {
  static constexpr const char* kName = "ec2";
  AmazonAccess access;
  std::vector<ListFilter> filters;
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  friend bool operator==(const Ec2Options&, const Ec2Options&) = default;
};

struct LightsailOptions {
  static constexpr const char* kName = "lightsail";
  AmazonAccess access;
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  friend bool operator==(const LightsailOptions&, const LightsailOptions&) = default;
};

struct EurekaOptions {
  static constexpr const char* kName = "eureka";
  std::string server;  // URL.
  Interval refresh_interval{30'000};
  http::ClientOptions http;
  friend bool operator==(const EurekaOptions&, const EurekaOptions&) = default;
};

enum class DigitalOceanRole : std::uint8_t { kDroplets, kDatabases };

struct DigitalOceanOptions {
  static constexpr const char* kName = "digitalocean";
  DigitalOceanRole role = DigitalOceanRole::kDroplets;
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  std::string api = "https://api.digitalocean.com";
  friend bool operator==(const DigitalOceanOptions&, const DigitalOceanOptions&) = default;
};

enum class HetznerRole : std::uint8_t { kCloud, kRobot };

struct HetznerOptions {
  static constexpr const char* kName = "hetzner";
  HetznerRole role = HetznerRole::kCloud;
  std::string label_selector;  // Of servers in the cloud.
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  std::string cloud_api = "https://api.hetzner.cloud";
  std::string robot_api = "https://robot-ws.your-server.de";
  friend bool operator==(const HetznerOptions&, const HetznerOptions&) = default;
};

struct IonosOptions {
  static constexpr const char* kName = "ionos";
  std::string datacenter_id;
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  std::string api = "https://api.ionos.com";
  friend bool operator==(const IonosOptions&, const IonosOptions&) = default;
};

struct KumaOptions {
  static constexpr const char* kName = "kuma";
  std::string server;               // URL.
  std::string client_id;            // Empty: the name of this machine.
  Interval fetch_timeout{120'000};  // How long the server may hold a request back.
  Interval refresh_interval{30'000};
  http::ClientOptions http;
  friend bool operator==(const KumaOptions&, const KumaOptions&) = default;
};

struct LinodeOptions {
  static constexpr const char* kName = "linode";
  std::string region;  // Empty: all.
  std::string tag_separator = ",";
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  std::string api = "https://api.linode.com";
  friend bool operator==(const LinodeOptions&, const LinodeOptions&) = default;
};

struct MarathonOptions {
  static constexpr const char* kName = "marathon";
  std::vector<std::string> servers;  // URLs; any of them will do.
  http::Secret auth_token;
  Interval refresh_interval{30'000};
  http::ClientOptions http;
  friend bool operator==(const MarathonOptions&, const MarathonOptions&) = default;
};

// Members that announce themselves in ZooKeeper, in the way of Nerve.
struct NerveOptions {
  static constexpr const char* kName = "nerve";
  std::vector<std::string> servers;  // host:port; any of them will do.
  std::vector<std::string> paths;
  Interval timeout{10'000};  // Of the session.
  friend bool operator==(const NerveOptions&, const NerveOptions&) = default;
};

// The same in the way of Twitter's serversets.
struct ServersetOptions {
  static constexpr const char* kName = "serverset";
  std::vector<std::string> servers;
  std::vector<std::string> paths;
  Interval timeout{10'000};
  friend bool operator==(const ServersetOptions&, const ServersetOptions&) = default;
};

struct NomadOptions {
  static constexpr const char* kName = "nomad";
  std::string server = "http://localhost:4646";
  std::string name_space = "default";
  std::string region = "global";
  bool allow_stale = true;
  std::string tag_separator = ",";
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  friend bool operator==(const NomadOptions&, const NomadOptions&) = default;
};

enum class OpenStackRole : std::uint8_t { kInstance, kHypervisor, kLoadBalancer };

struct OpenStackOptions {
  static constexpr const char* kName = "openstack";
  OpenStackRole role = OpenStackRole::kInstance;
  std::string region;
  std::string identity_endpoint;  // URL; empty: it and who we are come from the environment.
  std::string username;
  std::string user_id;
  std::string password;
  std::string project_name;
  std::string project_id;
  std::string domain_name;
  std::string domain_id;
  std::string application_credential_name;
  std::string application_credential_id;
  std::string application_credential_secret;
  bool all_tenants = false;
  std::string availability = "public";
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  http::ClientOptions http;  // Nothing but its TLS settings.
  friend bool operator==(const OpenStackOptions&, const OpenStackOptions&) = default;
};

struct PuppetDbOptions {
  static constexpr const char* kName = "puppetdb";
  std::string url;
  std::string query;
  bool include_parameters = false;
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  friend bool operator==(const PuppetDbOptions&, const PuppetDbOptions&) = default;
};

enum class ScalewayRole : std::uint8_t { kInstance, kBareMetal };

struct ScalewayOptions {
  static constexpr const char* kName = "scaleway";
  ScalewayRole role = ScalewayRole::kInstance;
  std::string project_id;
  std::string api_url = "https://api.scaleway.com";
  std::string zone = "fr-par-1";
  std::string access_key;
  http::Secret secret_key;
  std::string name_filter;
  std::vector<std::string> tags_filter;  // A server has all of them.
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  friend bool operator==(const ScalewayOptions&, const ScalewayOptions&) = default;
};

enum class TritonRole : std::uint8_t { kContainer, kComputeNode };

struct TritonOptions {
  static constexpr const char* kName = "triton";
  TritonRole role = TritonRole::kContainer;
  std::string account;
  std::string dns_suffix;
  std::string endpoint;             // Host name.
  std::vector<std::string> groups;  // Of containers; empty: all.
  std::int64_t port = 9163;         // Of the API as of the targets.
  std::int64_t version = 1;
  Interval refresh_interval{60'000};
  http::ClientOptions http;  // Nothing but its TLS settings.
  std::string scheme = "https";
  friend bool operator==(const TritonOptions&, const TritonOptions&) = default;
};

struct UyuniOptions {
  static constexpr const char* kName = "uyuni";
  std::string server;  // URL.
  std::string username;
  std::string password;
  std::string entitlement = "monitoring_entitled";
  std::string separator = ",";
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  friend bool operator==(const UyuniOptions&, const UyuniOptions&) = default;
};

struct VultrOptions {
  static constexpr const char* kName = "vultr";
  std::int64_t port = 80;
  Interval refresh_interval{60'000};
  http::ClientOptions http;
  std::string api = "https://api.vultr.com";
  friend bool operator==(const VultrOptions&, const VultrOptions&) = default;
};

}  // namespace narthex::discovery
