// Signing on at OpenStack's identity service (Keystone, version 3): a token for a round, and where
// the other services are.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "discovery/api_client.h"

namespace narthex::discovery {

using EnvironmentVariables = std::function<std::optional<std::string>(const std::string&)>;

// Who signs on where, under the names of OpenStack's own tools.
struct KeystoneLogin {
  std::string endpoint = {};
  std::string username = {};
  std::string user_id = {};
  std::string password = {};
  std::string project_name = {};
  std::string project_id = {};
  std::string domain_name = {};
  std::string domain_id = {};
  std::string application_credential_name = {};
  std::string application_credential_id = {};
  std::string application_credential_secret = {};
};
// As configured; without an endpoint all of it comes from the environment (OS_AUTH_URL, …).
// kInvalidArgument: there is no endpoint either way.
util::Result<KeystoneLogin> keystone_login(const OpenStackOptions& options,
                                           const EnvironmentVariables& environment);
// The body that asks for a token. kInvalidArgument: it does not say who we are.
util::Result<std::string> keystone_request(const KeystoneLogin& login);

struct KeystoneSession {
  std::string token;
  json::value catalogue;  // The list of services.
};
// The pointers outlive the call.
async::Task<KeystoneSession> open_keystone_session(ApiClient* client, const KeystoneLogin* login,
                                                   util::SteadyNs deadline);

struct ServiceWanted {
  std::string_view type;          // "compute"
  std::string_view region;        // Empty: any.
  std::string_view availability;  // "public"
};
// With a slash at its end. kNotFound: the catalogue has no such service there.
util::Result<std::string> service_url(const json::value& catalogue, const ServiceWanted& wanted);

}  // namespace narthex::discovery
