#include <fmt/format.h>

#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

constexpr std::string_view kPrefix = "__meta_digitalocean_";

// The first address of that type ("public") in networks.<family>.
std::string_view address_of(const json::value& droplet, const char* family, std::string_view type) {
  for (const json::value& network : list_at(droplet, "networks", family)) {
    if (text_at(network, "type") == type) return text_at(network, "ip_address");
  }
  return {};
}

class DigitalOceanRefresher final : public GroupRefresher<DigitalOceanOptions> {
 public:
  using GroupRefresher::GroupRefresher;

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    const std::string base = options_.api + "/v2/droplets?per_page=200&page=";
    PagedList list;
    list.url = base + "1";
    list.items = "droplets";
    list.next = [base](const json::value& page, std::size_t, std::size_t number) {
      const bool is_last = text_at(page, "links", "pages", "next").empty();
      return is_last ? std::string() : base + fmt::to_string(number + 1);
    };
    list.each = [this, group](const json::value& droplet) { add(droplet, *group); };
    co_return co_await read_pages(client_.get(), std::move(list), deadline);
  }

  void add(const json::value& droplet, TargetGroup& group) const {
    if (list_at(droplet, "networks", "v4").empty()) return;
    const std::string_view public_ip = address_of(droplet, "v4", "public");
    MetaLabels labels(kPrefix);
    labels.set("droplet_id", scalar_text(at(droplet, "id")));
    labels.set("droplet_name", text_at(droplet, "name"));
    labels.set("image", text_at(droplet, "image", "slug"));
    labels.set("image_name", text_at(droplet, "image", "name"));
    labels.set("private_ipv4", address_of(droplet, "v4", "private"));
    labels.set("public_ipv4", public_ip);
    labels.set("public_ipv6", address_of(droplet, "v6", "public"));
    labels.set("region", text_at(droplet, "region", "slug"));
    labels.set("size", text_at(droplet, "size_slug"));
    labels.set("status", text_at(droplet, "status"));
    labels.set("vpc", text_at(droplet, "vpc_uuid"));
    labels.set("features", joined_tags(list_at(droplet, "features"), ","));
    labels.set("tags", joined_tags(list_at(droplet, "tags"), ","));
    labels.set_address(public_ip, options_.port);
    group.targets.push_back(labels.build());
  }
};

}  // namespace

MadeDiscoverer make_digitalocean_discoverer(const DigitalOceanOptions& options,
                                            const Context& context) {
  return make_api_discoverer<DigitalOceanRefresher>(options, context);
}

}  // namespace narthex::discovery
