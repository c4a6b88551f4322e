#include <type_traits>

#include "discovery/cloud_sd.h"
#include "discovery/consul_sd.h"
#include "discovery/context.h"
#include "discovery/dns_sd.h"
#include "discovery/docker_sd.h"
#include "discovery/file_sd.h"
#include "discovery/http_sd.h"
#include "discovery/kubernetes_sd.h"

namespace narthex::discovery {
namespace {

using Made = util::Result<std::unique_ptr<Discoverer>>;

Made make(const FileOptions& options, const Context& context) {
  return make_file_discoverer(options, context);
}
Made make(const ConsulOptions& options, const Context& context) {
  return make_consul_discoverer(options, context);
}
Made make(const DockerOptions& options, const Context& context) {
  return make_docker_discoverer(options, context);
}
Made make(const DockerSwarmOptions& options, const Context& context) {
  return make_dockerswarm_discoverer(options, context);
}
Made make(const DnsOptions& options, const Context& context) {
  return make_dns_discoverer(options, context);
}
Made make(const HttpOptions& options, const Context& context) {
  return make_http_discoverer(options, context);
}
Made make(const KubernetesOptions& options, const Context& context) {
  return make_kubernetes_discoverer(options, context);
}
Made make(const DigitalOceanOptions& options, const Context& context) {
  return make_digitalocean_discoverer(options, context);
}
Made make(const AzureOptions& options, const Context& context) {
  return make_azure_discoverer(options, context);
}
Made make(const GceOptions& options, const Context& context) {
  return make_gce_discoverer(options, context);
}
Made make(const OvhOptions& options, const Context& context) {
  return make_ovhcloud_discoverer(options, context);
}
Made make(const OpenStackOptions& options, const Context& context) {
  return make_openstack_discoverer(options, context);
}
Made make(const UyuniOptions& options, const Context& context) {
  return make_uyuni_discoverer(options, context);
}
Made make(const ServersetOptions& options, const Context& context) {
  return make_serverset_discoverer(options, context);
}
Made make(const NerveOptions& options, const Context& context) {
  return make_nerve_discoverer(options, context);
}
Made make(const KumaOptions& options, const Context& context) {
  return make_kuma_discoverer(options, context);
}
Made make(const Ec2Options& options, const Context& context) {
  return make_ec2_discoverer(options, context);
}
Made make(const EurekaOptions& options, const Context& context) {
  return make_eureka_discoverer(options, context);
}
Made make(const LightsailOptions& options, const Context& context) {
  return make_lightsail_discoverer(options, context);
}
Made make(const HetznerOptions& options, const Context& context) {
  return make_hetzner_discoverer(options, context);
}
Made make(const IonosOptions& options, const Context& context) {
  return make_ionos_discoverer(options, context);
}
Made make(const LinodeOptions& options, const Context& context) {
  return make_linode_discoverer(options, context);
}
Made make(const MarathonOptions& options, const Context& context) {
  return make_marathon_discoverer(options, context);
}
Made make(const NomadOptions& options, const Context& context) {
  return make_nomad_discoverer(options, context);
}
Made make(const PuppetDbOptions& options, const Context& context) {
  return make_puppetdb_discoverer(options, context);
}
Made make(const ScalewayOptions& options, const Context& context) {
  return make_scaleway_discoverer(options, context);
}
Made make(const TritonOptions& options, const Context& context) {
  return make_triton_discoverer(options, context);
}
Made make(const VultrOptions& options, const Context& context) {
  return make_vultr_discoverer(options, context);
}

}  // namespace

Made make_discoverer(const ProviderOptions& options, const Context& context) {
  return std::visit([&context](const auto& settings) { return make(settings, context); }, options);
}

std::string mechanism_of(const ProviderOptions& options) {
  return std::visit(
      [](const auto& settings) {
        return std::string(std::remove_cvref_t<decltype(settings)>::kName);
      },
      options);
}

}  // namespace narthex::discovery
