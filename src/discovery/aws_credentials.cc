#include "discovery/aws_credentials.h"

#include <cstdlib>
#include <map>

#include <fmt/format.h>

namespace narthex::discovery {

using util::Code;
using util::fail;

namespace {

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20U;
constexpr util::SteadyNs kMinuteNs = 60'000'000'000;
// Keys of a role are asked for an hour; those of metadata are renewed long before they end.
constexpr util::SteadyNs kRoleNs = 45 * kMinuteNs;
constexpr util::SteadyNs kMetadataNs = 5 * kMinuteNs;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

// The keys of one section of a file of "name = value" lines under "[section]" ones.
std::map<std::string, std::string> section_of(std::string_view text, std::string_view section) {
  std::map<std::string, std::string> out;
  bool is_inside = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('[')) {
      is_inside = trimmed(line.substr(1, line.find(']') - 1)) == section;
    } else if (const std::size_t equal = line.find('=');
               is_inside && equal != std::string_view::npos && !line.starts_with('#')) {
      out[std::string(trimmed(line.substr(0, equal)))] = trimmed(line.substr(equal + 1));
    }
  }
  return out;
}

AwsKeys keys_of(const XmlNode& credentials) {
  return {.access_key = credentials.at("AccessKeyId").text,
          .secret_key = credentials.at("SecretAccessKey").text,
          .session_token = credentials.at("SessionToken").text};
}

AwsKeys keys_of(const json::value& credentials) {
  return {.access_key = std::string(text_at(credentials, "AccessKeyId")),
          .secret_key = std::string(text_at(credentials, "SecretAccessKey")),
          .session_token = std::string(text_at(credentials, "Token"))};
}

util::Result<AwsKeys> checked(AwsKeys keys, std::string_view where) {
  if (keys.access_key.empty() || keys.secret_key.empty())
    return fail(Code::kInvalidArgument, fmt::format("{}: no keys in the answer", where));
  return keys;
}

util::Result<http::ClientRequest> form_request(
    const std::string& url, const std::vector<std::pair<std::string, std::string>>& form,
    util::SteadyNs deadline) {
  NX_ASSIGN(auto request, get_request(url, deadline));
  request.method = "POST";
  request.headers.set("Accept", "application/xml");
  request.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  request.body = query_string(form);
  return request;
}

util::Result<AwsKeys> assumed_keys(const http::ClientResponse& response, const char* action) {
  if (response.status != 200)
    return fail(Code::kIo, fmt::format("sts: {}: {}: {}", action, response.status_line,
                                       aws_error_text(response)));
  NX_ASSIGN(const XmlNode root, parse_xml(response.body));
  return checked(keys_of(root.at(std::string(action) + "Result", "Credentials")), "sts");
}

}  // namespace

