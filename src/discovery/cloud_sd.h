// Discoveries that ask a provider's API for everything, again and again.
#pragma once

#include <memory>

#include "discovery/context.h"

namespace narthex::discovery {

using MadeDiscoverer = util::Result<std::unique_ptr<Discoverer>>;

MadeDiscoverer make_azure_discoverer(const AzureOptions& options, const Context& context);
MadeDiscoverer make_gce_discoverer(const GceOptions& options, const Context& context);
MadeDiscoverer make_ovhcloud_discoverer(const OvhOptions& options, const Context& context);
MadeDiscoverer make_openstack_discoverer(const OpenStackOptions& options, const Context& context);
MadeDiscoverer make_uyuni_discoverer(const UyuniOptions& options, const Context& context);
MadeDiscoverer make_serverset_discoverer(const ServersetOptions& options, const Context& context);
MadeDiscoverer make_nerve_discoverer(const NerveOptions& options, const Context& context);
MadeDiscoverer make_kuma_discoverer(const KumaOptions& options, const Context& context);
MadeDiscoverer make_digitalocean_discoverer(const DigitalOceanOptions& options,
                                            const Context& context);
MadeDiscoverer make_ec2_discoverer(const Ec2Options& options, const Context& context);
MadeDiscoverer make_eureka_discoverer(const EurekaOptions& options, const Context& context);
MadeDiscoverer make_hetzner_discoverer(const HetznerOptions& options, const Context& context);
MadeDiscoverer make_ionos_discoverer(const IonosOptions& options, const Context& context);
MadeDiscoverer make_lightsail_discoverer(const LightsailOptions& options, const Context& context);
MadeDiscoverer make_linode_discoverer(const LinodeOptions& options, const Context& context);
MadeDiscoverer make_marathon_discoverer(const MarathonOptions& options, const Context& context);
MadeDiscoverer make_nomad_discoverer(const NomadOptions& options, const Context& context);
MadeDiscoverer make_puppetdb_discoverer(const PuppetDbOptions& options, const Context& context);
MadeDiscoverer make_scaleway_discoverer(const ScalewayOptions& options, const Context& context);
MadeDiscoverer make_triton_discoverer(const TritonOptions& options, const Context& context);
MadeDiscoverer make_vultr_discoverer(const VultrOptions& options, const Context& context);

}  // namespace narthex::discovery
