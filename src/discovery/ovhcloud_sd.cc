#include <array>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "narthex/util/log.h"

#include "discovery/cloud_sd.h"
#include "discovery/encoding.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;

constexpr std::size_t kServersMax = 100'000;

// "[a b]", as Prometheus shows lists in these labels.
std::string list_text(const json::array& list) {
  std::string out = "[";
  for (const json::value& item : list) out += (out.size() == 1 ? "" : " ") + scalar_text(item);
  return out + "]";
}

struct Addresses {
  std::string v4;
  std::string v6;
};

// The last of each family, as Prometheus takes it. A network is no address, unless it is the one of
// a single IPv4 address.
Addresses addresses_of(const json::array& ips) {
  Addresses out;
  for (const json::value& item : ips) {
    const std::string_view text = text_of(item);
    const std::size_t slash = std::min(text.find('/'), text.size());
    boost::system::error_code ec;
    const auto ip = boost::asio::ip::make_address(std::string(text.substr(0, slash)), ec);
    if (ec || ip.is_unspecified()) continue;
    const std::string_view length = text.substr(slash);
    if (!length.empty() && (length != "/32" || !ip.is_v4())) continue;
    (ip.is_v4() ? out.v4 : out.v6) = ip.to_string();
  }
  return out;
}

struct Texts {
  const char* label;
  const char* member;
};

void set_texts(MetaLabels& labels, const json::value& from, std::span<const Texts> texts) {
  for (const auto& [label, member] : texts) labels.set(label, scalar_text(at(from, member)));
}

model::Labels vps_labels(const json::value& server, const Addresses& ips) {
  static constexpr std::array<Texts, 10> kOwn = {{{"offer_type", "offerType"},
                                                  {"display_name", "displayName"},
                                                  {"zone", "zone"},
                                                  {"cluster", "cluster"},
                                                  {"name", "name"},
                                                  {"vcore", "vcore"},
                                                  {"state", "state"},
                                                  {"keymap", "keymap"},
                                                  {"netboot_mode", "netbootMode"},
                                                  {"memory_limit", "memoryLimit"}}};
  static constexpr std::array<Texts, 7> kModel = {
      {{"offer", "offer"},
       {"disk", "disk"},
       {"version", "version"},
       {"model_name", "name"},
       {"model_vcore", "vcore"},
       {"memory", "memory"},
       {"maximum_additional_ip", "maximumAdditionnalIp"}}};
  MetaLabels labels("__meta_ovhcloud_vps_");
  set_texts(labels, server, kOwn);
  set_texts(labels, at(server, "model"), kModel);
  labels.set("datacenter", list_text(list_at(server, "model", "datacenter")));
  labels.set("ipv4", ips.v4);
  labels.set("ipv6", ips.v6);
  return labels.build();
}

model::Labels dedicated_labels(const json::value& server, const Addresses& ips) {
  static constexpr std::array<Texts, 11> kOwn = {{{"state", "state"},
                                                  {"commercial_range", "commercialRange"},
                                                  {"link_speed", "linkSpeed"},
                                                  {"rack", "rack"},
                                                  {"no_intervention", "noIntervention"},
                                                  {"os", "os"},
                                                  {"support_level", "supportLevel"},
                                                  {"server_id", "serverId"},
                                                  {"reverse", "reverse"},
                                                  {"datacenter", "datacenter"},
                                                  {"name", "name"}}};
  MetaLabels labels("__meta_ovhcloud_dedicated_server_");
  set_texts(labels, server, kOwn);
  labels.set("ipv4", ips.v4);
  labels.set("ipv6", ips.v6);
  return labels.build();
}

