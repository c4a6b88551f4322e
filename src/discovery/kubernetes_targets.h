// From Kubernetes objects to target groups: what each role makes of an object and of those that it
// refers to.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "narthex/discovery/options.h"
#include "narthex/discovery/target_group.h"

#include "discovery/json.h"

namespace narthex::discovery {

// Collections that are watched.
enum class KubernetesKind : std::uint8_t {
  kNode,
  kPod,
  kService,
  kEndpoints,
  kEndpointSlice,
  kIngress,
  kNamespace,
  kReplicaSet,
  kJob
};

// "namespace/name", or "name" where there are no namespaces.
[[nodiscard]] std::string object_key(const json::value& object);

// An object by its kind and key; null when it is not there, or its kind is not watched.
using ObjectLookup = std::function<const json::value*(KubernetesKind kind, const std::string& key)>;

// The group of one object of the role's own kind. Without targets when it has none yet.
[[nodiscard]] TargetGroup kubernetes_group(const KubernetesOptions& options,
                                           const json::value& object, const ObjectLookup& look_up);
// The source of that group.
[[nodiscard]] std::string kubernetes_source(KubernetesRole role, std::string_view key);

}  // namespace narthex::discovery
