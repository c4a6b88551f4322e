#include <map>

#include "discovery/docker_client.h"
#include "discovery/docker_sd.h"
#include "discovery/refresh.h"

namespace narthex::discovery {
namespace {

constexpr std::string_view kPrefix = "__meta_dockerswarm_";

// "10.0.0.3/24" → "10.0.0.3".
std::string_view without_mask(std::string_view address) {
  return address.substr(0, address.find('/'));
}

model::Labels service_labels(const json::value& service) {
  MetaLabels labels(kPrefix);
  const json::value& spec = at(service, "Spec");
  const json::object& mode = object_at(spec, "Mode");
  labels.set("service_id", text_at(service, "ID"));
  labels.set("service_name", text_at(spec, "Name"));
  labels.set("service_mode", mode.contains("Global")       ? "global"
                             : mode.contains("Replicated") ? "replicated"
                                                           : "");
  labels.set_each("service_label_", object_at(spec, "Labels"));
  return labels.build();
}

model::Labels node_labels(const json::value& node) {
  MetaLabels labels(kPrefix);
  labels.set("node_id", text_at(node, "ID"));
  labels.set("node_address", text_at(node, "Status", "Addr"));
  labels.set("node_status", text_at(node, "Status", "State"));
  labels.set("node_availability", text_at(node, "Spec", "Availability"));
  labels.set("node_role", text_at(node, "Spec", "Role"));
  labels.set("node_hostname", text_at(node, "Description", "Hostname"));
  labels.set("node_platform_architecture",
             text_at(node, "Description", "Platform", "Architecture"));
  labels.set("node_platform_os", text_at(node, "Description", "Platform", "OS"));
  labels.set("node_engine_version", text_at(node, "Description", "Engine", "EngineVersion"));
  if (const json::value& manager = at(node, "ManagerStatus"); manager.is_object()) {
    labels.set("node_manager_leader", bool_of(at(manager, "Leader")));
    labels.set("node_manager_reachability", text_at(manager, "Reachability"));
    labels.set("node_manager_address", text_at(manager, "Addr"));
  }
  labels.set_each("node_label_", object_at(node, "Spec", "Labels"));
  return labels.build();
}

class SwarmRefresher final : public Refresher {
 public:
  SwarmRefresher(DockerSwarmOptions options, std::unique_ptr<DockerClient> client)
      : options_(std::move(options)), client_(std::move(client)) {}

  async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs deadline) override {
    TargetGroup group{.source = "DockerSwarm", .labels = {}, .targets = {}};
    switch (options_.role) {
      case SwarmRole::kServices:
        NX_CO_TRY(co_await add_services(&group, deadline));
        break;
      case SwarmRole::kTasks:
        NX_CO_TRY(co_await add_tasks(&group, deadline));
        break;
      case SwarmRole::kNodes:
        NX_CO_TRY(co_await add_nodes(&group, deadline));
        break;
    }
    std::vector<TargetGroup> groups;
    groups.push_back(std::move(group));
    co_return groups;
  }

 private:
  async::Task<void> add_services(TargetGroup* group, util::SteadyNs deadline) const;
  async::Task<void> add_tasks(TargetGroup* group, util::SteadyNs deadline) const;
  async::Task<void> add_nodes(TargetGroup* group, util::SteadyNs deadline) const;
  void add_service(const json::value& service, const LabelsById& networks,
                   TargetGroup& group) const;

  // What tasks refer to.
  struct Surroundings {
    LabelsById services;
    std::map<std::string, json::array, std::less<>> ports_of_service;
    LabelsById nodes;
    std::map<std::string, std::string, std::less<>> address_of_node;
    LabelsById networks;
  };
  async::Task<Surroundings> look_around(util::SteadyNs deadline) const;
  void add_task(const json::value& task, const Surroundings& around, TargetGroup& group) const;

