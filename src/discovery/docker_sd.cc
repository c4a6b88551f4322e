#include "discovery/docker_sd.h"

#include <map>

#include "discovery/docker_client.h"
#include "discovery/refresh.h"

namespace narthex::discovery {
namespace {

constexpr std::string_view kPrefix = "__meta_docker_";

using Containers = std::map<std::string_view, const json::value*>;

// The networks of a container, or of the one whose networks it shares ("container:<id>").
const json::object& networks_of(const json::value& container, const Containers& all) {
  constexpr std::string_view kShared = "container:";
  constexpr int kHopsMax = 100;  // Containers may not point at each other, but a liar can say so.
  const json::value* at_container = &container;
  for (int hop = 0; hop < kHopsMax; ++hop) {
    const json::object& networks = object_at(*at_container, "NetworkSettings", "Networks");
    const std::string_view mode = text_at(*at_container, "HostConfig", "NetworkMode");
    if (!networks.empty() || !mode.starts_with(kShared)) return networks;
    const auto shared = all.find(mode.substr(kShared.size()));
    if (shared == all.end()) return networks;
    at_container = shared->second;
  }
  return object_of(json::value());
}

class DockerRefresher final : public Refresher {
 public:
  DockerRefresher(DockerOptions options, std::unique_ptr<DockerClient> client)
      : options_(std::move(options)), client_(std::move(client)) {}

  async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs deadline) override {
    NX_CO_ASSIGN(const json::value containers,
                 co_await client_->get("/containers/json", options_.filters, deadline));
    NX_CO_ASSIGN(const LabelsById networks,
                 co_await client_->network_labels(std::string(kPrefix), deadline));
    Containers by_id;
    for (const json::value& container : list_of(containers))
      by_id[text_at(container, "Id")] = &container;
    TargetGroup group{.source = "Docker", .labels = {}, .targets = {}};
    for (const json::value& container : list_of(containers))
      add_container(container, by_id, networks, group);
    std::vector<TargetGroup> groups;
    groups.push_back(std::move(group));
    co_return groups;
  }

 private:
  void add_container(const json::value& container, const Containers& all,
                     const LabelsById& network_labels, TargetGroup& group) const {
    const json::array& names = list_at(container, "Names");
    if (names.empty()) return;
    MetaLabels common(kPrefix);
    common.set("container_id", text_at(container, "Id"));
    common.set("container_name", text_of(names.front()));
    common.set("container_image", text_at(container, "Image"));
    common.set("container_image_id", text_at(container, "ImageID"));
    common.set("container_network_mode", text_at(container, "HostConfig", "NetworkMode"));
    common.set_each("container_label_", object_at(container, "Labels"));
    const json::object& networks = networks_of(container, all);
    // By name.
    std::map<std::string_view, const json::value*> sorted;
    for (const auto& member : networks)
      sorted[{member.key().data(), member.key().size()}] = &member.value();
    for (const auto& [name, network] : sorted) {
      add_network(container, *network, common.build(), network_labels, group);
      if (options_.match_first_network) break;
    }
  }

  void add_network(const json::value& container, const json::value& network,
                   const model::Labels& common, const LabelsById& network_labels,
                   TargetGroup& group) const {
    std::string_view ip = text_at(network, "IPAddress");
    if (ip.empty()) ip = text_at(network, "GlobalIPv6Address");
    MetaLabels shared(kPrefix, common);
    add_labels_of(shared, network_labels, text_at(network, "NetworkID"));
    shared.set("network_ip", ip);
    bool has_port = false;
    for (const json::value& port : list_at(container, "Ports")) {
      if (text_at(port, "Type") != "tcp") continue;
      MetaLabels labels(kPrefix, shared.build());
      const std::int64_t private_port = int_of(at(port, "PrivatePort"));
      labels.set("port_private", std::to_string(private_port));
      if (const std::int64_t public_port = int_of(at(port, "PublicPort")); public_port > 0) {
        labels.set("port_public", std::to_string(public_port));
        labels.set("port_public_ip", text_at(port, "IP"));
      }
      labels.set_address(ip, private_port);
      group.targets.push_back(labels.build());
      has_port = true;
    }
    if (has_port) return;
    if (text_at(container, "HostConfig", "NetworkMode") == "host") {
      shared.set_plain("__address__", options_.host_networking_host);
    } else {
      shared.set_address(ip, options_.port);
    }
    group.targets.push_back(shared.build());
  }

  const DockerOptions options_;
  const std::unique_ptr<DockerClient> client_;
};

}  // namespace

util::Result<std::unique_ptr<Discoverer>> make_docker_discoverer(const DockerOptions& options,
                                                                 const Context& context) {
  NX_ASSIGN(auto client, DockerClient::make(options.host, options.http, context));
  auto refresher = std::make_unique<DockerRefresher>(options, std::move(client));
  return make_refresh_discoverer(DockerOptions::kName, options.refresh_interval, context,
                                 std::move(refresher));
}

}  // namespace narthex::discovery
