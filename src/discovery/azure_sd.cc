#include "discovery/azure_sd.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;

constexpr std::string_view kPrefix = "__meta_azure_";
constexpr std::string_view kComputeVersion = "api-version=2022-08-01";
constexpr std::string_view kNetworkVersion = "api-version=2022-05-01";
// Interfaces of scale sets are a part of compute with a version of its own.
constexpr std::string_view kScaleSetNetworkVersion = "api-version=2018-10-01";
constexpr std::string_view kExpand = "&$expand=IPConfigurations/PublicIPAddress";
constexpr std::size_t kFileBytesMax = std::size_t{1} << 20U;
constexpr std::size_t kMachinesMax = 500'000;

struct Machine {
  model::Labels labels;
  std::vector<std::string> interfaces;  // Paths.
  bool is_of_scale_set = false;
};

// "/subscriptions/…/resourceGroups/<name>/…", whatever the case of its words.
std::string_view resource_group_of(std::string_view id) {
  while (!id.empty()) {
    const std::size_t end = std::min(id.find('/'), id.size());
    const std::string_view word = id.substr(0, end);
    id.remove_prefix(std::min(end + 1, id.size()));
    if (http::equals_ignoring_case(word, "resourceGroups")) return id.substr(0, id.find('/'));
  }
  return {};
}

