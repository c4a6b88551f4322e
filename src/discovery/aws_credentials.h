// Whose keys requests to Amazon are signed with, looked for where its own tools look: the
// configuration, the environment, a token of a web identity, the files in ~/.aws, the container's
// and the machine's metadata; and the role that is taken on with them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "narthex/discovery/cloud_options.h"
#include "narthex/util/clock.h"
#include "narthex/util/env.h"

#include "discovery/api_client.h"
#include "discovery/aws_signature.h"
#include "discovery/context.h"
#include "discovery/xml.h"

namespace narthex::discovery {

// What stands around a process on one of Amazon's machines.
struct AwsSurroundings {
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::string metadata_url = "http://169.254.169.254";
  std::string container_url = "http://169.254.170.2";
  std::string sts_url;  // Empty: that of the region.
};
[[nodiscard]] AwsSurroundings aws_surroundings();

// Threads: confined.
class AwsCredentials {
 public:
  // `env` and `clock` outlive the object.
  AwsCredentials(AmazonAccess access, AwsSurroundings around, const Context& context,
                 std::shared_ptr<ApiClient> client);

  // As configured, or that of the machine.
  async::Task<std::string> region(util::SteadyNs deadline);
  // Good for some minutes at least.
  async::Task<AwsKeys> keys(util::SteadyNs deadline);
  // Sends a request with the signature of the service of that name.
  async::Task<http::ClientResponse> send(http::ClientRequest request, std::string service);

 private:
  async::Task<AwsKeys> base_keys(util::SteadyNs deadline);
  async::Task<AwsKeys> role_keys(AwsKeys base, util::SteadyNs deadline);
  async::Task<AwsKeys> web_identity_keys(std::string token_file, std::string role,
                                         util::SteadyNs deadline);
  async::Task<AwsKeys> container_keys(std::string url, util::SteadyNs deadline);
  async::Task<AwsKeys> machine_keys(util::SteadyNs deadline);
  async::Task<std::string> machine_metadata(std::string path, util::SteadyNs deadline);
  // nullopt: no file has the profile.
  [[nodiscard]] util::Result<std::optional<AwsKeys>> profile_keys(const std::string& name) const;
  [[nodiscard]] std::string variable(const char* name) const;
  [[nodiscard]] std::string sts_url() const;

  const AmazonAccess access_;
  const AwsSurroundings around_;
  util::Env* const env_;
  util::Clock* const clock_;
  const std::shared_ptr<ApiClient> client_;
  std::string region_;
  AwsKeys keys_;
  util::SteadyNs keys_until_ = 0;  // 0: none yet.
  bool are_lasting_ = false;       // base_keys() gave keys that somebody wrote down.
};

// "amazonaws.com", or what it is called in China.
[[nodiscard]] std::string aws_domain(std::string_view region);
// Amazon's own words for an error, from an answer in XML or JSON; an excerpt of anything else.
[[nodiscard]] std::string aws_error_text(const http::ClientResponse& response);

}  // namespace narthex::discovery