class OvhRefresher final : public GroupRefresher<OvhOptions> {
 public:
  OvhRefresher(OvhOptions options, std::string api, const Context& context,
               std::shared_ptr<ApiClient> client)
      : GroupRefresher(std::move(options), std::move(client)),
        api_(std::move(api)),
        clock_(context.clock) {}

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    // Requests are signed with the server's time, not ours.
    NX_CO_ASSIGN(const json::value time, co_await client_->get_json(api_ + "/auth/time", deadline));
    server_ahead_seconds_ = int_of(time) - clock_->wall_ms() / 1000;
    const bool is_vps = options_.service == OvhService::kVps;
    const std::string root = is_vps ? "/vps" : "/dedicated/server";
    NX_CO_ASSIGN(const auto answer, co_await ask(root, deadline));
    NX_CO_ASSIGN(const json::value names, json_in(answer, root));
    if (!names.is_array())
      co_return fail(Code::kInvalidArgument, api_ + root + ": no list in the answer");
    if (list_of(names).size() > kServersMax)
      co_return fail(Code::kLimitExceeded, api_ + root + ": more than 100000 servers");
    for (const json::value& name : list_of(names)) {
      const std::string path = root + "/" + http::percent_encode(text_of(name));
      NX_CO_ASSIGN(const auto details, co_await ask(path, deadline));
      NX_CO_ASSIGN(const auto addresses, co_await ask(path + "/ips", deadline));
      if (is_gone(details.status) || is_gone(addresses.status)) {
        util::log_warn("A server of OVHcloud is left out",
                       {{"server", text_of(name)}, {"status", details.status_line}});
        continue;
      }
      NX_CO_ASSIGN(const json::value server, json_in(details, path));
      NX_CO_ASSIGN(const json::value ips, json_in(addresses, path));
      const Addresses found = addresses_of(list_of(ips));
      const std::string& address = found.v4.empty() ? found.v6 : found.v4;
      MetaLabels labels("", is_vps ? vps_labels(server, found) : dedicated_labels(server, found));
      labels.set("__address__", address);
      labels.set("instance", text_at(server, "name"));
      if (!address.empty()) group->targets.push_back(labels.build());
    }
    co_return util::Result<void>();
  }

  // Of one server: the others count all the same. 460 is one whose contract has ended.
  static bool is_gone(int status) { return status == 404 || status == 460; }

  async::Task<http::ClientResponse> ask(std::string path, util::SteadyNs deadline) {
    const std::string url = api_ + path;
    const std::string time = fmt::to_string(clock_->wall_ms() / 1000 + server_ahead_seconds_);
    const std::string text = fmt::format("{}+{}+GET+{}++{}", options_.application_secret,
                                         options_.consumer_key, url, time);
    NX_CO_ASSIGN(auto request, get_request(url, deadline));
    request.headers.add("X-Ovh-Application", options_.application_key);
    request.headers.add("X-Ovh-Consumer", options_.consumer_key);
    request.headers.add("X-Ovh-Timestamp", time);
    request.headers.add("X-Ovh-Signature", "$1$" + to_hex(sha1(text)));
    co_return co_await client_->fetch(std::move(request));
  }

  [[nodiscard]] util::Result<json::value> json_in(const http::ClientResponse& response,
                                                  const std::string& path) const {
    if (response.status == 200) return parse_json(response.body);
    return fail(Code::kIo, fmt::format("{}{}: server returned HTTP status {}: {}", api_, path,
                                       response.status_line, excerpt(response.body)));
  }

  const std::string api_;
  util::Clock* const clock_;
  std::int64_t server_ahead_seconds_ = 0;
};

// The name of a region, or a URL. Empty: neither.
std::string api_of(const std::string& endpoint) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kEndpoints = {
      {{"ovh-eu", "https://eu.api.ovh.com/1.0"},
       {"ovh-ca", "https://ca.api.ovh.com/1.0"},
       {"ovh-us", "https://api.us.ovhcloud.com/1.0"},
       {"kimsufi-eu", "https://eu.api.kimsufi.com/1.0"},
       {"kimsufi-ca", "https://ca.api.kimsufi.com/1.0"},
       {"soyoustart-eu", "https://eu.api.soyoustart.com/1.0"},
       {"soyoustart-ca", "https://ca.api.soyoustart.com/1.0"}}};
  for (const auto& [name, url] : kEndpoints) {
    if (endpoint == name) return std::string(url);
  }
  return endpoint.contains("://") ? without_slash(endpoint) : std::string();
}

}  // namespace

MadeDiscoverer make_ovhcloud_discoverer(const OvhOptions& options, const Context& context) {
  std::string api = api_of(options.endpoint);
  if (api.empty())
    return fail(Code::kInvalidArgument,
                fmt::format("unknown endpoint \"{}\"", excerpt(options.endpoint)));
  http::ClientOptions http;  // There are no HTTP keys in this section.
  http.proxy.from_environment = true;
  NX_ASSIGN(auto client, ApiClient::make(http, context));
  return make_refresh_discoverer(
      OvhOptions::kName, options.refresh_interval, context,
      std::make_unique<OvhRefresher>(options, std::move(api), context, std::move(client)));
}

}  // namespace narthex::discovery
