#include "discovery/openstack_keystone.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "discovery/paged_list.h"

namespace narthex::discovery {

using util::Code;
using util::fail;

namespace {

// {"id": …} or {"name": …}; the id says it better. Empty: neither is known.
json::object id_or_name(const std::string& id, const std::string& name) {
  json::object out;
  if (!id.empty()) {
    out["id"] = id;
  } else if (!name.empty()) {
    out["name"] = name;
  }
  return out;
}

util::Result<json::object> user_of(const KeystoneLogin& login) {
  json::object user = id_or_name(login.user_id, login.username);
  if (user.empty())
    return fail(Code::kInvalidArgument, "openstack: a username or userid is needed");
  // Ids are unique without a domain, and Keystone refuses one beside them.
  if (!login.user_id.empty()) return user;
  json::object domain = id_or_name(login.domain_id, login.domain_name);
  if (domain.empty())
    return fail(Code::kInvalidArgument,
                "openstack: domain_id or domain_name is needed beside a username");
  user["domain"] = std::move(domain);
  return user;
}

util::Result<json::object> identity_of(const KeystoneLogin& login) {
  json::object credential =
      id_or_name(login.application_credential_id, login.application_credential_name);
  if (!credential.empty()) {
    credential["secret"] = login.application_credential_secret;
    if (login.application_credential_id.empty()) {
      NX_ASSIGN(credential["user"], user_of(login));
    }
    return json::object{{"methods", json::array{"application_credential"}},
                        {"application_credential", std::move(credential)}};
  }
  NX_ASSIGN(json::object user, user_of(login));
  if (login.password.empty())
    return fail(Code::kInvalidArgument,
                "openstack: a password or application credential is needed");
  user["password"] = login.password;
  return json::object{{"methods", json::array{"password"}},
                      {"password", json::object{{"user", std::move(user)}}}};
}

// The project; empty: none is named, so that the user's own one counts.
util::Result<json::object> scope_of(const KeystoneLogin& login) {
  json::object project = id_or_name(login.project_id, login.project_name);
  if (project.empty()) return json::object();
  if (login.project_id.empty()) {
    json::object domain = id_or_name(login.domain_id, login.domain_name);
    if (domain.empty())
      return fail(Code::kInvalidArgument,
                  "openstack: domain_id or domain_name is needed beside a project_name");
    project["domain"] = std::move(domain);
  }
  return json::object{{"project", std::move(project)}};
}

std::string tokens_url(std::string endpoint) {
  endpoint = without_slash(std::move(endpoint));
  return endpoint + (endpoint.ends_with("/v3") ? "/auth/tokens" : "/v3/auth/tokens");
}

}  // namespace

util::Result<KeystoneLogin> keystone_login(const OpenStackOptions& options,
                                           const EnvironmentVariables& environment) {
  KeystoneLogin out;
  if (!options.identity_endpoint.empty()) {
    out = {.endpoint = options.identity_endpoint,
           .username = options.username,
           .user_id = options.user_id,
           .password = options.password,
           .project_name = options.project_name,
           .project_id = options.project_id,
           .domain_name = options.domain_name,
           .domain_id = options.domain_id,
           .application_credential_name = options.application_credential_name,
           .application_credential_id = options.application_credential_id,
           .application_credential_secret = options.application_credential_secret};
    return out;
  }
  const auto variable = [&environment](const char* name, const char* older = nullptr) {
    std::string value = environment(name).value_or(std::string());
    if (value.empty() && older != nullptr) value = environment(older).value_or(std::string());
    return value;
  };
  out = {.endpoint = variable("OS_AUTH_URL"),
         .username = variable("OS_USERNAME"),
         .user_id = variable("OS_USERID"),
         .password = variable("OS_PASSWORD"),
         .project_name = variable("OS_PROJECT_NAME", "OS_TENANT_NAME"),
         .project_id = variable("OS_PROJECT_ID", "OS_TENANT_ID"),
         .domain_name = variable("OS_DOMAIN_NAME"),
         .domain_id = variable("OS_DOMAIN_ID"),
         .application_credential_name = variable("OS_APPLICATION_CREDENTIAL_NAME"),
         .application_credential_id = variable("OS_APPLICATION_CREDENTIAL_ID"),
         .application_credential_secret = variable("OS_APPLICATION_CREDENTIAL_SECRET")};
  if (out.endpoint.empty())
    return fail(Code::kInvalidArgument,
                "openstack: neither identity_endpoint nor the variable OS_AUTH_URL is set");
  return out;
}

util::Result<std::string> keystone_request(const KeystoneLogin& login) {
  NX_ASSIGN(json::object identity, identity_of(login));
  json::object auth{{"identity", std::move(identity)}};
  // An application credential belongs to one project and cannot ask for another.
  if (!auth["identity"].get_object().contains("application_credential")) {
    NX_ASSIGN(json::object scope, scope_of(login));
    if (!scope.empty()) auth["scope"] = std::move(scope);
  }
  return json::serialize(json::object{{"auth", std::move(auth)}});
}

async::Task<KeystoneSession> open_keystone_session(ApiClient* client, const KeystoneLogin* login,
                                                   util::SteadyNs deadline) {
  const std::string url = tokens_url(login->endpoint);
  NX_CO_ASSIGN(auto request, get_request(url, deadline));
  request.method = "POST";
  request.headers.add("Content-Type", "application/json");
  NX_CO_ASSIGN(request.body, keystone_request(*login));
  NX_CO_ASSIGN(const auto response, co_await client->fetch(std::move(request)));
  if (response.status != 200 && response.status != 201)
    co_return fail(Code::kIo, fmt::format("{}: server returned HTTP status {}: {}", url,
                                          response.status_line, excerpt(response.body)));
  NX_CO_ASSIGN(const json::value answer, parse_json(response.body));
  KeystoneSession session;
  session.token = response.headers.get("X-Subject-Token");
  session.catalogue = at(answer, "token", "catalog");
  if (session.token.empty())
    co_return fail(Code::kInvalidArgument, url + ": no X-Subject-Token in the answer");
  co_return session;
}

util::Result<std::string> service_url(const json::value& catalogue, const ServiceWanted& wanted) {
  for (const json::value& service : list_of(catalogue)) {
    if (text_at(service, "type") != wanted.type) continue;
    for (const json::value& endpoint : list_at(service, "endpoints")) {
      if (text_at(endpoint, "interface") != wanted.availability) continue;
      const bool is_there = wanted.region.empty() || text_at(endpoint, "region") == wanted.region ||
                            text_at(endpoint, "region_id") == wanted.region;
      if (is_there) return without_slash(std::string(text_at(endpoint, "url"))) + "/";
    }
  }
  return fail(Code::kNotFound,
              fmt::format("openstack: no {} endpoint of service {} in region \"{}\"",
                          wanted.availability, wanted.type, excerpt(wanted.region)));
}

}  // namespace narthex::discovery