class AzureRefresher final : public GroupRefresher<AzureOptions> {
 public:
  AzureRefresher(AzureOptions options, AzureSurroundings around, const Context& context,
                 std::shared_ptr<ApiClient> client)
      : GroupRefresher(std::move(options), std::move(client)),
        around_(std::move(around)),
        env_(context.env) {}

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    NX_CO_ASSIGN(token_, co_await token(deadline));
    std::vector<Machine> machines;
    NX_CO_TRY(
        co_await read_machines(path_of("virtualMachines"), std::string(), &machines, deadline));
    std::vector<std::pair<std::string, std::string>> sets;  // Id and name.
    PagedList list = list_of(path_of("virtualMachineScaleSets"));
    list.each = [&sets](const json::value& set) {
      sets.emplace_back(text_at(set, "id"), text_at(set, "name"));
    };
    NX_CO_TRY(co_await read_pages(client_.get(), std::move(list), deadline));
    for (const auto& [id, name] : sets)
      NX_CO_TRY(co_await read_machines(id + "/virtualMachines", name, &machines, deadline));
    for (const Machine& machine : machines)
      NX_CO_TRY(co_await add_addresses(&machine, group, deadline));
    co_return util::Result<void>();
  }

  [[nodiscard]] std::string path_of(std::string_view what) const {
    std::string out = "/subscriptions/" + http::percent_encode(options_.subscription_id);
    if (!options_.resource_group.empty())
      out += "/resourceGroups/" + http::percent_encode(options_.resource_group);
    return fmt::format("{}/providers/Microsoft.Compute/{}", out, what);
  }

  [[nodiscard]] PagedList list_of(const std::string& path) const {
    PagedList list;
    list.url = fmt::format("{}{}?{}", around_.resource_url, path, kComputeVersion);
    list.items = "value";
    list.headers.add("Authorization", token_);
    list.only_under = around_.resource_url + "/";
    list.next = [](const json::value& page, std::size_t, std::size_t) {
      return std::string(text_at(page, "nextLink"));
    };
    return list;
  }

  async::Task<void> read_machines(std::string path, std::string scale_set,
                                  std::vector<Machine>* machines, util::SteadyNs deadline) {
    PagedList list = list_of(path);
    list.each = [this, &scale_set, machines](const json::value& item) {
      machines->push_back(machine_of(item, scale_set));
    };
    NX_CO_TRY(co_await read_pages(client_.get(), std::move(list), deadline));
    if (machines->size() > kMachinesMax)
      co_return fail(Code::kLimitExceeded, "azure: more machines than 500000");
    co_return util::Result<void>();
  }

  [[nodiscard]] Machine machine_of(const json::value& item, const std::string& scale_set) const {
    const json::value& properties = at(item, "properties");
    MetaLabels labels(kPrefix);
    labels.set("subscription_id", options_.subscription_id);
    labels.set("tenant_id", options_.tenant_id);
    labels.set("machine_id", text_at(item, "id"));
    labels.set("machine_name", text_at(item, "name"));
    labels.set("machine_location", text_at(item, "location"));
    labels.set("machine_resource_group", resource_group_of(text_at(item, "id")));
    labels.set("machine_computer_name", text_at(properties, "osProfile", "computerName"));
    labels.set("machine_os_type", text_at(properties, "storageProfile", "osDisk", "osType"));
    labels.set("machine_size", text_at(properties, "hardwareProfile", "vmSize"));
    labels.set("machine_scale_set", scale_set);
    labels.set_each("machine_tag_", object_at(item, "tags"));
    Machine out{.labels = labels.build(), .interfaces = {}, .is_of_scale_set = !scale_set.empty()};
    for (const json::value& card : list_at(properties, "networkProfile", "networkInterfaces"))
      out.interfaces.emplace_back(text_at(card, "id"));
    return out;
  }

  // The addresses of the primary interface; a machine without one is no target.
  async::Task<void> add_addresses(const Machine* machine, TargetGroup* group,
                                  util::SteadyNs deadline) {
    for (const std::string& path : machine->interfaces) {
      const std::string_view version =
          machine->is_of_scale_set ? kScaleSetNetworkVersion : kNetworkVersion;
      const std::string url =
          fmt::format("{}{}?{}{}", around_.resource_url, path, version, kExpand);
      NX_CO_ASSIGN(auto request, get_request(url, deadline));
      request.headers.add("Authorization", token_);
      NX_CO_ASSIGN(const auto response, co_await client_->fetch(std::move(request)));
      // It may have gone since the machines were listed.
      if (response.status == 404) continue;
      if (response.status != 200)
        co_return fail(Code::kIo, fmt::format("{}: server returned HTTP status {}: {}", url,
                                              response.status_line, excerpt(response.body)));
      NX_CO_ASSIGN(const json::value card, parse_json(response.body));
      const json::value& properties = at(card, "properties");
      const json::value& is_primary = at(properties, "primary");
      // The interfaces of a machine that is not allocated do not say: it does not run.
      if (!is_primary.is_bool()) break;
      if (is_primary.get_bool() && add_target(*machine, properties, *group)) break;
    }
    co_return util::Result<void>();
  }

  // False: the interface has no address.
  [[nodiscard]] bool add_target(const Machine& machine, const json::value& card,
                                TargetGroup& group) const {
    for (const json::value& item : list_at(card, "ipConfigurations")) {
      const json::value& properties = at(item, "properties");
      const std::string_view private_ip = text_at(properties, "privateIPAddress");
      if (private_ip.empty()) continue;
      MetaLabels labels(kPrefix, machine.labels);
      labels.set("machine_private_ip", private_ip);
      labels.set("machine_public_ip",
                 text_at(properties, "publicIPAddress", "properties", "ipAddress"));
      labels.set_address(private_ip, options_.port);
      group.targets.push_back(labels.build());
      return true;
    }
    return false;
  }

  // ---- The token ----

  [[nodiscard]] std::string variable(const char* name) const {
    return around_.environment(name).value_or(std::string());
  }

  async::Task<std::string> token(util::SteadyNs deadline) {
    const std::string& method = options_.authentication_method;
    if (method == "OAuth") {
      co_return co_await client_token(options_.tenant_id, options_.client_id,
                                      options_.client_secret, deadline);
    }
    const std::string secret = variable("AZURE_CLIENT_SECRET");
    if (method == "SDK" && !secret.empty()) {
      co_return co_await client_token(variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"),
                                      secret, deadline);
    }
    const bool has_file = !variable("AZURE_FEDERATED_TOKEN_FILE").empty();
    if (method == "WorkloadIdentity" || (method == "SDK" && has_file))
      co_return co_await workload_token(deadline);
    co_return co_await machine_token(deadline);
  }

  async::Task<std::string> client_token(std::string tenant, std::string client, std::string secret,
                                        util::SteadyNs deadline) {
    std::vector<std::pair<std::string, std::string>> form = {{"client_id", std::move(client)},
                                                             {"client_secret", std::move(secret)}};
    co_return co_await ask_login(std::move(tenant), std::move(form), deadline);
  }

  async::Task<std::string> workload_token(util::SteadyNs deadline) {
    const std::string path = variable("AZURE_FEDERATED_TOKEN_FILE");
    if (path.empty())
      co_return fail(Code::kInvalidArgument, "azure: AZURE_FEDERATED_TOKEN_FILE is not set");
    NX_CO_ASSIGN(std::string assertion, env_->read_file(path, kFileBytesMax));
    while (assertion.ends_with('\n') || assertion.ends_with(' ')) assertion.pop_back();
    const auto configured = [this](const std::string& given, const char* name) {
      return given.empty() ? variable(name) : given;
    };
    std::vector<std::pair<std::string, std::string>> form = {
        {"client_id", configured(options_.client_id, "AZURE_CLIENT_ID")},
        {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
        {"client_assertion", assertion}};
    std::string tenant = configured(options_.tenant_id, "AZURE_TENANT_ID");
    co_return co_await ask_login(std::move(tenant), std::move(form), deadline);
  }

  async::Task<std::string> ask_login(std::string tenant,
                                     std::vector<std::pair<std::string, std::string>> form,
                                     util::SteadyNs deadline) {
    form.emplace_back("grant_type", "client_credentials");
    form.emplace_back("scope", around_.resource_url + "/.default");
    NX_CO_ASSIGN(auto request, get_request(fmt::format("{}/{}/oauth2/v2.0/token", around_.login_url,
                                                       http::percent_encode(tenant)),
                                           deadline));
    request.method = "POST";
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.body = query_string(form);
    co_return co_await token_in(std::move(request));
  }

  async::Task<std::string> machine_token(util::SteadyNs deadline) {
    std::vector<std::pair<std::string, std::string>> params = {
        {"api-version", "2018-02-01"}, {"resource", around_.resource_url + "/"}};
    if (!options_.client_id.empty()) params.emplace_back("client_id", options_.client_id);
    const std::string url =
        with_query(around_.metadata_url + "/metadata/identity/oauth2/token", params);
    NX_CO_ASSIGN(auto request, get_request(url, deadline));
    request.headers.add("Metadata", "true");
    co_return co_await token_in(std::move(request));
  }

  async::Task<std::string> token_in(http::ClientRequest request) {
    NX_CO_ASSIGN(const json::value answer, co_await client_->fetch_json(std::move(request)));
    const std::string_view token = text_at(answer, "access_token");
    if (token.empty())
      co_return fail(Code::kInvalidArgument, "azure: no access_token in the answer");
    co_return "Bearer " + std::string(token);
  }

  const AzureSurroundings around_;
  util::Env* const env_;
  std::string token_;  // Of this round.
};

}  // namespace

