#include <fmt/format.h>

#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

class TritonRefresher final : public GroupRefresher<TritonOptions> {
 public:
  using GroupRefresher::GroupRefresher;

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    const bool is_node = options_.role == TritonRole::kComputeNode;
    PagedList list;
    list.url = fmt::format("{}://{}/v{}/{}", options_.scheme,
                           join_host_port(options_.endpoint, options_.port), options_.version,
                           is_node ? "gz/discover" : "discover");
    if (!is_node && !options_.groups.empty()) list.url += "?groups=" + groups();
    list.items = is_node ? "cns" : "containers";
    list.each = [this, is_node, group](const json::value& item) {
      group->targets.push_back(is_node ? compute_node(item) : container(item));
    };
    co_return co_await read_pages(client_.get(), std::move(list), deadline);
  }

  [[nodiscard]] std::string groups() const {
    std::string out;
    for (const std::string& name : options_.groups)
      out += (out.empty() ? "" : ",") + http::percent_encode(name);
    return out;
  }

  [[nodiscard]] model::Labels container(const json::value& item) const {
    MetaLabels labels("__meta_triton_");
    labels.set("groups", joined_tags(list_at(item, "groups"), ","));
    labels.set("machine_alias", text_at(item, "vm_alias"));
    labels.set("machine_brand", text_at(item, "vm_brand"));
    labels.set("machine_id", text_at(item, "vm_uuid"));
    labels.set("machine_image", text_at(item, "vm_image_uuid"));
    labels.set("server_id", text_at(item, "server_uuid"));
    set_address(text_at(item, "vm_uuid"), labels);
    return labels.build();
  }

  [[nodiscard]] model::Labels compute_node(const json::value& item) const {
    MetaLabels labels("__meta_triton_");
    labels.set("machine_alias", text_at(item, "server_hostname"));
    labels.set("machine_id", text_at(item, "server_uuid"));
    set_address(text_at(item, "server_uuid"), labels);
    return labels.build();
  }

  void set_address(std::string_view id, MetaLabels& labels) const {
    labels.set_address(fmt::format("{}.{}", id, options_.dns_suffix), options_.port);
  }
};

}  // namespace

MadeDiscoverer make_triton_discoverer(const TritonOptions& options, const Context& context) {
  return make_api_discoverer<TritonRefresher>(options, context);
}

}  // namespace narthex::discovery