AwsSurroundings aws_surroundings() {
  AwsSurroundings out;
  out.environment = [](const std::string& name) -> std::optional<std::string> {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment.
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  return out;
}

std::string aws_error_text(const http::ClientResponse& response) {
  if (const auto answer = parse_json(response.body)) {
    std::string_view message = text_at(*answer, "message");
    if (message.empty()) message = text_at(*answer, "Message");
    return excerpt(fmt::format("{}: {}", text_at(*answer, "__type"), message));
  }
  if (const auto root = parse_xml(response.body)) {
    const XmlNode& direct = root->at("Error");
    const XmlNode& error = direct.name.empty() ? root->at("Errors", "Error") : direct;
    if (!error.name.empty())
      return excerpt(fmt::format("{}: {}", error.at("Code").text, error.at("Message").text));
  }
  return excerpt(response.body);
}

AwsCredentials::AwsCredentials(AmazonAccess access, AwsSurroundings around, const Context& context,
                               std::shared_ptr<ApiClient> client)
    : access_(std::move(access)),
      around_(std::move(around)),
      env_(context.env),
      clock_(context.clock),
      client_(std::move(client)),
      region_(access_.region) {}

std::string AwsCredentials::variable(const char* name) const {
  return around_.environment(name).value_or(std::string());
}

std::string AwsCredentials::sts_url() const {
  if (!around_.sts_url.empty()) return around_.sts_url;
  return fmt::format("https://sts.{}.{}/", region_, aws_domain(region_));
}

std::string aws_domain(std::string_view region) {
  return region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

async::Task<std::string> AwsCredentials::region(util::SteadyNs deadline) {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (region_.empty()) region_ = variable(name);
  }
  if (region_.empty()) {
    NX_CO_ASSIGN(region_,
                 co_await machine_metadata("/latest/meta-data/placement/region", deadline));
  }
  co_return region_;
}

async::Task<AwsKeys> AwsCredentials::keys(util::SteadyNs deadline) {
  if (keys_until_ != 0 && clock_->steady_ns() < keys_until_) co_return keys_;
  NX_CO_TRY(co_await region(deadline));
  NX_CO_ASSIGN(AwsKeys found, co_await base_keys(deadline));
  if (!access_.role_arn.empty()) {
    NX_CO_ASSIGN(found, co_await role_keys(std::move(found), deadline));
    keys_until_ = clock_->steady_ns() + kRoleNs;
  } else {
    // What somebody wrote down may be written anew: it is read for every round.
    keys_until_ = are_lasting_ ? 0 : clock_->steady_ns() + kMetadataNs;
  }
  keys_ = std::move(found);
  co_return keys_;
}

async::Task<AwsKeys> AwsCredentials::base_keys(util::SteadyNs deadline) {
  are_lasting_ = true;
  if (!access_.access_key.empty() && !access_.secret_key.empty()) {
    AwsKeys written{access_.access_key, access_.secret_key, {}};
    co_return written;
  }
  if (!access_.profile.empty()) {
    NX_CO_ASSIGN(auto from_file, profile_keys(access_.profile));
    if (!from_file)
      co_return fail(Code::kInvalidArgument,
                     fmt::format("no keys for the AWS profile {}", access_.profile));
    co_return *std::move(from_file);
  }
  AwsKeys around{variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"),
                 variable("AWS_SESSION_TOKEN")};
  if (!around.access_key.empty() && !around.secret_key.empty()) co_return around;
  const std::string token_file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  const std::string role = variable("AWS_ROLE_ARN");
  if (!token_file.empty() && !role.empty()) {
    are_lasting_ = false;
    co_return co_await web_identity_keys(token_file, role, deadline);
  }
  std::string profile = variable("AWS_PROFILE");
  if (profile.empty()) profile = "default";
  NX_CO_ASSIGN(auto from_file, profile_keys(profile));
  if (from_file) co_return *std::move(from_file);
  are_lasting_ = false;
  if (const std::string path = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !path.empty())
    co_return co_await container_keys(around_.container_url + path, deadline);
  if (const std::string url = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"); !url.empty())
    co_return co_await container_keys(url, deadline);
  co_return co_await machine_keys(deadline);
}

util::Result<std::optional<AwsKeys>> AwsCredentials::profile_keys(const std::string& name) const {
  const std::string home = variable("HOME") + "/.aws/";
  std::string credentials = variable("AWS_SHARED_CREDENTIALS_FILE");
  if (credentials.empty()) credentials = home + "credentials";
  std::string config = variable("AWS_CONFIG_FILE");
  if (config.empty()) config = home + "config";
  const std::string in_config = name == "default" ? name : "profile " + name;
  for (const auto& [path, section] : {std::pair(credentials, name), std::pair(config, in_config)}) {
    const auto text = env_->read_file(path, kFileBytesMax);
    if (!text && text.error().code() == Code::kNotFound) continue;
    if (!text) return std::unexpected(text.error());
    auto found = section_of(*text, section);
    AwsKeys keys{found["aws_access_key_id"], found["aws_secret_access_key"],
                 found["aws_session_token"]};
    if (!keys.access_key.empty() && !keys.secret_key.empty()) return keys;
  }
  return std::nullopt;
}

async::Task<AwsKeys> AwsCredentials::role_keys(AwsKeys base, util::SteadyNs deadline) {
  std::vector<std::pair<std::string, std::string>> form = {{"Action", "AssumeRole"},
                                                           {"Version", "2011-06-15"},
                                                           {"RoleArn", access_.role_arn},
                                                           {"RoleSessionName", "narthex"},
                                                           {"DurationSeconds", "3600"}};
  if (!access_.external_id.empty()) form.emplace_back("ExternalId", access_.external_id);
  NX_CO_ASSIGN(auto request, form_request(sts_url(), form, deadline));
  const AwsScope scope{.region = region_, .service = "sts"};
  sign_aws(request, base, scope, clock_->wall_ns());
  NX_CO_ASSIGN(const auto response, co_await client_->fetch(std::move(request)));
  co_return assumed_keys(response, "AssumeRole");
}

async::Task<AwsKeys> AwsCredentials::web_identity_keys(std::string token_file, std::string role,
                                                       util::SteadyNs deadline) {
  NX_CO_ASSIGN(const std::string token, env_->read_file(token_file, kFileBytesMax));
  const std::vector<std::pair<std::string, std::string>> form = {
      {"Action", "AssumeRoleWithWebIdentity"},
      {"Version", "2011-06-15"},
      {"RoleArn", role},
      {"RoleSessionName", "narthex"},
      {"WebIdentityToken", std::string(trimmed(token))}};
  NX_CO_ASSIGN(auto request, form_request(sts_url(), form, deadline));
  NX_CO_ASSIGN(const auto response, co_await client_->fetch(std::move(request)));
  co_return assumed_keys(response, "AssumeRoleWithWebIdentity");
}

async::Task<AwsKeys> AwsCredentials::container_keys(std::string url, util::SteadyNs deadline) {
  NX_CO_ASSIGN(auto request, get_request(url, deadline));
  std::string token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !file.empty()) {
    NX_CO_ASSIGN(token, env_->read_file(file, kFileBytesMax));
  }
  if (!token.empty()) request.headers.add("Authorization", std::string(trimmed(token)));
  NX_CO_ASSIGN(const json::value answer, co_await client_->fetch_json(std::move(request)));
  co_return checked(keys_of(answer), url);
}

// The metadata service answers only who has asked for a token first.
async::Task<std::string> AwsCredentials::machine_metadata(std::string path,
                                                          util::SteadyNs deadline) {
  NX_CO_ASSIGN(auto ask, get_request(around_.metadata_url + "/latest/api/token", deadline));
  ask.method = "PUT";
  ask.headers.add("X-aws-ec2-metadata-token-ttl-seconds", "300");
  NX_CO_ASSIGN(const auto token, co_await client_->fetch_ok(std::move(ask)));
  NX_CO_ASSIGN(auto request, get_request(around_.metadata_url + path, deadline));
  request.headers.add("X-aws-ec2-metadata-token", std::string(trimmed(token.body)));
  NX_CO_ASSIGN(const auto response, co_await client_->fetch_ok(std::move(request)));
  co_return std::string(trimmed(response.body));
}

async::Task<AwsKeys> AwsCredentials::machine_keys(util::SteadyNs deadline) {
  const std::string path = "/latest/meta-data/iam/security-credentials/";
  NX_CO_ASSIGN(const std::string roles, co_await machine_metadata(path, deadline));
  const std::string role = roles.substr(0, roles.find('\n'));
  NX_CO_ASSIGN(const std::string text, co_await machine_metadata(path + role, deadline));
  NX_CO_ASSIGN(const json::value answer, parse_json(text));
  co_return checked(keys_of(answer), around_.metadata_url);
}

async::Task<http::ClientResponse> AwsCredentials::send(http::ClientRequest request,
                                                       std::string service) {
  NX_CO_ASSIGN(const AwsKeys signing, co_await keys(request.deadline));
  const AwsScope scope{.region = region_, .service = std::move(service)};
  sign_aws(request, signing, scope, clock_->wall_ns());
  const std::string where = request.url.to_string();
  NX_CO_ASSIGN(auto response, co_await client_->fetch(std::move(request)));
  if (response.status != 200)
    co_return fail(Code::kIo, fmt::format("{}: {}: {}", where, response.status_line,
                                          aws_error_text(response)));
  co_return response;
}

}  // namespace narthex::discovery
