#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

struct ServiceName {
  std::string name_space;
  std::string name;
};

class NomadRefresher final : public GroupRefresher<NomadOptions> {
 public:
  using GroupRefresher::GroupRefresher;

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    std::vector<ServiceName> services;
    PagedList catalog;
    catalog.url = url("/v1/services", options_.name_space);
    catalog.each = [this, &services](const json::value& in) {
      std::string_view name_space = text_at(in, "Namespace");
      if (name_space.empty()) name_space = options_.name_space;
      for (const json::value& service : list_at(in, "Services"))
        services.push_back({std::string(name_space), std::string(text_at(service, "ServiceName"))});
    };
    NX_CO_TRY(co_await read_pages(client_.get(), std::move(catalog), deadline));
    for (const ServiceName& service : services) {
      PagedList instances;
      instances.url = url("/v1/service/" + http::percent_encode(service.name), service.name_space);
      instances.each = [this, group](const json::value& instance) { add(instance, *group); };
      NX_CO_TRY(co_await read_pages(client_.get(), std::move(instances), deadline));
    }
    co_return util::Result<void>();
  }

  [[nodiscard]] std::string url(const std::string& path, const std::string& name_space) const {
    std::vector<std::pair<std::string, std::string>> params = {{"namespace", name_space},
                                                               {"region", options_.region}};
    if (options_.allow_stale) params.emplace_back("stale", "");
    return with_query(without_slash(options_.server) + path, params);
  }

  void add(const json::value& instance, TargetGroup& group) const {
    const std::string_view host = text_at(instance, "Address");
    const std::int64_t port = int_of(at(instance, "Port"));
    MetaLabels labels("__meta_nomad_");
    labels.set("address", join_host_port(host, port));
    labels.set("dc", text_at(instance, "Datacenter"));
    labels.set("node_id", text_at(instance, "NodeID"));
    labels.set("namespace", text_at(instance, "Namespace"));
    labels.set("service", text_at(instance, "ServiceName"));
    labels.set("service_address", host);
    labels.set("service_id", text_at(instance, "ID"));
    labels.set("service_port", std::to_string(port));
    labels.set("tags", joined_tags(list_at(instance, "Tags"), options_.tag_separator));
    labels.set_address(host, port);
    group.targets.push_back(labels.build());
  }
};

}  // namespace

MadeDiscoverer make_nomad_discoverer(const NomadOptions& options, const Context& context) {
  return make_api_discoverer<NomadRefresher>(options, context);
}

}  // namespace narthex::discovery
