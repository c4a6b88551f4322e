#include <map>

#include <fmt/format.h>

#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

constexpr std::string_view kPrefix = "__meta_hetzner_";

// A whole number: memory comes as 4.0.
std::string whole(const json::value& number) {
  if (const auto* real = number.if_double())
    return fmt::to_string(static_cast<std::int64_t>(*real >= 0 && *real < 1e15 ? *real : 0));
  return scalar_text(number);
}

class CloudRefresher final : public GroupRefresher<HetznerOptions> {
 public:
  using GroupRefresher::GroupRefresher;

 private:
  using NetworkNames = std::map<std::int64_t, std::string>;

  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    NetworkNames names;
    PagedList networks = list_of_all("networks", {});
    networks.each = [&names](const json::value& network) {
      names[int_of(at(network, "id"))] = text_at(network, "name");
    };
    NX_CO_TRY(co_await read_pages(client_.get(), std::move(networks), deadline));
    PagedList servers = list_of_all("servers", options_.label_selector);
    servers.each = [this, &names, group](const json::value& server) { add(server, names, *group); };
    co_return co_await read_pages(client_.get(), std::move(servers), deadline);
  }

  [[nodiscard]] PagedList list_of_all(const std::string& what, const std::string& selector) const {
    std::string base = options_.cloud_api + "/v1/" + what + "?per_page=50&";
    if (!selector.empty()) base += "label_selector=" + http::percent_encode(selector) + "&";
    base += "page=";
    PagedList list;
    list.url = base + "1";
    list.items = what;
    list.next = [base](const json::value& page, std::size_t, std::size_t number) {
      // Absent or null behind the last page.
      const std::int64_t next = int_of(at(page, "meta", "pagination", "next_page"));
      return next > static_cast<std::int64_t>(number) ? base + fmt::to_string(next) : std::string();
    };
    return list;
  }

  void add(const json::value& server, const NetworkNames& names, TargetGroup& group) const {
    const std::string_view public_ip = text_at(server, "public_net", "ipv4", "ip");
    MetaLabels labels(kPrefix);
    labels.set("role", "hcloud");
    labels.set("server_id", scalar_text(at(server, "id")));
    labels.set("server_name", text_at(server, "name"));
    labels.set("server_status", text_at(server, "status"));
    labels.set("public_ipv4", public_ip);
    labels.set("public_ipv6_network", text_at(server, "public_net", "ipv6", "ip"));
    add_hardware(server, labels);
    for (const json::value& net : list_at(server, "private_net")) {
      const auto name = names.find(int_of(at(net, "network")));
      if (name != names.end())
        labels.set("hcloud_private_ipv4_" + sanitised(name->second), text_at(net, "ip"));
    }
    for (const auto& member : object_at(server, "labels"))
      labels.set("hcloud_labelpresent_" + sanitised({member.key().data(), member.key().size()}),
                 true);
    labels.set_each("hcloud_label_", object_at(server, "labels"));
    labels.set_address(public_ip, options_.port);
    group.targets.push_back(labels.build());
  }

  static void add_hardware(const json::value& server, MetaLabels& labels) {
    // Servers say where they are in `location`; older answers have it under `datacenter`.
    const json::value& nested = at(server, "datacenter", "location");
    const json::value& location = nested.is_object() ? nested : at(server, "location");
    labels.set("datacenter", text_at(server, "datacenter", "name"));
    for (const char* name : {"hcloud_location", "hcloud_datacenter_location"}) {
      labels.set(name, text_at(location, "name"));
      labels.set(std::string(name) + "_network_zone", text_at(location, "network_zone"));
    }
    const json::value& type = at(server, "server_type");
    labels.set("hcloud_server_type", text_at(type, "name"));
    labels.set("hcloud_cpu_cores", whole(at(type, "cores")));
    labels.set("hcloud_cpu_type", text_at(type, "cpu_type"));
    labels.set("hcloud_memory_size_gb", whole(at(type, "memory")));
    labels.set("hcloud_disk_size_gb", whole(at(type, "disk")));
    const json::value& image = at(server, "image");
    labels.set("hcloud_image_name", text_at(image, "name"));
    labels.set("hcloud_image_description", text_at(image, "description"));
    labels.set("hcloud_image_os_flavor", text_at(image, "os_flavor"));
    labels.set("hcloud_image_os_version", text_at(image, "os_version"));
  }
};

class RobotRefresher final : public GroupRefresher<HetznerOptions> {
 public:
  using GroupRefresher::GroupRefresher;

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    PagedList list;
    list.url = options_.robot_api + "/server";
    list.each = [this, group](const json::value& item) { add(at(item, "server"), *group); };
    co_return co_await read_pages(client_.get(), std::move(list), deadline);
  }

  void add(const json::value& server, TargetGroup& group) const {
    std::string datacenter(text_at(server, "dc"));
    for (char& c : datacenter) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    MetaLabels labels(kPrefix);
    labels.set("role", "robot");
    labels.set("server_id", scalar_text(at(server, "server_number")));
    labels.set("server_name", text_at(server, "server_name"));
    labels.set("server_status", text_at(server, "status"));
    labels.set("datacenter", datacenter);
    labels.set("robot_datacenter", datacenter);
    labels.set("public_ipv4", text_at(server, "server_ip"));
    labels.set("robot_product", text_at(server, "product"));
    labels.set("robot_cancelled", bool_of(at(server, "cancelled")));
    for (const json::value& subnet : list_at(server, "subnet")) {
      if (!text_at(subnet, "ip").contains(':')) continue;
      labels.set("public_ipv6_network",
                 fmt::format("{}/{}", text_at(subnet, "ip"), scalar_text(at(subnet, "mask"))));
      break;
    }
    labels.set_address(text_at(server, "server_ip"), options_.port);
    group.targets.push_back(labels.build());
  }
};

}  // namespace

MadeDiscoverer make_hetzner_discoverer(const HetznerOptions& options, const Context& context) {
  if (options.role == HetznerRole::kRobot)
    return make_api_discoverer<RobotRefresher>(options, context);
  return make_api_discoverer<CloudRefresher>(options, context);
}

}  // namespace narthex::discovery
