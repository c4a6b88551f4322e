#include "discovery/kubernetes_targets.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "narthex/util/check.h"

namespace narthex::discovery {
namespace {

using Kind = KubernetesKind;

constexpr std::string_view kPrefix = "__meta_kubernetes_";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string number_text(const json::value& number) {
  return std::to_string(int_of(number));
}

// x_label_<name> and x_labelpresent_<name> of each, in the same way annotations.
void add_each_present(MetaLabels& labels, const std::string& what, const json::object& members) {
  labels.set_each(what + "_", members);
  for (const auto& member : members) {
    labels.set(
        what + "present_" + sanitised(std::string_view(member.key().data(), member.key().size())),
        "true");
  }
}

void add_labels_and_annotations(MetaLabels& labels, const std::string& object_name,
                                const json::value& object) {
  add_each_present(labels, object_name + "_label", object_at(object, "metadata", "labels"));
  add_each_present(labels, object_name + "_annotation",
                   object_at(object, "metadata", "annotations"));
}

void add_metadata(MetaLabels& labels, const std::string& object_name, const json::value& object) {
  labels.set(object_name + "_name", text_at(object, "metadata", "name"));
  add_labels_and_annotations(labels, object_name, object);
}

std::string namespaced(std::string_view name_space, std::string_view name) {
  return name_space.empty() ? std::string(name) : std::string(name_space) + "/" + std::string(name);
}

// The owner that controls the object; null when there is none.
const json::value& controller_of(const json::value& object) {
  for (const json::value& owner : list_at(object, "metadata", "ownerReferences")) {
    if (bool_of(at(owner, "controller"))) return owner;
  }
  static const json::value nobody;
  return nobody;
}

// One group while it is being built.
class GroupBuilder {
 public:
  GroupBuilder(const KubernetesOptions& options, const json::value& object,
               const ObjectLookup& look_up)
      : options_(options),
        look_up_(look_up),
        object_(object),
        name_space_(text_at(object, "metadata", "namespace")) {}

  TargetGroup build();

 private:
  struct Container {
    const json::value* container;
    bool is_init;
  };
  // A pod that endpoints have named, and the ports that they gave for it.
  struct SeenPod {
    const json::value* pod = nullptr;
    std::vector<std::int64_t> ports;
  };

  void build_node();
  void build_pod();
  void build_service();
  void build_endpoints();
  void build_endpoint_slice();
  void build_ingress();

  void attach_node(MetaLabels& labels, std::string_view name) const;
  void attach_namespace(MetaLabels& labels) const;
  void add_pod_labels(MetaLabels& labels, const json::value& pod) const;
  void add_owner_labels(MetaLabels& labels, const json::value& pod) const;
  void add_service_labels(std::string_view name);
  void add_endpoint(const json::value& address, const json::value& port, std::string_view ready);
  void add_slice_address(const json::value& endpoint, const json::value& port,
                         std::string_view address);
  void add_pod_target(MetaLabels labels, const json::value* reference, std::int64_t port);
  void add_other_ports_of_seen_pods();
  static std::vector<Container> containers_of(const json::value& pod);
  static void add_container(MetaLabels& labels, const Container& container);
  static void add_container_port(MetaLabels& labels, const json::value& port);

