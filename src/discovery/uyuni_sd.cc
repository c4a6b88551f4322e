#include <chrono>
#include <map>

#include <fmt/format.h>

#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"
#include "discovery/xml_rpc.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;

// How long a session is asked for, and used.
constexpr std::chrono::seconds kSession{600};
constexpr std::size_t kSystemsMax = 100'000;

struct System {
  std::string groups;
  std::string host_name;
  std::string primary_name;  // Fully qualified.
};

class UyuniRefresher final : public GroupRefresher<UyuniOptions> {
 public:
  UyuniRefresher(UyuniOptions options, const Context& context, std::shared_ptr<ApiClient> client)
      : GroupRefresher(std::move(options), std::move(client)),
        clock_(context.clock),
        url_(without_slash(options_.server) + "/rpc/api") {}

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    auto found = co_await find(group, deadline);
    if (!found) session_.clear();  // That may be what is wrong.
    co_return found;
  }

  async::Task<void> find(TargetGroup* group, util::SteadyNs deadline) {
    NX_CO_TRY(co_await log_in(deadline));
    std::map<std::int64_t, System> systems;
    NX_CO_TRY(co_await find_systems(&systems, deadline));
    if (systems.empty()) co_return util::Result<void>();
    std::vector<std::int64_t> ids;
    for (const auto& [id, system] : systems) ids.push_back(id);
    NX_CO_TRY(co_await find_names(&systems, &ids, deadline));
    std::vector<XmlRpcParam> params = {session_, ids};
    NX_CO_ASSIGN(const XmlNode answer,
                 co_await call("system.monitoring.listEndpoints", std::move(params), deadline));
    NX_CO_ASSIGN(const XmlRpcValue endpoints, list_in(answer));
    for (const XmlRpcValue& endpoint : endpoints.items()) {
      const auto system = systems.find(endpoint.member("system_id").number());
      if (system != systems.end()) group->targets.push_back(target_of(endpoint, system->second));
    }
    co_return util::Result<void>();
  }

  async::Task<void> log_in(util::SteadyNs deadline) {
    const util::SteadyNs now = clock_->steady_ns();
    if (!session_.empty() && now < session_ends_) co_return util::Result<void>();
    std::vector<XmlRpcParam> params = {options_.username, options_.password,
                                       static_cast<std::int64_t>(kSession.count())};
    NX_CO_ASSIGN(const XmlNode answer, co_await call("auth.login", std::move(params), deadline));
    NX_CO_ASSIGN(const XmlRpcValue value, xml_rpc_answer(answer));
    session_ = value.text();
    session_ends_ = now + std::chrono::nanoseconds(kSession).count();
    if (session_.empty()) co_return fail(Code::kInvalidArgument, "uyuni: no session in the answer");
    co_return util::Result<void>();
  }

  // Those with the entitlement, and the groups that they are in.
  async::Task<void> find_systems(std::map<std::int64_t, System>* systems, util::SteadyNs deadline) {
    std::vector<XmlRpcParam> params = {session_, options_.entitlement};
    NX_CO_ASSIGN(const XmlNode answer,
                 co_await call("system.listSystemGroupsForSystemsWithEntitlement",
                               std::move(params), deadline));
    NX_CO_ASSIGN(const XmlRpcValue list, list_in(answer));
    for (const XmlRpcValue& item : list.items()) {
      std::string groups;
      for (const XmlRpcValue& group : item.member("system_groups").items())
        groups += (groups.empty() ? "" : options_.separator) + group.member("name").text();
      (*systems)[item.member("id").number()].groups = std::move(groups);
    }
    if (systems->size() > kSystemsMax)
      co_return fail(Code::kLimitExceeded, "uyuni: more systems than 100000");
    co_return util::Result<void>();
  }

  async::Task<void> find_names(std::map<std::int64_t, System>* systems,
                               const std::vector<std::int64_t>* ids, util::SteadyNs deadline) {
    std::vector<XmlRpcParam> params = {session_, *ids};
    NX_CO_ASSIGN(const XmlNode answer,
                 co_await call("system.getNetworkForSystems", std::move(params), deadline));
    NX_CO_ASSIGN(const XmlRpcValue list, list_in(answer));
    for (const XmlRpcValue& item : list.items()) {
      const auto system = systems->find(item.member("system_id").number());
      if (system == systems->end()) continue;
      system->second.host_name = item.member("hostname").text();
      system->second.primary_name = item.member("primary_fqdn").text();
    }
    co_return util::Result<void>();
  }

  [[nodiscard]] model::Labels target_of(const XmlRpcValue& endpoint, const System& system) const {
    MetaLabels labels("__meta_uyuni_");
    labels.set("minion_hostname", system.host_name);
    labels.set("primary_fqdn", system.primary_name);
    labels.set("groups", system.groups);
    labels.set("system_id", endpoint.member("system_id").text());
    labels.set("endpoint_name", endpoint.member("endpoint_name").text());
    labels.set("exporter", endpoint.member("exporter_name").text());
    labels.set("proxy_module", endpoint.member("module").text());
    labels.set("metrics_path", endpoint.member("path").text());
    labels.set("scheme", endpoint.member("tls_enabled").flag() ? "https" : "http");
    labels.set_plain("__address__",
                     fmt::format("{}:{}", system.host_name, endpoint.member("port").number()));
    return labels.build();
  }

  // The document: what is made of it are views into it.
  async::Task<XmlNode> call(std::string method, std::vector<XmlRpcParam> params,
                            util::SteadyNs deadline) {
    NX_CO_ASSIGN(auto request, get_request(url_, deadline));
    request.method = "POST";
    request.headers.set("Accept", "text/xml");
    request.headers.add("Content-Type", "text/xml");
    request.body = xml_rpc_call(method, params);
    NX_CO_ASSIGN(const auto response, co_await client_->fetch_ok(std::move(request)));
    auto parsed = parse_xml(response.body);
    if (!parsed)
      co_return std::unexpected(
          std::move(parsed).error().with_context(fmt::format("{}: {}", url_, method)));
    co_return *std::move(parsed);
  }

  static util::Result<XmlRpcValue> list_in(const XmlNode& answer) {
    NX_ASSIGN(const XmlRpcValue value, xml_rpc_answer(answer));
    if (!value.is_array()) return fail(Code::kInvalidArgument, "uyuni: no list in the answer");
    return value;
  }

  util::Clock* const clock_;
  const std::string url_;
  std::string session_;
  util::SteadyNs session_ends_ = 0;
};

}  // namespace

MadeDiscoverer make_uyuni_discoverer(const UyuniOptions& options, const Context& context) {
  NX_TRY(http::Url::parse(options.server));
  NX_ASSIGN(auto client, ApiClient::make(options.http, context));
  return make_refresh_discoverer(
      UyuniOptions::kName, options.refresh_interval, context,
      std::make_unique<UyuniRefresher>(options, context, std::move(client)));
}

}  // namespace narthex::discovery
