// Hypervisors, instances and load balancers of OpenStack.
#pragma once

#include "discovery/cloud_sd.h"
#include "discovery/openstack_keystone.h"

namespace narthex::discovery {

MadeDiscoverer make_openstack_discoverer(const OpenStackOptions& options,
                                         const EnvironmentVariables& environment,
                                         const Context& context);

}  // namespace narthex::discovery
