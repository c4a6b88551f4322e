#include "discovery/openstack_sd.h"

#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

constexpr std::string_view kPrefix = "__meta_openstack_";

// Addresses that the outside reaches, and what stands behind them.
struct FloatingAddresses {
  std::map<std::pair<std::string, std::string>, std::string> by_device;  // And its own address.
  std::map<std::string, std::string, std::less<>> by_port;
  std::set<std::string, std::less<>> all;
};

class OpenStackRefresher final : public GroupRefresher<OpenStackOptions> {
 public:
  OpenStackRefresher(OpenStackOptions options, KeystoneLogin login,
                     std::shared_ptr<ApiClient> client)
      : GroupRefresher(std::move(options), std::move(client)), login_(std::move(login)) {}

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    NX_CO_ASSIGN(session_, co_await open_keystone_session(client_.get(), &login_, deadline));
    switch (options_.role) {
      case OpenStackRole::kHypervisor:
        co_return co_await find_hypervisors(group, deadline);
      case OpenStackRole::kInstance:
        co_return co_await find_instances(group, deadline);
      case OpenStackRole::kLoadBalancer:
        co_return co_await find_load_balancers(group, deadline);
    }
    co_return util::Result<void>();
  }

  // `path` of a service; `items` is the member of the answer that is the list.
  util::Result<PagedList> list_of_service(std::string_view service, std::string_view path,
                                          const std::string& items) const {
    const ServiceWanted wanted{
        .type = service, .region = options_.region, .availability = options_.availability};
    NX_ASSIGN(std::string base, service_url(session_.catalogue, wanted));
    // Catalogues name some services with their version and some without.
    if (path.starts_with("v2.0/") && base.ends_with("/v2.0/")) path.remove_prefix(5);
    PagedList list;
    list.url = base + std::string(path);
    list.items = items;
    list.headers.add("X-Auth-Token", session_.token);
    // Services behind a proxy name themselves wrongly, and the token is for nobody else: of the
    // link to the next page only what is asked counts.
    list.next = [url = list.url.substr(0, list.url.find('?')), links = items + "_links"](
                    const json::value& page, std::size_t, std::size_t) {
      for (const json::value& link : list_at(page, std::string_view(links))) {
        const std::string_view href = text_at(link, "href");
        const std::size_t query = href.find('?');
        if (text_at(link, "rel") == "next" && query != std::string_view::npos)
          return url + std::string(href.substr(query));
      }
      return std::string();
    };
    return list;
  }

  // ---- Hypervisors ----

  async::Task<void> find_hypervisors(TargetGroup* group, util::SteadyNs deadline) {
    NX_CO_ASSIGN(PagedList list,
                 list_of_service("compute", "os-hypervisors/detail", "hypervisors"));
    list.each = [this, group](const json::value& item) {
      MetaLabels labels("__meta_openstack_hypervisor_");
      labels.set("id", scalar_text(at(item, "id")));
      labels.set("hostname", text_at(item, "hypervisor_hostname"));
      labels.set("host_ip", text_at(item, "host_ip"));
      labels.set("status", text_at(item, "status"));
      labels.set("state", text_at(item, "state"));
      labels.set("type", text_at(item, "hypervisor_type"));
      labels.set_address(text_at(item, "host_ip"), options_.port);
      group->targets.push_back(labels.build());
    };
    co_return co_await read_pages(client_.get(), std::move(list), deadline);
  }

  // ---- Instances ----

  async::Task<void> find_instances(TargetGroup* group, util::SteadyNs deadline) {
    std::map<std::string, std::string, std::less<>> devices;  // By port.
    NX_CO_ASSIGN(PagedList ports, list_of_service("network", "v2.0/ports", "ports"));
    ports.each = [&devices](const json::value& port) {
      devices[std::string(text_at(port, "id"))] = text_at(port, "device_id");
    };
    NX_CO_TRY(co_await read_pages(client_.get(), std::move(ports), deadline));
    FloatingAddresses floating;
    NX_CO_TRY(co_await find_floating(&floating, &devices, deadline));
    const char* const path =
        options_.all_tenants ? "servers/detail?all_tenants=true" : "servers/detail";
    NX_CO_ASSIGN(PagedList servers, list_of_service("compute", path, "servers"));
    servers.each = [this, &floating, group](const json::value& server) {
      add_instance(server, floating, *group);
    };
    co_return co_await read_pages(client_.get(), std::move(servers), deadline);
  }

  async::Task<void> find_floating(FloatingAddresses* floating,
                                  const std::map<std::string, std::string, std::less<>>* devices,
                                  util::SteadyNs deadline) {
    NX_CO_ASSIGN(PagedList list, list_of_service("network", "v2.0/floatingips", "floatingips"));
    list.each = [floating, devices](const json::value& item) {
      const std::string address(text_at(item, "floating_ip_address"));
      const std::string own_address(text_at(item, "fixed_ip_address"));
      const std::string port(text_at(item, "port_id"));
      if (port.empty()) return;  // Of nobody now.
      floating->by_port[port] = address;
      const auto device = devices->find(port);
      if (device == devices->end() || own_address.empty()) return;
      floating->by_device[{device->second, own_address}] = address;
      floating->all.insert(address);
    };
    co_return co_await read_pages(client_.get(), std::move(list), deadline);
  }

  // One target for each address that is the instance's own.
  void add_instance(const json::value& server, const FloatingAddresses& floating,
                    TargetGroup& group) const {
    const json::value& flavor = at(server, "flavor");
    // Newer versions of the API give a name, older ones an id.
    const json::value& name = at(flavor, "original_name");
    const json::value& flavor_name = name.is_string() ? name : at(flavor, "id");
    if (!flavor_name.is_string()) return;
    MetaLabels common(kPrefix);
    common.set("instance_id", text_at(server, "id"));
    common.set("instance_name", text_at(server, "name"));
    common.set("instance_status", text_at(server, "status"));
    common.set("instance_flavor", text_of(flavor_name));
    common.set("instance_image", text_at(server, "image", "id"));
    common.set("project_id", text_at(server, "tenant_id"));
    common.set("user_id", text_at(server, "user_id"));
    common.set_each("tag_", object_at(server, "metadata"));
    const model::Labels base = common.build();
    for (const auto& pool : object_at(server, "addresses")) {
      for (const json::value& item : list_of(pool.value())) {
        const std::string_view address = text_at(item, "addr");
        if (address.empty() || floating.all.contains(address)) continue;
        MetaLabels labels(kPrefix, base);
        labels.set("address_pool", std::string_view(pool.key().data(), pool.key().size()));
        labels.set("private_ip", address);
        const auto outside =
            floating.by_device.find({std::string(text_at(server, "id")), std::string(address)});
        if (outside != floating.by_device.end()) labels.set("public_ip", outside->second);
        labels.set_address(address, options_.port);
        group.targets.push_back(labels.build());
      }
    }
  }

  // ---- Load balancers ----

  async::Task<void> find_load_balancers(TargetGroup* group, util::SteadyNs deadline) {
    std::map<std::string, std::int64_t, std::less<>> ports;  // By load balancer.
    NX_CO_ASSIGN(PagedList listeners,
                 list_of_service("load-balancer", "v2.0/lbaas/listeners", "listeners"));
    listeners.each = [&ports](const json::value& listener) {
      if (text_at(listener, "protocol") != "PROMETHEUS") return;
      for (const json::value& balancer : list_at(listener, "loadbalancers"))
        ports.emplace(text_at(balancer, "id"), int_of(at(listener, "protocol_port")));
    };
    NX_CO_TRY(co_await read_pages(client_.get(), std::move(listeners), deadline));
    FloatingAddresses floating;
    const std::map<std::string, std::string, std::less<>> no_devices;
    NX_CO_TRY(co_await find_floating(&floating, &no_devices, deadline));
    NX_CO_ASSIGN(PagedList balancers,
                 list_of_service("load-balancer", "v2.0/lbaas/loadbalancers", "loadbalancers"));
    balancers.each = [&ports, &floating, group](const json::value& balancer) {
      const auto port = ports.find(text_at(balancer, "id"));
      // Without a listener of that protocol it has no metrics.
      if (port != ports.end()) add_load_balancer(balancer, port->second, floating, *group);
    };
    co_return co_await read_pages(client_.get(), std::move(balancers), deadline);
  }

  static void add_load_balancer(const json::value& balancer, std::int64_t port,
                                const FloatingAddresses& floating, TargetGroup& group) {
    const std::string_view address = text_at(balancer, "vip_address");
    MetaLabels labels("__meta_openstack_loadbalancer_");
    for (const char* name :
         {"id", "name", "operating_status", "provisioning_status", "availability_zone", "provider"})
      labels.set(name, text_at(balancer, name));
    labels.set("vip", address);
    std::string tags;
    for (const json::value& tag : list_at(balancer, "tags"))
      tags.append(tags.empty() ? "" : ",").append(text_of(tag));
    labels.set("tags", tags);
    const auto outside = floating.by_port.find(text_at(balancer, "vip_port_id"));
    if (outside != floating.by_port.end()) labels.set("floating_ip", outside->second);
    labels.set_plain("__meta_openstack_project_id", text_at(balancer, "project_id"));
    labels.set_address(address, port);
    group.targets.push_back(labels.build());
  }

  const KeystoneLogin login_;
  KeystoneSession session_;  // Of this round.
};

}  // namespace

MadeDiscoverer make_openstack_discoverer(const OpenStackOptions& options,
                                         const EnvironmentVariables& environment,
                                         const Context& context) {
  NX_ASSIGN(KeystoneLogin login, keystone_login(options, environment));
  NX_TRY(keystone_request(login));  // What is missing is missing now already.
  NX_ASSIGN(auto client, ApiClient::make(options.http, context));
  return make_refresh_discoverer(
      OpenStackOptions::kName, options.refresh_interval, context,
      std::make_unique<OpenStackRefresher>(options, std::move(login), std::move(client)));
}

MadeDiscoverer make_openstack_discoverer(const OpenStackOptions& options, const Context& context) {
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment.
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  return make_openstack_discoverer(options, environment, context);
}

}  // namespace narthex::discovery
