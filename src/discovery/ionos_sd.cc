#include <fmt/format.h>

#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

constexpr std::size_t kPageItems = 1000;

// The image of the volume that the server boots from.
std::string_view boot_image(const json::value& server) {
  const std::string_view boot = text_at(server, "properties", "bootVolume", "id");
  for (const json::value& volume : list_at(server, "entities", "volumes", "items")) {
    if (!boot.empty() && text_at(volume, "id") == boot)
      return text_at(volume, "properties", "image");
  }
  return {};
}

class IonosRefresher final : public GroupRefresher<IonosOptions> {
 public:
  using GroupRefresher::GroupRefresher;

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    const std::string base =
        fmt::format("{}/cloudapi/v6/datacenters/{}/servers?depth=3&limit={}", options_.api,
                    http::percent_encode(options_.datacenter_id), kPageItems);
    PagedList list;
    list.url = base + "&offset=0";
    list.items = "items";
    list.next = [base](const json::value&, std::size_t count, std::size_t number) {
      return count < kPageItems ? std::string()
                                : fmt::format("{}&offset={}", base, number * kPageItems);
    };
    list.each = [this, group](const json::value& server) { add(server, *group); };
    co_return co_await read_pages(client_.get(), std::move(list), deadline);
  }

  void add(const json::value& server, TargetGroup& group) const {
    MetaLabels labels("__meta_ionos_server_");
    std::vector<std::string> all;
    for (const json::value& card : list_at(server, "entities", "nics", "items")) {
      const std::string_view name = text_at(card, "properties", "name");
      const json::array& ips = list_at(card, "properties", "ips");
      for (const json::value& ip : ips) all.emplace_back(text_of(ip));
      labels.set("nic_ip_" + (name.empty() ? std::string("unnamed") : sanitised(name)),
                 joined_tags(ips, ","));
    }
    if (all.empty()) return;  // There is nothing to connect to.
    const json::value& properties = at(server, "properties");
    labels.set("availability_zone", text_at(properties, "availabilityZone"));
    labels.set("boot_cdrom_id", text_at(properties, "bootCdrom", "id"));
    labels.set("boot_image_id", boot_image(server));
    labels.set("boot_volume_id", text_at(properties, "bootVolume", "id"));
    labels.set("cpu_family", text_at(properties, "cpuFamily"));
    labels.set("id", text_at(server, "id"));
    labels.set("ip", joined_tags(all, ","));
    labels.set("lifecycle", text_at(server, "metadata", "state"));
    labels.set("name", text_at(properties, "name"));
    labels.set("servers_id", "datacenters/" + options_.datacenter_id + "/servers");
    labels.set("state", text_at(properties, "vmState"));
    labels.set("type", text_at(properties, "type"));
    labels.set_address(all.front(), options_.port);
    group.targets.push_back(labels.build());
  }
};

}  // namespace

MadeDiscoverer make_ionos_discoverer(const IonosOptions& options, const Context& context) {
  return make_api_discoverer<IonosRefresher>(options, context);
}

}  // namespace narthex::discovery
