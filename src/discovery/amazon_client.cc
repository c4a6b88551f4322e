#include "discovery/amazon_client.h"

#include <fmt/format.h>

namespace narthex::discovery {

AmazonClient::AmazonClient(AmazonAccess access, std::string service, AwsSurroundings around,
                           const Context& context, std::shared_ptr<ApiClient> client)
    : endpoint_(access.endpoint),
      service_(std::move(service)),
      credentials_(std::move(access), std::move(around), context, std::move(client)) {}

async::Task<http::ClientResponse> AmazonClient::post(http::Headers headers, std::string body,
                                                     util::SteadyNs deadline) {
  NX_CO_ASSIGN(region_, co_await credentials_.region(deadline));
  std::string url = endpoint_;
  if (url.empty()) url = fmt::format("{}.{}.{}", service_, region_, aws_domain(region_));
  if (!url.contains("://")) url.insert(0, "https://");
  http::ClientRequest request;
  NX_CO_ASSIGN(request.url, http::Url::parse(url));
  request.method = "POST";
  request.headers = std::move(headers);
  request.body = std::move(body);
  request.deadline = deadline;
  co_return co_await credentials_.send(std::move(request), service_);
}

}  // namespace narthex::discovery
