#include <map>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

constexpr std::string_view kPrefix = "__meta_linode_";

// Sizes are in megabytes.
std::string bytes_text(const json::value& megabytes) {
  return fmt::to_string(static_cast<std::uint64_t>(int_of(megabytes)) << 20U);
}

struct Address {
  bool is_public = false;
  std::string reverse;  // Its name; empty: none.
};

// What the account has, beside the instances.
struct Addresses {
  std::map<std::string, Address, std::less<>> by_ip;
  std::map<std::string, std::vector<std::string>, std::less<>> ranges;  // By where they lead.
};

class LinodeRefresher final : public GroupRefresher<LinodeOptions> {
 public:
  using GroupRefresher::GroupRefresher;

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    Addresses known;
    PagedList ips = list_of_all("/networking/ips");
    ips.each = [&known](const json::value& ip) {
      known.by_ip[std::string(text_at(ip, "address"))] = {
          .is_public = bool_of(at(ip, "public")), .reverse = std::string(text_at(ip, "rdns"))};
    };
    NX_CO_TRY(co_await read_pages(client_.get(), std::move(ips), deadline));
    PagedList ranges = list_of_all("/networking/ipv6/ranges");
    ranges.each = [&known](const json::value& range) {
      known.ranges[std::string(text_at(range, "route_target"))].push_back(
          fmt::format("{}/{}", text_at(range, "range"), scalar_text(at(range, "prefix"))));
    };
    NX_CO_TRY(co_await read_pages(client_.get(), std::move(ranges), deadline));
    PagedList instances = list_of_all("/linode/instances");
    instances.each = [this, &known, group](const json::value& instance) {
      add(instance, known, *group);
    };
    co_return co_await read_pages(client_.get(), std::move(instances), deadline);
  }

  [[nodiscard]] PagedList list_of_all(const std::string& path) const {
    const std::string base = options_.api + "/v4" + path + "?page_size=500&page=";
    PagedList list;
    list.url = base + "1";
    list.items = "data";
    if (!options_.region.empty()) {
      const json::value filter = {{"region", options_.region}};
      list.headers.add("X-Filter", json::serialize(filter));
    }
    list.next = [base](const json::value& page, std::size_t, std::size_t number) {
      const bool is_more = int_of(at(page, "pages")) > static_cast<std::int64_t>(number);
      return is_more ? base + fmt::to_string(number + 1) : std::string();
    };
    return list;
  }

  void add(const json::value& instance, const Addresses& known, TargetGroup& group) const {
    if (list_at(instance, "ipv4").empty()) return;
    MetaLabels labels(kPrefix);
    labels.set("instance_id", scalar_text(at(instance, "id")));
    for (const char* name : {"image", "region", "type", "status", "group", "hypervisor"})
      labels.set(name, text_at(instance, name));
    labels.set("instance_label", text_at(instance, "label"));
    labels.set("tags", joined_tags(list_at(instance, "tags"), options_.tag_separator));
    const json::value& specs = at(instance, "specs");
    labels.set("gpus", scalar_text(at(specs, "gpus")));
    labels.set("specs_disk_bytes", bytes_text(at(specs, "disk")));
    labels.set("specs_memory_bytes", bytes_text(at(specs, "memory")));
    labels.set("specs_transfer_bytes", bytes_text(at(specs, "transfer")));
    labels.set("specs_vcpus", scalar_text(at(specs, "vcpus")));
    labels.set("backups", bool_of(at(instance, "backups", "enabled")) ? "enabled" : "disabled");
    add_ipv6(instance, known, labels);
    labels.set_address(add_ipv4(instance, known, labels), options_.port);
    group.targets.push_back(labels.build());
  }

  // The first public address.
  std::string_view add_ipv4(const json::value& instance, const Addresses& known,
                            MetaLabels& labels) const {
    std::string_view first_public;
    std::string_view first_private;
    std::vector<std::string_view> extra;
    for (const json::value& item : list_at(instance, "ipv4")) {
      const std::string_view ip = text_of(item);
      const auto found = known.by_ip.find(ip);
      if (found == known.by_ip.end()) continue;
      std::string_view& first = found->second.is_public ? first_public : first_private;
      if (!first.empty()) {
        extra.push_back(ip);
        continue;
      }
      first = ip;
      labels.set(found->second.is_public ? "public_ipv4_rdns" : "private_ipv4_rdns",
                 found->second.reverse);
    }
    labels.set("public_ipv4", first_public);
    labels.set("private_ipv4", first_private);
    labels.set("extra_ips", joined_tags(extra, options_.tag_separator));
    return first_public;
  }

  void add_ipv6(const json::value& instance, const Addresses& known, MetaLabels& labels) const {
    const std::string_view text = text_at(instance, "ipv6");  // 2001:db8::1/128
    const std::string_view ip = text.substr(0, text.find('/'));
    if (ip.empty()) return;
    if (const auto found = known.by_ip.find(ip); found != known.by_ip.end()) {
      labels.set("public_ipv6", ip);
      labels.set("public_ipv6_rdns", found->second.reverse);
    }
    if (const auto found = known.ranges.find(ip); found != known.ranges.end())
      labels.set("ipv6_ranges", joined_tags(found->second, options_.tag_separator));
  }
};

}  // namespace

MadeDiscoverer make_linode_discoverer(const LinodeOptions& options, const Context& context) {
  return make_api_discoverer<LinodeRefresher>(options, context);
}

}  // namespace narthex::discovery
