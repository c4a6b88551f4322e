// Targets from the objects of a Kubernetes cluster.
#pragma once

#include "discovery/context.h"
#include "discovery/kubernetes_access.h"

namespace narthex::discovery {

util::Result<std::unique_ptr<Discoverer>> make_kubernetes_discoverer(
    const KubernetesOptions& options, const Context& context,
    const ClusterSurroundings& around = process_surroundings());

}  // namespace narthex::discovery
