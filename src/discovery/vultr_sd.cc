#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

class VultrRefresher final : public GroupRefresher<VultrOptions> {
 public:
  using GroupRefresher::GroupRefresher;

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    const std::string base = options_.api + "/v2/instances?per_page=500";
    PagedList list;
    list.url = base;
    list.items = "instances";
    list.next = [base](const json::value& page, std::size_t, std::size_t) {
      const std::string_view cursor = text_at(page, "meta", "links", "next");
      return cursor.empty() ? std::string() : base + "&cursor=" + http::percent_encode(cursor);
    };
    list.each = [this, group](const json::value& instance) { add(instance, *group); };
    co_return co_await read_pages(client_.get(), std::move(list), deadline);
  }

  void add(const json::value& instance, TargetGroup& group) const {
    MetaLabels labels("__meta_vultr_instance_");
    for (const char* name : {"id", "label", "os", "os_id", "region", "plan", "main_ip",
                             "internal_ip", "hostname", "server_status", "vcpu_count"})
      labels.set(name, scalar_text(at(instance, name)));
    labels.set("main_ipv6", text_at(instance, "v6_main_ip"));
    labels.set("ram_mb", scalar_text(at(instance, "ram")));
    labels.set("disk_gb", scalar_text(at(instance, "disk")));
    labels.set("allowed_bandwidth_gb", scalar_text(at(instance, "allowed_bandwidth")));
    labels.set("features", joined_tags(list_at(instance, "features"), ","));
    labels.set("tags", joined_tags(list_at(instance, "tags"), ","));
    labels.set_address(text_at(instance, "main_ip"), options_.port);
    group.targets.push_back(labels.build());
  }
};

}  // namespace

MadeDiscoverer make_vultr_discoverer(const VultrOptions& options, const Context& context) {
  return make_api_discoverer<VultrRefresher>(options, context);
}

}  // namespace narthex::discovery
