// Targets from the services of a Consul cluster, followed by blocking queries.
#pragma once

#include "discovery/context.h"

namespace narthex::discovery {

util::Result<std::unique_ptr<Discoverer>> make_consul_discoverer(const ConsulOptions& options,
                                                                 const Context& context);

}  // namespace narthex::discovery
