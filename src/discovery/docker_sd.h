// Targets from the containers of a Docker daemon, and from the services, tasks and nodes of a
// Swarm.
#pragma once

#include "discovery/context.h"

namespace narthex::discovery {

util::Result<std::unique_ptr<Discoverer>> make_docker_discoverer(const DockerOptions& options,
                                                                 const Context& context);
util::Result<std::unique_ptr<Discoverer>> make_dockerswarm_discoverer(
    const DockerSwarmOptions& options, const Context& context);

}  // namespace narthex::discovery
