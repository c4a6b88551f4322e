#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "discovery/amazon_client.h"
#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

constexpr std::size_t kPagesMax = 20'000;

using Form = std::vector<std::pair<std::string, std::string>>;
using ZoneIds = std::map<std::string, std::string, std::less<>>;  // By the zone's name.

// What an instance's network interfaces have.
struct Interfaces {
  std::vector<std::string> subnets;  // Each once.
  std::vector<std::string> ipv6;
  std::map<int, std::string> primary_ipv6;  // By the number of the device.
};

Interfaces interfaces_of(const XmlNode& instance) {
  Interfaces out;
  for (const XmlNode& card : instance.at("networkInterfaceSet").children) {
    const std::string& subnet = card.at("subnetId").text;
    if (!subnet.empty() && std::ranges::find(out.subnets, subnet) == out.subnets.end())
      out.subnets.push_back(subnet);
    const std::string& index_text = card.at("attachment", "deviceIndex").text;
    int index = 0;
    std::from_chars(index_text.data(), index_text.data() + index_text.size(), index);
    for (const XmlNode& item : card.at("ipv6AddressesSet").children) {
      const std::string& ip = item.at("ipv6Address").text;
      if (ip.empty()) continue;
      out.ipv6.push_back(ip);
      if (item.at("isPrimaryIpv6").text == "true") out.primary_ipv6[index] = ip;
    }
  }
  return out;
}

class Ec2Refresher final : public Refresher {
 public:
  Ec2Refresher(Ec2Options options, std::shared_ptr<AmazonClient> client)
      : options_(std::move(options)), client_(std::move(client)) {}

  async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs deadline) override {
    NX_CO_ASSIGN(const ZoneIds zones, co_await zone_ids(deadline));
    Form form = {{"MaxResults", "1000"}};
    for (std::size_t i = 0; i < options_.filters.size(); ++i) {
      const ListFilter& filter = options_.filters[i];
      form.emplace_back(fmt::format("Filter.{}.Name", i + 1), filter.name);
      for (std::size_t k = 0; k < filter.values.size(); ++k)
        form.emplace_back(fmt::format("Filter.{}.Value.{}", i + 1, k + 1), filter.values[k]);
    }
    TargetGroup group;
    std::string next;
    for (std::size_t pages = 0; pages == 0 || !next.empty(); ++pages) {
      if (pages == kPagesMax)
        co_return util::fail(util::Code::kLimitExceeded, "ec2: pages without end");
      Form with_token = form;
      if (!next.empty()) with_token.emplace_back("NextToken", next);
      NX_CO_ASSIGN(const XmlNode page, co_await ask("DescribeInstances", with_token, deadline));
      for (const XmlNode& reservation : page.at("reservationSet").children) {
        for (const XmlNode& instance : reservation.at("instancesSet").children)
          add(reservation, instance, zones, group);
      }
      next = page.at("nextToken").text;
    }
    group.source = client_->region();
    std::vector<TargetGroup> groups;
    groups.push_back(std::move(group));
    co_return groups;
  }

 private:
  async::Task<XmlNode> ask(const char* action, Form form, util::SteadyNs deadline) {
    form.emplace_back("Action", action);
    form.emplace_back("Version", "2016-11-15");
    http::Headers headers;
    headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    std::string body = query_string(form);
    NX_CO_ASSIGN(const auto response,
                 co_await client_->post(std::move(headers), std::move(body), deadline));
    NX_CO_ASSIGN(XmlNode root, parse_xml(response.body));
    if (root.name != std::string(action) + "Response")
      co_return util::fail(util::Code::kInvalidArgument,
                           fmt::format("ec2: {} is answered by {}", action, excerpt(root.name)));
    co_return root;
  }

  // Names of zones mean something else in every account; their ids do not.
  async::Task<ZoneIds> zone_ids(util::SteadyNs deadline) {
    const Form no_params;
    NX_CO_ASSIGN(const XmlNode root,
                 co_await ask("DescribeAvailabilityZones", no_params, deadline));
    ZoneIds out;
    for (const XmlNode& zone : root.at("availabilityZoneInfo").children)
      out[zone.at("zoneName").text] = zone.at("zoneId").text;
    co_return out;
  }

  void add(const XmlNode& reservation, const XmlNode& instance, const ZoneIds& zones,
           TargetGroup& group) const {
    const std::string& private_ip = instance.at("privateIpAddress").text;
    const std::string& default_ipv6 = instance.at("ipv6Address").text;
    if (private_ip.empty() && default_ipv6.empty()) return;
    MetaLabels labels("__meta_ec2_");
    static constexpr std::pair<const char*, const char*> kTexts[] = {
        {"instance_id", "instanceId"},          {"ami", "imageId"},
        {"architecture", "architecture"},       {"instance_lifecycle", "instanceLifecycle"},
        {"instance_type", "instanceType"},      {"platform", "platform"},
        {"private_dns_name", "privateDnsName"}, {"private_ip", "privateIpAddress"},
        {"public_dns_name", "dnsName"},         {"public_ip", "ipAddress"},
        {"default_ipv6_address", "ipv6Address"}};
    for (const auto& [name, element] : kTexts) labels.set(name, instance.at(element).text);
    labels.set("region", client_->region());
    labels.set("owner_id", reservation.at("ownerId").text);
    labels.set("instance_state", instance.at("instanceState", "name").text);
    const std::string& zone = instance.at("placement", "availabilityZone").text;
    labels.set("availability_zone", zone);
    if (const auto id = zones.find(zone); id != zones.end())
      labels.set("availability_zone_id", id->second);
    add_network(instance, labels);
    for (const XmlNode& tag : instance.at("tagSet").children) {
      if (!tag.at("key").text.empty())
        labels.set("tag_" + sanitised(tag.at("key").text), tag.at("value").text);
    }
    labels.set_address(private_ip.empty() ? default_ipv6 : private_ip, options_.port);
    group.targets.push_back(labels.build());
  }

  static void add_network(const XmlNode& instance, MetaLabels& labels) {
    const std::string& vpc = instance.at("vpcId").text;
    if (vpc.empty()) return;
    labels.set("vpc_id", vpc);
    labels.set("primary_subnet_id", instance.at("subnetId").text);
    const Interfaces interfaces = interfaces_of(instance);
    labels.set("subnet_id", joined_tags(interfaces.subnets, ","));
    labels.set("ipv6_addresses", joined_tags(interfaces.ipv6, ","));
    std::vector<std::string> primary;
    for (const auto& [index, ip] : interfaces.primary_ipv6) primary.push_back(ip);
    labels.set("primary_ipv6_addresses", joined_tags(primary, ","));
  }

  const Ec2Options options_;
  const std::shared_ptr<AmazonClient> client_;
};

}  // namespace

MadeDiscoverer make_ec2_discoverer(const Ec2Options& options, const Context& context) {
  NX_ASSIGN(auto client, make_amazon_client(options, context));
  return make_refresh_discoverer(Ec2Options::kName, options.refresh_interval, context,
                                 std::make_unique<Ec2Refresher>(options, std::move(client)));
}

}  // namespace narthex::discovery
