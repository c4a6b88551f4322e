#include <map>

#include <fmt/format.h>

#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

constexpr std::size_t kPageItems = 100;

// "fr-par-1" → "fr-par".
std::string_view region_of(std::string_view zone) {
  return zone.substr(0, zone.rfind('-'));
}

bool is_ipv6(std::string_view address) {
  return address.contains(':');
}

class ScalewayRefresher : public GroupRefresher<ScalewayOptions> {
 public:
  using GroupRefresher::GroupRefresher;

 protected:
  // What is in <product>/v1/zones/<zone>/<path>.
  [[nodiscard]] PagedList list_of_all(std::string_view product, const std::string& items,
                                      std::vector<std::pair<std::string, std::string>> params,
                                      const char* size_param) const {
    params.emplace_back(size_param, fmt::to_string(kPageItems));
    const std::string base =
        with_query(fmt::format("{}/{}/v1/zones/{}/{}", without_slash(options_.api_url), product,
                               http::percent_encode(options_.zone), items),
                   params);
    PagedList list;
    list.url = base + "&page=1";
    list.items = items;
    list.next = [base](const json::value&, std::size_t count, std::size_t number) {
      return count < kPageItems ? std::string() : base + "&page=" + fmt::to_string(number + 1);
    };
    return list;
  }

  [[nodiscard]] std::string tags() const {
    std::string out;
    for (const std::string& tag : options_.tags_filter) out += (out.empty() ? "" : ",") + tag;
    return out;
  }
};

// Public addresses by family. Servers have them in public_ips; older answers have one in public_ip.
struct PublicAddresses {
  std::vector<std::string_view> v4;
  std::vector<std::string_view> v6;
  void add(std::string_view address) {
    if (!address.empty()) (is_ipv6(address) ? v6 : v4).push_back(address);
  }
};

PublicAddresses public_addresses(const json::value& server) {
  PublicAddresses out;
  for (const json::value& ip : list_at(server, "public_ips")) out.add(text_at(ip, "address"));
  if (out.v4.empty() && out.v6.empty()) out.add(text_at(server, "public_ip", "address"));
  return out;
}

class InstanceRefresher final : public ScalewayRefresher {
 public:
  using ScalewayRefresher::ScalewayRefresher;

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    std::vector<std::pair<std::string, std::string>> params = {{"project", options_.project_id}};
    if (!options_.name_filter.empty()) params.emplace_back("name", options_.name_filter);
    if (!options_.tags_filter.empty()) params.emplace_back("tags", tags());
    PagedList list = list_of_all("instance", "servers", std::move(params), "per_page");
    list.each = [this, group](const json::value& server) { add(server, *group); };
    co_return co_await read_pages(client_.get(), std::move(list), deadline);
  }

  void add(const json::value& server, TargetGroup& group) const {
    MetaLabels labels("__meta_scaleway_instance_");
    for (const char* name : {"id", "name", "hostname", "boot_type", "zone"})
      labels.set(name, text_at(server, name));
    labels.set("type", text_at(server, "commercial_type"));
    labels.set("status", text_at(server, "state"));
    labels.set("organization_id", text_at(server, "organization"));
    labels.set("project_id", text_at(server, "project"));
    labels.set("region", region_of(text_at(server, "zone")));
    labels.set("image_arch", text_at(server, "image", "arch"));
    labels.set("image_id", text_at(server, "image", "id"));
    labels.set("image_name", text_at(server, "image", "name"));
    labels.set("location_cluster_id", text_at(server, "location", "cluster_id"));
    labels.set("location_hypervisor_id", text_at(server, "location", "hypervisor_id"));
    labels.set("location_node_id", text_at(server, "location", "node_id"));
    labels.set("security_group_id", text_at(server, "security_group", "id"));
    labels.set("security_group_name", text_at(server, "security_group", "name"));
    labels.set("tags", joined_tags(list_at(server, "tags"), ","));
    const std::string_view private_ip = text_at(server, "private_ip");
    const PublicAddresses ips = public_addresses(server);
    labels.set("private_ipv4", private_ip);
    if (!ips.v4.empty()) labels.set("public_ipv4", ips.v4.front());
    const std::string_view public_v6 =
        !ips.v6.empty() ? ips.v6.front() : text_at(server, "ipv6", "address");
    labels.set("public_ipv6", public_v6);
    labels.set("public_ipv4_addresses", joined_tags(ips.v4, ","));
    labels.set("public_ipv6_addresses", joined_tags(ips.v6, ","));
    const std::string_view address = !private_ip.empty() ? private_ip
                                     : !ips.v4.empty()   ? ips.v4.front()
                                                         : public_v6;
    if (address.empty()) return;  // Nothing that relabelling could begin with.
    labels.set_address(address, options_.port);
    group.targets.push_back(labels.build());
  }
};