  const KubernetesOptions& options_;
  const ObjectLookup& look_up_;
  const json::value& object_;
  const std::string_view name_space_;
  MetaLabels common_{kPrefix};
  std::vector<model::Labels> targets_;
  std::map<std::string, SeenPod> seen_pods_;
};

void GroupBuilder::attach_node(MetaLabels& labels, std::string_view name) const {
  if (!options_.attach_node || name.empty()) return;
  const json::value* node = look_up_(Kind::kNode, std::string(name));
  if (node != nullptr) add_metadata(labels, "node", *node);
}

void GroupBuilder::attach_namespace(MetaLabels& labels) const {
  if (!options_.attach_namespace || name_space_.empty()) return;
  const json::value* found = look_up_(Kind::kNamespace, std::string(name_space_));
  if (found != nullptr) add_labels_and_annotations(labels, "namespace", *found);
}

std::vector<GroupBuilder::Container> GroupBuilder::containers_of(const json::value& pod) {
  std::vector<Container> out;
  for (const json::value& container : list_at(pod, "spec", "containers"))
    out.push_back({&container, false});
  for (const json::value& container : list_at(pod, "spec", "initContainers"))
    out.push_back({&container, true});
  return out;
}

void GroupBuilder::add_container(MetaLabels& labels, const Container& container) {
  labels.set("pod_container_name", text_at(*container.container, "name"));
  labels.set("pod_container_image", text_at(*container.container, "image"));
  labels.set("pod_container_init", container.is_init);
}

void GroupBuilder::add_container_port(MetaLabels& labels, const json::value& port) {
  const std::string_view protocol = text_at(port, "protocol");
  labels.set("pod_container_port_name", text_at(port, "name"));
  labels.set("pod_container_port_number", number_text(at(port, "containerPort")));
  labels.set("pod_container_port_protocol", protocol.empty() ? "TCP" : protocol);
}

// What controls a pod, and what controls that.
void GroupBuilder::add_owner_labels(MetaLabels& labels, const json::value& pod) const {
  const json::value& controller = controller_of(pod);
  const std::string_view kind = text_at(controller, "kind");
  const std::string_view name = text_at(controller, "name");
  labels.set("pod_controller_kind", kind);
  labels.set("pod_controller_name", name);
  const std::string key = namespaced(text_at(pod, "metadata", "namespace"), name);
  if (options_.attach_deployment && kind == "ReplicaSet") {
    const json::value* set = look_up_(Kind::kReplicaSet, key);
    if (set != nullptr && text_at(controller_of(*set), "kind") == "Deployment")
      labels.set("pod_deployment_name", text_at(controller_of(*set), "name"));
  }
  if (kind != "Job") return;
  if (options_.attach_job) labels.set("pod_job_name", name);
  if (options_.attach_cronjob) {
    const json::value* job = look_up_(Kind::kJob, key);
    if (job != nullptr && text_at(controller_of(*job), "kind") == "CronJob")
      labels.set("pod_cronjob_name", text_at(controller_of(*job), "name"));
  }
}

void GroupBuilder::add_pod_labels(MetaLabels& labels, const json::value& pod) const {
  std::string ready = "unknown";
  for (const json::value& condition : list_at(pod, "status", "conditions")) {
    if (text_at(condition, "type") == "Ready") ready = lower(text_at(condition, "status"));
  }
  add_metadata(labels, "pod", pod);
  labels.set("pod_ip", text_at(pod, "status", "podIP"));
  labels.set("pod_ready", ready);
  labels.set("pod_phase", text_at(pod, "status", "phase"));
  labels.set("pod_node_name", text_at(pod, "spec", "nodeName"));
  labels.set("pod_host_ip", text_at(pod, "status", "hostIP"));
  labels.set("pod_uid", text_at(pod, "metadata", "uid"));
  add_owner_labels(labels, pod);
}

void GroupBuilder::build_node() {
  static constexpr std::array<std::string_view, 6> kOrder = {
      "InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"};
  std::map<std::string_view, std::string_view> addresses;  // The first of each type.
  for (const json::value& address : list_at(object_, "status", "addresses"))
    addresses.try_emplace(text_at(address, "type"), text_at(address, "address"));
  const auto best = std::ranges::find_if(
      kOrder, [&addresses](std::string_view type) { return addresses.contains(type); });
  add_metadata(common_, "node", object_);
  common_.set("node_provider_id", text_at(object_, "spec", "providerID"));
  for (const json::value& condition : list_at(object_, "status", "conditions")) {
    common_.set("node_condition_" + sanitised(text_at(condition, "type")),
                lower(text_at(condition, "status")));
  }
  if (best == kOrder.end()) return;  // Not up yet.
  MetaLabels target(kPrefix);
  target.set_address(addresses[*best],
                     int_of(at(object_, "status", "daemonEndpoints", "kubeletEndpoint", "Port")));
  target.set_plain("instance", text_at(object_, "metadata", "name"));
  for (const auto& [type, address] : addresses)
    target.set("node_address_" + sanitised(type), address);
  targets_.push_back(target.build());
}

void GroupBuilder::build_pod() {
  const std::string_view ip = text_at(object_, "status", "podIP");
  common_.set("namespace", name_space_);
  add_pod_labels(common_, object_);
  attach_node(common_, text_at(object_, "spec", "nodeName"));
  attach_namespace(common_);
  if (ip.empty()) return;
  std::map<std::string_view, std::string_view> ids;
  for (const std::string_view key : {"containerStatuses", "initContainerStatuses"}) {
    for (const json::value& status : list_at(object_, "status", key))
      ids[text_at(status, "name")] = text_at(status, "containerID");
  }
  for (const Container& container : containers_of(object_)) {
    MetaLabels labels(kPrefix);
    add_container(labels, container);
    const auto id = ids.find(text_at(*container.container, "name"));
    if (id != ids.end()) labels.set("pod_container_id", id->second);
    const json::array& ports = list_at(*container.container, "ports");
    if (ports.empty()) {
      // An address without a port: relabelling may add one.
      labels.set_plain("__address__", ip.find(':') == std::string_view::npos
                                          ? std::string(ip)
                                          : "[" + std::string(ip) + "]");
      targets_.push_back(labels.build());
    }
    for (const json::value& port : ports) {
      MetaLabels target(kPrefix, labels.build());
      add_container_port(target, port);
      target.set_address(ip, int_of(at(port, "containerPort")));
      targets_.push_back(target.build());
    }
  }
}

void GroupBuilder::build_service() {
  const std::string_view name = text_at(object_, "metadata", "name");
  const std::string_view type = text_at(object_, "spec", "type");
  common_.set("namespace", name_space_);
  add_metadata(common_, "service", object_);
  attach_namespace(common_);
  for (const json::value& port : list_at(object_, "spec", "ports")) {
    MetaLabels target(kPrefix);
    const std::string_view protocol = text_at(port, "protocol");
    target.set_address(std::string(name) + "." + std::string(name_space_) + ".svc",
                       int_of(at(port, "port")));
    target.set("service_port_name", text_at(port, "name"));
    target.set("service_port_number", number_text(at(port, "port")));
    target.set("service_port_protocol", protocol.empty() ? "TCP" : protocol);
    target.set("service_type", type);
    if (type == "ExternalName") {
      target.set("service_external_name", text_at(object_, "spec", "externalName"));
    } else {
      target.set("service_cluster_ip", text_at(object_, "spec", "clusterIP"));
    }
    if (type == "LoadBalancer")
      target.set("service_loadbalancer_ip", text_at(object_, "spec", "loadBalancerIP"));
    targets_.push_back(target.build());
  }
}

void GroupBuilder::add_service_labels(std::string_view name) {
  const json::value* service = look_up_(Kind::kService, namespaced(name_space_, name));
  if (service != nullptr) add_metadata(common_, "service", *service);
}

// Adds the target of an address, with the labels of the pod behind it.
void GroupBuilder::add_pod_target(MetaLabels labels, const json::value* reference,
                                  std::int64_t port) {
  const json::value* pod = nullptr;
  std::string key;
  if (reference != nullptr && text_at(*reference, "kind") == "Pod") {
    const std::string_view own = text_at(*reference, "namespace");
    key = namespaced(own.empty() ? name_space_ : own, text_at(*reference, "name"));
    pod = look_up_(Kind::kPod, key);
  }
  if (pod != nullptr) {
    SeenPod& seen = seen_pods_[key];
    seen.pod = pod;
    seen.ports.push_back(port);
    add_pod_labels(labels, *pod);
    for (const Container& container : containers_of(*pod)) {
      const json::array& ports = list_at(*container.container, "ports");
      const auto same = std::ranges::find_if(ports, [port](const json::value& candidate) {
        return int_of(at(candidate, "containerPort")) == port;
      });
      if (same == ports.end()) continue;
      add_container(labels, container);
      add_container_port(labels, *same);
      break;
    }
  }
  targets_.push_back(labels.build());
}

// A pod may offer ports that no endpoint names: exporters beside the service.
void GroupBuilder::add_other_ports_of_seen_pods() {
  for (const auto& [key, seen] : seen_pods_) {
    const std::string_view ip = text_at(*seen.pod, "status", "podIP");
    if (ip.empty()) continue;
    for (const Container& container : containers_of(*seen.pod)) {
      for (const json::value& port : list_at(*container.container, "ports")) {
        const std::int64_t number = int_of(at(port, "containerPort"));
        if (std::ranges::find(seen.ports, number) != seen.ports.end()) continue;
        MetaLabels labels(kPrefix);
        labels.set_address(ip, number);
        add_pod_labels(labels, *seen.pod);
        add_container(labels, container);
        add_container_port(labels, port);
        attach_node(labels, text_at(*seen.pod, "spec", "nodeName"));
        targets_.push_back(labels.build());
      }
    }
  }
}

void GroupBuilder::add_endpoint(const json::value& address, const json::value& port,
                                std::string_view ready) {
  MetaLabels labels(kPrefix);
  const std::int64_t number = int_of(at(port, "port"));
  const std::string_view protocol = text_at(port, "protocol");
  const std::string_view node = text_at(address, "nodeName");
  labels.set_address(text_at(address, "ip"), number);
  labels.set("endpoint_port_name", text_at(port, "name"));
  labels.set("endpoint_port_protocol", protocol.empty() ? "TCP" : protocol);
  labels.set("endpoint_ready", ready);
  labels.set("endpoint_node_name", node);
  labels.set("endpoint_hostname", text_at(address, "hostname"));
  const json::value& reference = at(address, "targetRef");
  labels.set("endpoint_address_target_kind", text_at(reference, "kind"));
  labels.set("endpoint_address_target_name", text_at(reference, "name"));
  attach_node(labels, text_at(reference, "kind") == "Node" ? text_at(reference, "name") : node);
  add_pod_target(std::move(labels), &reference, number);
}

void GroupBuilder::build_endpoints() {
  common_.set("namespace", name_space_);
  add_metadata(common_, "endpoints", object_);
  add_service_labels(text_at(object_, "metadata", "name"));
  attach_namespace(common_);
  for (const json::value& subset : list_at(object_, "subsets")) {
    for (const json::value& port : list_at(subset, "ports")) {
      for (const json::value& address : list_at(subset, "addresses"))
        add_endpoint(address, port, "true");
      for (const json::value& address : list_at(subset, "notReadyAddresses"))
        add_endpoint(address, port, "false");
    }
  }
  add_other_ports_of_seen_pods();
}

void GroupBuilder::add_slice_address(const json::value& endpoint, const json::value& port,
                                     std::string_view address) {
  MetaLabels labels(kPrefix);
  const std::int64_t number = int_of(at(port, "port"));
  const std::string_view node = text_at(endpoint, "nodeName");
  const std::string_view protocol = text_at(port, "protocol");
  const bool has_port = !at(port, "port").is_null();
  labels.set_address(address, number);
  labels.set("endpointslice_port_name", text_at(port, "name"));
  labels.set("endpointslice_port_protocol", protocol.empty() ? "TCP" : protocol);
  if (has_port) labels.set("endpointslice_port", std::to_string(number));
  labels.set("endpointslice_port_app_protocol", text_at(port, "appProtocol"));
  for (const std::string_view condition : {"ready", "serving", "terminating"}) {
    labels.set("endpointslice_endpoint_conditions_" + std::string(condition),
               scalar_text(at(endpoint, "conditions", condition)));
  }
  labels.set("endpointslice_endpoint_hostname", text_at(endpoint, "hostname"));
  labels.set("endpointslice_endpoint_node_name", node);
  labels.set("endpointslice_endpoint_zone", text_at(endpoint, "zone"));
  const json::value& reference = at(endpoint, "targetRef");
  labels.set("endpointslice_address_target_kind", text_at(reference, "kind"));
  labels.set("endpointslice_address_target_name", text_at(reference, "name"));
  for (const auto& member : object_at(endpoint, "deprecatedTopology")) {
    const std::string name = sanitised(std::string_view(member.key().data(), member.key().size()));
    labels.set("endpointslice_endpoint_topology_" + name, scalar_text(member.value()));
    labels.set("endpointslice_endpoint_topology_present_" + name, "true");
  }
  attach_node(labels, text_at(reference, "kind") == "Node" ? text_at(reference, "name") : node);
  add_pod_target(std::move(labels), &reference, number);
}

void GroupBuilder::build_endpoint_slice() {
  const std::string_view service_name =
      text_at(object_, "metadata", "labels", "kubernetes.io/service-name");
  const std::string_view address_type = text_at(object_, "addressType");
  common_.set("namespace", name_space_);
  add_metadata(common_, "endpointslice", object_);
  common_.set("endpointslice_address_type", address_type);
  add_service_labels(service_name);
  attach_namespace(common_);
  // Of a service with two families of addresses there are two slices with the same pods.
  const json::value* service = look_up_(Kind::kService, namespaced(name_space_, service_name));
  if (service != nullptr) {
    const json::array& families = list_at(*service, "spec", "ipFamilies");
    if (families.size() > 1 && text_of(families.front()) != address_type) return;
  }
  for (const json::value& port : list_at(object_, "ports")) {
    for (const json::value& endpoint : list_at(object_, "endpoints")) {
      for (const json::value& address : list_at(endpoint, "addresses"))
        add_slice_address(endpoint, port, text_of(address));
    }
  }
  add_other_ports_of_seen_pods();
}

// Whether `host` is `pattern`, or has one more label in front where the pattern has "*".
bool host_matches(std::string_view host, std::string_view pattern) {
  if (!pattern.starts_with("*.")) return host == pattern;
  const std::size_t dot = host.find('.');
  return dot != std::string_view::npos && dot > 0 && host.substr(dot) == pattern.substr(1);
}

void GroupBuilder::build_ingress() {
  common_.set("namespace", name_space_);
  add_metadata(common_, "ingress", object_);
  common_.set("ingress_class_name", text_at(object_, "spec", "ingressClassName"));
  attach_namespace(common_);
  std::vector<std::string_view> tls_hosts;
  for (const json::value& tls : list_at(object_, "spec", "tls")) {
    for (const json::value& host : list_at(tls, "hosts")) tls_hosts.push_back(text_of(host));
  }
  for (const json::value& rule : list_at(object_, "spec", "rules")) {
    const std::string_view host = text_at(rule, "host");
    const bool is_tls = std::ranges::any_of(
        tls_hosts, [host](std::string_view pattern) { return host_matches(host, pattern); });
    std::vector<std::string_view> paths;
    for (const json::value& path : list_at(rule, "http", "paths"))
      paths.push_back(text_at(path, "path"));
    if (paths.empty()) paths.emplace_back();
    for (const std::string_view path : paths) {
      MetaLabels target(kPrefix);
      target.set_plain("__address__", host);
      target.set("ingress_scheme", is_tls ? "https" : "http");
      target.set("ingress_host", host);
      target.set("ingress_path", path.empty() ? "/" : path);
      targets_.push_back(target.build());
    }
  }
}

TargetGroup GroupBuilder::build() {
  switch (options_.role) {
    case KubernetesRole::kNode:
      build_node();
      break;
    case KubernetesRole::kPod:
      build_pod();
      break;
    case KubernetesRole::kService:
      build_service();
      break;
    case KubernetesRole::kEndpoints:
      build_endpoints();
      break;
    case KubernetesRole::kEndpointSlice:
      build_endpoint_slice();
      break;
    case KubernetesRole::kIngress:
      build_ingress();
      break;
  }
  return {.source = kubernetes_source(options_.role, object_key(object_)),
          .labels = common_.build(),
          .targets = std::move(targets_)};
}

}  // namespace

std::string object_key(const json::value& object) {
  return namespaced(text_at(object, "metadata", "namespace"), text_at(object, "metadata", "name"));
}

TargetGroup kubernetes_group(const KubernetesOptions& options, const json::value& object,
                             const ObjectLookup& look_up) {
  return GroupBuilder(options, object, look_up).build();
}

std::string kubernetes_source(KubernetesRole role, std::string_view key) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "node/", "pod/", "svc/", "endpoints/", "endpointslice/", "ingress/"};
  return std::string(kNames.at(static_cast<std::size_t>(role))) + std::string(key);
}

}  // namespace narthex::discovery
