// How to reach a Kubernetes API server: given, from a kubeconfig file, or from inside the cluster.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/discovery/options.h"
#include "narthex/http/client_options.h"
#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::discovery {

struct KubernetesAccess {
  std::string server;  // URL without a slash at its end.
  http::ClientOptions http;
  std::vector<std::string> namespaces;  // One empty name: all.
};

// What stands around a process in a cluster.
struct ClusterSurroundings {
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::string service_account_dir = "/var/run/secrets/kubernetes.io/serviceaccount";
};
[[nodiscard]] ClusterSurroundings process_surroundings();

util::Result<KubernetesAccess> kubernetes_access(const KubernetesOptions& options, util::Env& env,
                                                 const ClusterSurroundings& around);

}  // namespace narthex::discovery