util::Result<AzureSurroundings> azure_surroundings(const std::string& environment) {
  static constexpr std::array<std::array<std::string_view, 3>, 3> kClouds = {{
      {"AzurePublicCloud", "https://login.microsoftonline.com", "https://management.azure.com"},
      {"AzureChinaCloud", "https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn"},
      {"AzureUSGovernment", "https://login.microsoftonline.us",
       "https://management.usgovcloudapi.net"},
  }};
  AzureSurroundings out;
  for (const auto& [name, login, resource] : kClouds) {
    const bool is_short = name == "AzureUSGovernment" &&
                          http::equals_ignoring_case(environment, "AzureUSGovernmentCloud");
    if (!is_short && !http::equals_ignoring_case(environment, name)) continue;
    out.login_url = login;
    out.resource_url = resource;
  }
  if (out.login_url.empty())
    return fail(Code::kInvalidArgument,
                fmt::format("there is no cloud environment matching the name \"{}\"",
                            excerpt(environment)));
  out.environment = [](const std::string& name) -> std::optional<std::string> {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment.
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  return out;
}

MadeDiscoverer make_azure_discoverer(const AzureOptions& options, const AzureSurroundings& around,
                                     const Context& context) {
  NX_ASSIGN(auto client, ApiClient::make(options.http, context));
  return make_refresh_discoverer(
      AzureOptions::kName, options.refresh_interval, context,
      std::make_unique<AzureRefresher>(options, around, context, std::move(client)));
}

MadeDiscoverer make_azure_discoverer(const AzureOptions& options, const Context& context) {
  NX_ASSIGN(const AzureSurroundings around, azure_surroundings(options.environment));
  return make_azure_discoverer(options, around, context);
}

}  // namespace narthex::discovery
