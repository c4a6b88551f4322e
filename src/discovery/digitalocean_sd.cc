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
    const bool is_databases = options_.role == DigitalOceanRole::kDatabases;
    PagedList list;
    list.items = is_databases ? "databases" : "droplets";
    const std::string base = fmt::format("{}/v2/{}?per_page=200&page=", options_.api, list.items);
    list.url = base + "1";
    list.next = [base](const json::value& page, std::size_t, std::size_t number) {
      const bool is_last = text_at(page, "links", "pages", "next").empty();
      return is_last ? std::string() : base + fmt::to_string(number + 1);
    };
    list.each = [this, is_databases, group](const json::value& item) {
      if (is_databases) {
        add_database(item, *group);
      } else {
        add_droplet(item, *group);
      }
    };
    co_return co_await read_pages(client_.get(), std::move(list), deadline);
  }

  void add_droplet(const json::value& droplet, TargetGroup& group) const {
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

  // Reached from inside if there is a way.
  void add_database(const json::value& database, TargetGroup& group) const {
    const std::string_view host = text_at(database, "connection", "host");
    const std::string_view private_host = text_at(database, "private_connection", "host");
    if (host.empty() && private_host.empty()) return;
    MetaLabels labels("__meta_digitalocean_db_");
    for (const char* name : {"id", "name", "engine", "version", "status", "region", "size"})
      labels.set(name, text_at(database, name));
    labels.set("num_nodes", scalar_text(at(database, "num_nodes")));
    labels.set("host", host);
    labels.set("private_host", private_host);
    for (const json::value& tag : list_at(database, "tags"))
      labels.set("tag_" + sanitised(text_of(tag)), true);
    labels.set_address(private_host.empty() ? host : private_host, options_.port);
    group.targets.push_back(labels.build());
  }
};

}  // namespace

MadeDiscoverer make_digitalocean_discoverer(const DigitalOceanOptions& options,
                                            const Context& context) {
  return make_api_discoverer<DigitalOceanRefresher>(options, context);
}

}  // namespace narthex::discovery
