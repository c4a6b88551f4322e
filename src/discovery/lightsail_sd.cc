#include <boost/json/serialize.hpp>

#include "discovery/amazon_client.h"
#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

constexpr std::size_t kPagesMax = 20'000;

class LightsailRefresher final : public Refresher {
 public:
  LightsailRefresher(LightsailOptions options, std::shared_ptr<AmazonClient> client)
      : options_(std::move(options)), client_(std::move(client)) {}

  async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs deadline) override {
    TargetGroup group;
    json::object question;
    for (std::size_t pages = 0;; ++pages) {
      if (pages == kPagesMax)
        co_return util::fail(util::Code::kLimitExceeded, "lightsail: pages without end");
      http::Headers headers;
      headers.add("Content-Type", "application/x-amz-json-1.1");
      headers.add("X-Amz-Target", "Lightsail_20161128.GetInstances");
      std::string body = json::serialize(question);
      NX_CO_ASSIGN(const auto response,
                   co_await client_->post(std::move(headers), std::move(body), deadline));
      NX_CO_ASSIGN(const json::value page, parse_json(response.body));
      if (!at(page, "instances").is_array())
        co_return util::fail(util::Code::kInvalidArgument,
                             "lightsail: no list instances in the answer");
      for (const json::value& instance : list_at(page, "instances")) add(instance, group);
      const std::string_view next = text_at(page, "nextPageToken");
      if (next.empty()) break;
      question["pageToken"] = next;
    }
    group.source = client_->region();
    std::vector<TargetGroup> groups;
    groups.push_back(std::move(group));
    co_return groups;
  }

 private:
  void add(const json::value& instance, TargetGroup& group) const {
    const std::string_view private_ip = text_at(instance, "privateIpAddress");
    if (private_ip.empty()) return;
    MetaLabels labels("__meta_lightsail_");
    labels.set("availability_zone", text_at(instance, "location", "availabilityZone"));
    labels.set("blueprint_id", text_at(instance, "blueprintId"));
    labels.set("bundle_id", text_at(instance, "bundleId"));
    labels.set("instance_name", text_at(instance, "name"));
    labels.set("instance_state", text_at(instance, "state", "name"));
    labels.set("instance_support_code", text_at(instance, "supportCode"));
    labels.set("private_ip", private_ip);
    labels.set("public_ip", text_at(instance, "publicIpAddress"));
    labels.set("region", client_->region());
    labels.set("ipv6_addresses", joined_tags(list_at(instance, "ipv6Addresses"), ","));
    for (const json::value& tag : list_at(instance, "tags"))
      labels.set("tag_" + sanitised(text_at(tag, "key")), text_at(tag, "value"));
    labels.set_address(private_ip, options_.port);
    group.targets.push_back(labels.build());
  }

  const LightsailOptions options_;
  const std::shared_ptr<AmazonClient> client_;
};

}  // namespace

MadeDiscoverer make_lightsail_discoverer(const LightsailOptions& options, const Context& context) {
  NX_ASSIGN(auto client, make_amazon_client(options, context));
  return make_refresh_discoverer(LightsailOptions::kName, options.refresh_interval, context,
                                 std::make_unique<LightsailRefresher>(options, std::move(client)));
}

}  // namespace narthex::discovery
