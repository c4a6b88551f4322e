// Requests to the servers that discovery asks: bounded answers, errors that say what came.
#pragma once

#include <memory>
#include <string>

#include "narthex/async/task.h"
#include "narthex/http/client.h"

#include "discovery/context.h"
#include "discovery/json.h"

namespace narthex::discovery {

// A line of a body or an error text, cut to what fits in a message.
[[nodiscard]] std::string excerpt(std::string_view text);

// Threads: synchronized.
class ApiClient {
 public:
  static util::Result<std::shared_ptr<ApiClient>> make(const http::ClientOptions& options,
                                                       const Context& context);

  // The answer, whatever its status; decompressed and bounded.
  async::Task<http::ClientResponse> fetch(http::ClientRequest request);
  // The same for 200 and nothing else.
  async::Task<http::ClientResponse> fetch_ok(http::ClientRequest request);
  // The same, as JSON.
  async::Task<json::value> fetch_json(http::ClientRequest request);
  // GET `url`.
  async::Task<json::value> get_json(std::string url, util::SteadyNs deadline);
  // For answers that go on and on.
  [[nodiscard]] http::Client& client() const noexcept { return *client_; }
  [[nodiscard]] const std::string& user_agent() const noexcept { return user_agent_; }

 private:
  ApiClient(std::shared_ptr<http::Client> client, std::string user_agent)
      : client_(std::move(client)), user_agent_(std::move(user_agent)) {}
  const std::shared_ptr<http::Client> client_;
  const std::string user_agent_;
};

// A GET request. kInvalidArgument: no URL that we speak.
util::Result<http::ClientRequest> get_request(std::string_view url, util::SteadyNs deadline);
// name=value&…, escaped.
[[nodiscard]] std::string query_string(
    const std::vector<std::pair<std::string, std::string>>& params);

}  // namespace narthex::discovery