  const DockerSwarmOptions options_;
  const std::unique_ptr<DockerClient> client_;
};

void SwarmRefresher::add_service(const json::value& service, const LabelsById& networks,
                                 TargetGroup& group) const {
  MetaLabels common(kPrefix, service_labels(service));
  const json::value& container = at(service, "Spec", "TaskTemplate", "ContainerSpec");
  common.set("service_task_container_hostname", text_at(container, "Hostname"));
  common.set("service_task_container_image", text_at(container, "Image"));
  common.set("service_updating_status", text_at(service, "UpdateStatus", "State"));
  const json::value& endpoint = at(service, "Endpoint");
  for (const json::value& address : list_at(endpoint, "VirtualIPs")) {
    const std::string_view ip = without_mask(text_at(address, "Addr"));
    MetaLabels shared(kPrefix, common.build());
    add_labels_of(shared, networks, text_at(address, "NetworkID"));
    bool has_port = false;
    for (const json::value& port : list_at(endpoint, "Ports")) {
      if (text_at(port, "Protocol") != "tcp") continue;
      MetaLabels labels(kPrefix, shared.build());
      labels.set("service_endpoint_port_name", text_at(port, "Name"));
      labels.set("service_endpoint_port_publish_mode", text_at(port, "PublishMode"));
      labels.set_address(ip, int_of(at(port, "PublishedPort")));
      group.targets.push_back(labels.build());
      has_port = true;
    }
    if (has_port) continue;
    shared.set_address(ip, options_.port);
    group.targets.push_back(shared.build());
  }
}

async::Task<void> SwarmRefresher::add_services(TargetGroup* group, util::SteadyNs deadline) const {
  NX_CO_ASSIGN(const json::value services,
               co_await client_->get("/services", options_.filters, deadline));
  NX_CO_ASSIGN(const LabelsById networks,
               co_await client_->network_labels(std::string(kPrefix), deadline));
  for (const json::value& service : list_of(services)) add_service(service, networks, *group);
  co_return util::Result<void>();
}

async::Task<void> SwarmRefresher::add_nodes(TargetGroup* group, util::SteadyNs deadline) const {
  NX_CO_ASSIGN(const json::value nodes,
               co_await client_->get("/nodes", options_.filters, deadline));
  for (const json::value& node : list_of(nodes)) {
    MetaLabels labels(kPrefix, node_labels(node));
    labels.set_address(text_at(node, "Status", "Addr"), options_.port);
    group->targets.push_back(labels.build());
  }
  co_return util::Result<void>();
}

async::Task<SwarmRefresher::Surroundings> SwarmRefresher::look_around(
    util::SteadyNs deadline) const {
  Surroundings out;
  const std::vector<ListFilter> all;
  NX_CO_ASSIGN(const json::value services, co_await client_->get("/services", all, deadline));
  for (const json::value& service : list_of(services)) {
    const std::string id(text_at(service, "ID"));
    out.services[id] = service_labels(service);
    out.ports_of_service[id] = list_at(service, "Endpoint", "Ports");
  }
  NX_CO_ASSIGN(const json::value nodes, co_await client_->get("/nodes", all, deadline));
  for (const json::value& node : list_of(nodes)) {
    const std::string id(text_at(node, "ID"));
    out.nodes[id] = node_labels(node);
    out.address_of_node[id] = text_at(node, "Status", "Addr");
  }
  NX_CO_ASSIGN(out.networks, co_await client_->network_labels(std::string(kPrefix), deadline));
  co_return out;
}

void SwarmRefresher::add_task(const json::value& task, const Surroundings& around,
                              TargetGroup& group) const {
  MetaLabels common(kPrefix);
  const std::string_view service = text_at(task, "ServiceID");
  const std::string_view node = text_at(task, "NodeID");
  common.set("task_id", text_at(task, "ID"));
  common.set("task_desired_state", text_at(task, "DesiredState"));
  common.set("task_state", text_at(task, "Status", "State"));
  common.set("task_slot", std::to_string(int_of(at(task, "Slot"))));
  common.set("task_container_id", text_at(task, "Status", "ContainerStatus", "ContainerID"));
  common.set_each("container_label_", object_at(task, "Spec", "ContainerSpec", "Labels"));
  add_labels_of(common, around.services, service);
  add_labels_of(common, around.nodes, node);

  const auto node_address = around.address_of_node.find(node);
  for (const json::value& port : list_at(task, "Status", "PortStatus", "Ports")) {
    if (text_at(port, "Protocol") != "tcp" || node_address == around.address_of_node.end())
      continue;
    MetaLabels labels(kPrefix, common.build());
    labels.set("task_port_publish_mode", text_at(port, "PublishMode"));
    labels.set_address(node_address->second, int_of(at(port, "PublishedPort")));
    group.targets.push_back(labels.build());
  }
  const auto ports = around.ports_of_service.find(service);
  for (const json::value& attachment : list_at(task, "NetworksAttachments")) {
    MetaLabels shared(kPrefix, common.build());
    add_labels_of(shared, around.networks, text_at(attachment, "Network", "ID"));
    for (const json::value& address : list_at(attachment, "Addresses")) {
      const std::string_view ip = without_mask(text_of(address));
      bool has_port = false;
      for (const json::value& port :
           ports == around.ports_of_service.end() ? list_of(json::value()) : ports->second) {
        if (text_at(port, "Protocol") != "tcp") continue;
        MetaLabels labels(kPrefix, shared.build());
        labels.set("task_port_publish_mode", text_at(port, "PublishMode"));
        labels.set_address(ip, int_of(at(port, "PublishedPort")));
        group.targets.push_back(labels.build());
        has_port = true;
      }
      if (has_port) continue;
      MetaLabels labels(kPrefix, shared.build());
      labels.set_address(ip, options_.port);
      group.targets.push_back(labels.build());
    }
  }
}

async::Task<void> SwarmRefresher::add_tasks(TargetGroup* group, util::SteadyNs deadline) const {
  NX_CO_ASSIGN(const json::value tasks,
               co_await client_->get("/tasks", options_.filters, deadline));
  NX_CO_ASSIGN(const Surroundings around, co_await look_around(deadline));
  for (const json::value& task : list_of(tasks)) add_task(task, around, *group);
  co_return util::Result<void>();
}

}  // namespace

util::Result<std::unique_ptr<Discoverer>> make_dockerswarm_discoverer(
    const DockerSwarmOptions& options, const Context& context) {
  NX_ASSIGN(auto client, DockerClient::make(options.host, options.http, context));
  auto refresher = std::make_unique<SwarmRefresher>(options, std::move(client));
  return make_refresh_discoverer(DockerSwarmOptions::kName, options.refresh_interval, context,
                                 std::move(refresher));
}

}  // namespace narthex::discovery
