#include "discovery/gce_sd.h"

#include <cstdlib>

#include <fmt/format.h>

#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;

constexpr std::size_t kPagesMax = 20'000;
constexpr std::size_t kFileBytesMax = std::size_t{1} << 20U;
constexpr const char* kScope = "https://www.googleapis.com/auth/compute.readonly";
constexpr std::string_view kPrefix = "__meta_gce_";

// Where a token comes from, beside what is in the credentials file.
enum class TokenFrom : std::uint8_t { kUnknown, kClient, kUser, kMachine };

// There are no HTTP keys in this section; a proxy can stand in the environment.
http::ClientOptions plain_http() {
  http::ClientOptions out;
  out.proxy.from_environment = true;
  return out;
}

class GceRefresher final : public Refresher {
 public:
  GceRefresher(GceOptions options, GoogleSurroundings around, const Context& context,
               std::shared_ptr<ApiClient> client)
      : options_(std::move(options)),
        around_(std::move(around)),
        context_(context),
        client_(std::move(client)) {}

  async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs deadline) override {
    if (from_ == TokenFrom::kUnknown) NX_CO_TRY(find_credentials());
    TargetGroup group;
    group.source = fmt::format("GCE_{}_{}", options_.project, options_.zone);
    std::vector<std::pair<std::string, std::string>> params = {{"maxResults", "500"}};
    if (!options_.filter.empty()) params.emplace_back("filter", options_.filter);
    const std::string base = with_query(
        fmt::format("{}/compute/v1/projects/{}/zones/{}/instances", around_.compute_url,
                    http::percent_encode(options_.project), http::percent_encode(options_.zone)),
        params);
    NX_CO_ASSIGN(const std::string authorization, co_await token(deadline));
    ApiClient* const client = from_ == TokenFrom::kClient ? signing_client_.get() : client_.get();
    std::string url = base;
    for (std::size_t pages = 0; !url.empty(); ++pages) {
      if (pages == kPagesMax) co_return fail(Code::kLimitExceeded, "gce: pages without end");
      NX_CO_ASSIGN(auto request, get_request(url, deadline));
      if (!authorization.empty()) request.headers.add("Authorization", authorization);
      NX_CO_ASSIGN(const json::value page, co_await client->fetch_json(std::move(request)));
      // An empty page has no list, but every answer says what it is.
      if (text_at(page, "kind") != "compute#instanceList")
        co_return fail(Code::kInvalidArgument, "gce: no list of instances in the answer");
      for (const json::value& instance : list_at(page, "items")) add(instance, group);
      const std::string_view next = text_at(page, "nextPageToken");
      url = next.empty() ? std::string() : base + "&pageToken=" + http::percent_encode(next);
    }
    std::vector<TargetGroup> groups;
    groups.push_back(std::move(group));
    co_return groups;
  }

 private:
  // A file named by the environment, the one that gcloud writes, or this machine's own account.
  util::Result<void> find_credentials() {
    const std::string named = around_.environment("GOOGLE_APPLICATION_CREDENTIALS").value_or("");
    const std::string path = !named.empty()
                                 ? named
                                 : around_.environment("HOME").value_or("") +
                                       "/.config/gcloud/application_default_credentials.json";
    const auto text = context_.env->read_file(path, kFileBytesMax);
    if (!text && named.empty() && text.error().code() == Code::kNotFound) {
      from_ = TokenFrom::kMachine;
      return {};
    }
    if (!text) return std::unexpected(util::Error(text.error()).with_context(path));
    NX_ASSIGN(credentials_, parse_json(*text));
    const std::string_view type = text_at(credentials_, "type");
    if (type == "authorized_user") {
      from_ = TokenFrom::kUser;
      return {};
    }
    if (type != "service_account")
      return fail(
          Code::kUnsupported,
          fmt::format("{}: credentials of type \"{}\" are not supported", path, excerpt(type)));
    http::OAuth2 oauth2;
    oauth2.grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    oauth2.client_id = text_at(credentials_, "client_email");
    oauth2.client_certificate_key.text = text_at(credentials_, "private_key");
    oauth2.client_certificate_key_id = text_at(credentials_, "private_key_id");
    oauth2.token_url = text_at(credentials_, "token_uri");
    oauth2.scopes = {kScope};
    oauth2.proxy.from_environment = true;
    http::ClientOptions with_token = plain_http();
    with_token.oauth2 = std::move(oauth2);
    NX_ASSIGN(signing_client_, ApiClient::make(with_token, context_));
    from_ = TokenFrom::kClient;
    return {};
  }

  // The value of the Authorization header; empty: the client adds it.
  async::Task<std::string> token(util::SteadyNs deadline) {
    if (from_ == TokenFrom::kClient) co_return std::string();
    http::ClientRequest request;
    if (from_ == TokenFrom::kMachine) {
      NX_CO_ASSIGN(request,
                   get_request(around_.metadata_url +
                                   "/computeMetadata/v1/instance/service-accounts/default/token",
                               deadline));
      request.headers.add("Metadata-Flavor", "Google");
    } else {
      NX_CO_ASSIGN(request, get_request(around_.token_url, deadline));
      request.method = "POST";
      request.headers.add("Content-Type", "application/x-www-form-urlencoded");
      const std::vector<std::pair<std::string, std::string>> form = {
          {"grant_type", "refresh_token"},
          {"client_id", std::string(text_at(credentials_, "client_id"))},
          {"client_secret", std::string(text_at(credentials_, "client_secret"))},
          {"refresh_token", std::string(text_at(credentials_, "refresh_token"))}};
      request.body = query_string(form);
    }
    NX_CO_ASSIGN(const json::value answer, co_await client_->fetch_json(std::move(request)));
    const std::string_view token = text_at(answer, "access_token");
    if (token.empty()) co_return fail(Code::kInvalidArgument, "gce: no access_token in the answer");
    co_return "Bearer " + std::string(token);
  }

  void add(const json::value& instance, TargetGroup& group) const {
    const json::array& interfaces = list_at(instance, "networkInterfaces");
    if (interfaces.empty()) return;
    const json::value& first = interfaces.front();
    const std::string_view private_ip = text_at(first, "networkIP");
    MetaLabels labels(kPrefix);
    labels.set("project", options_.project);
    labels.set("zone", text_at(instance, "zone"));
    labels.set("instance_id", scalar_text(at(instance, "id")));
    labels.set("instance_name", text_at(instance, "name"));
    labels.set("instance_status", text_at(instance, "status"));
    labels.set("machine_type", text_at(instance, "machineType"));
    labels.set("network", text_at(first, "network"));
    labels.set("subnetwork", text_at(first, "subnetwork"));
    labels.set("private_ip", private_ip);
    for (const json::value& card : interfaces)
      labels.set("interface_ipv4_" + sanitised(text_at(card, "name")), text_at(card, "networkIP"));
    labels.set("tags", joined_tags(list_at(instance, "tags", "items"), options_.tag_separator));
    for (const json::value& item : list_at(instance, "metadata", "items"))
      labels.set("metadata_" + sanitised(text_at(item, "key")), text_at(item, "value"));
    labels.set_each("label_", object_at(instance, "labels"));
    const json::array& access = list_at(first, "accessConfigs");
    if (!access.empty() && text_at(access.front(), "type") == "ONE_TO_ONE_NAT")
      labels.set("public_ip", text_at(access.front(), "natIP"));
    labels.set_address(private_ip, options_.port);
    group.targets.push_back(labels.build());
  }

  const GceOptions options_;
  const GoogleSurroundings around_;
  const Context context_;
  const std::shared_ptr<ApiClient> client_;
  TokenFrom from_ = TokenFrom::kUnknown;
  json::value credentials_;
  std::shared_ptr<ApiClient> signing_client_;
};

}  // namespace

GoogleSurroundings google_surroundings() {
  GoogleSurroundings out;
  out.environment = [](const std::string& name) -> std::optional<std::string> {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment.
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  // As Google's libraries have it: for machines that reach their metadata elsewhere.
  if (const auto host = out.environment("GCE_METADATA_HOST"); host && !host->empty())
    out.metadata_url = "http://" + *host;
  return out;
}

MadeDiscoverer make_gce_discoverer(const GceOptions& options, const GoogleSurroundings& around,
                                   const Context& context) {
  NX_ASSIGN(auto client, ApiClient::make(plain_http(), context));
  return make_refresh_discoverer(
      GceOptions::kName, options.refresh_interval, context,
      std::make_unique<GceRefresher>(options, around, context, std::move(client)));
}

MadeDiscoverer make_gce_discoverer(const GceOptions& options, const Context& context) {
  return make_gce_discoverer(options, google_surroundings(), context);
}

}  // namespace narthex::discovery
