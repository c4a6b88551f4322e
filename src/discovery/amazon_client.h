// One of Amazon's services in one region.
#pragma once

#include <memory>
#include <string>

#include "discovery/aws_credentials.h"

namespace narthex::discovery {

// Threads: confined.
class AmazonClient {
 public:
  AmazonClient(AmazonAccess access, std::string service, AwsSurroundings around,
               const Context& context, std::shared_ptr<ApiClient> client);
  // POST of `body` with `headers`, signed. kIo: the service's words for what went wrong.
  async::Task<http::ClientResponse> post(http::Headers headers, std::string body,
                                         util::SteadyNs deadline);
  // Known once a request was sent.
  [[nodiscard]] const std::string& region() const noexcept { return region_; }

 private:
  const std::string endpoint_;
  const std::string service_;
  AwsCredentials credentials_;
  std::string region_;
};

template <class Options>
util::Result<std::shared_ptr<AmazonClient>> make_amazon_client(const Options& options,
                                                               const Context& context) {
  NX_ASSIGN(auto client, ApiClient::make(options.http, context));
  return std::make_shared<AmazonClient>(options.access, Options::kName, aws_surroundings(), context,
                                        std::move(client));
}

}  // namespace narthex::discovery