class BareMetalRefresher final : public ScalewayRefresher {
 public:
  using ScalewayRefresher::ScalewayRefresher;

 private:
  struct System {
    std::string name;
    std::string version;
  };
  struct Catalogue {
    std::map<std::string, std::string, std::less<>> offers;  // Name by id.
    std::map<std::string, System, std::less<>> systems;
  };

  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    Catalogue catalogue;
    PagedList offers = list_of_all("baremetal", "offers", {}, "page_size");
    offers.each = [&catalogue](const json::value& offer) {
      catalogue.offers[std::string(text_at(offer, "id"))] = text_at(offer, "name");
    };
    NX_CO_TRY(co_await read_pages(client_.get(), std::move(offers), deadline));
    PagedList systems = list_of_all("baremetal", "os", {}, "page_size");
    systems.each = [&catalogue](const json::value& system) {
      catalogue.systems[std::string(text_at(system, "id"))] = {
          .name = std::string(text_at(system, "name")),
          .version = std::string(text_at(system, "version"))};
    };
    NX_CO_TRY(co_await read_pages(client_.get(), std::move(systems), deadline));
    std::vector<std::pair<std::string, std::string>> params = {{"project_id", options_.project_id}};
    if (!options_.name_filter.empty()) params.emplace_back("name", options_.name_filter);
    for (const std::string& tag : options_.tags_filter) params.emplace_back("tags", tag);
    PagedList servers = list_of_all("baremetal", "servers", std::move(params), "page_size");
    servers.each = [this, &catalogue, group](const json::value& server) {
      add(server, catalogue, *group);
    };
    co_return co_await read_pages(client_.get(), std::move(servers), deadline);
  }

  void add(const json::value& server, const Catalogue& catalogue, TargetGroup& group) const {
    MetaLabels labels("__meta_scaleway_baremetal_");
    for (const char* name : {"id", "name", "project_id", "status", "zone"})
      labels.set(name, text_at(server, name));
    labels.set("tags", joined_tags(list_at(server, "tags"), ","));
    const auto offer = catalogue.offers.find(text_at(server, "offer_id"));
    if (offer != catalogue.offers.end()) labels.set("type", offer->second);
    const auto system = catalogue.systems.find(text_at(server, "install", "os_id"));
    if (system != catalogue.systems.end()) {
      labels.set("os_name", system->second.name);
      labels.set("os_version", system->second.version);
    }
    std::string_view v4;
    std::string_view v6;
    for (const json::value& ip : list_at(server, "ips")) {
      const std::string_view address = text_at(ip, "address");
      (is_ipv6(address) ? v6 : v4) = address;
    }
    labels.set("public_ipv4", v4);
    labels.set("public_ipv6", v6);
    if (v4.empty() && v6.empty()) return;
    labels.set_address(v4.empty() ? v6 : v4, options_.port);
    group.targets.push_back(labels.build());
  }
};

}  // namespace

MadeDiscoverer make_scaleway_discoverer(const ScalewayOptions& options, const Context& context) {
  ScalewayOptions with_token = options;
  http::ConfiguredHeader token{.name = "X-Auth-Token", .values = {}, .secrets = {}, .files = {}};
  if (options.secret_key.file.empty()) {
    token.secrets.push_back(options.secret_key.text);
  } else {
    token.files.push_back(options.secret_key.file);  // Read again for every request.
  }
  with_token.http.headers.push_back(std::move(token));
  if (options.role == ScalewayRole::kBareMetal)
    return make_api_discoverer<BareMetalRefresher>(with_token, context);
  return make_api_discoverer<InstanceRefresher>(with_token, context);
}

}  // namespace narthex::discovery
