#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"
#include "discovery/xml.h"

namespace narthex::discovery {
namespace {

constexpr std::string_view kPrefix = "__meta_eureka_app_";

// <metadata><key>value</key>…</metadata>
void set_each(MetaLabels& labels, const std::string& name, const XmlNode& members) {
  for (const XmlNode& member : members.children)
    labels.set(name + sanitised(member.name), member.text);
}

model::Labels target_of(const XmlNode& instance) {
  MetaLabels labels(kPrefix);
  static constexpr std::pair<const char*, const char*> kTexts[] = {
      {"hostname", "hostName"},
      {"homepage_url", "homePageUrl"},
      {"statuspage_url", "statusPageUrl"},
      {"healthcheck_url", "healthCheckUrl"},
      {"ip_addr", "ipAddr"},
      {"vip_address", "vipAddress"},
      {"secure_vip_address", "secureVipAddress"},
      {"status", "status"},
      {"country_id", "countryId"},
      {"id", "instanceId"}};
  for (const auto& [name, element] : kTexts)
    labels.set(std::string("instance_") + name, instance.at(element).text);
  labels.set_plain("instance", instance.at("instanceId").text);
  const XmlNode& port = instance.at("port");
  labels.set("instance_port", port.text);
  labels.set("instance_port_enabled", port.attribute("enabled"));
  const XmlNode& secure_port = instance.at("securePort");
  labels.set("instance_secure_port", secure_port.text);
  labels.set("instance_secure_port_enabled", secure_port.attribute("enabled"));
  const XmlNode& center = instance.at("dataCenterInfo");
  labels.set("instance_datacenterinfo_name", center.at("name").text);
  set_each(labels, "instance_datacenterinfo_metadata_", center.at("metadata"));
  set_each(labels, "instance_metadata_", instance.at("metadata"));
  const std::string_view host = instance.at("hostName").text;
  const bool is_ipv6 = host.contains(':');
  labels.set_plain("__address__", (is_ipv6 ? "[" : "") + std::string(host) +
                                      (is_ipv6 ? "]:" : ":") +
                                      (port.text.empty() ? "80" : port.text));
  return labels.build();
}

class EurekaRefresher final : public Refresher {
 public:
  EurekaRefresher(EurekaOptions options, std::shared_ptr<ApiClient> client)
      : options_(std::move(options)), client_(std::move(client)) {}

  async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs deadline) override {
    NX_CO_ASSIGN(auto request, get_request(without_slash(options_.server) + "/apps", deadline));
    request.headers.set("Accept", "application/xml");
    NX_CO_ASSIGN(const auto response, co_await client_->fetch_ok(std::move(request)));
    NX_CO_ASSIGN(const XmlNode root, parse_xml(response.body));
    if (root.name != "applications")
      co_return util::fail(util::Code::kInvalidArgument,
                           options_.server + ": no applications in the answer");
    std::vector<TargetGroup> groups;
    for (const XmlNode& app : root.children) {
      if (app.name != "application") continue;
      MetaLabels common(kPrefix);
      common.set("name", app.at("name").text);
      TargetGroup group{.source = app.at("name").text, .labels = common.build(), .targets = {}};
      for (const XmlNode& instance : app.children) {
        if (instance.name == "instance") group.targets.push_back(target_of(instance));
      }
      groups.push_back(std::move(group));
    }
    co_return groups;
  }

 private:
  const EurekaOptions options_;
  const std::shared_ptr<ApiClient> client_;
};

}  // namespace

MadeDiscoverer make_eureka_discoverer(const EurekaOptions& options, const Context& context) {
  return make_api_discoverer<EurekaRefresher>(options, context);
}

}  // namespace narthex::discovery
