#include "discovery/api_client.h"

#include <fmt/format.h>

#include "narthex/http/message.h"

namespace narthex::discovery {

using util::Code;
using util::fail;

std::string excerpt(std::string_view text) {
  constexpr std::size_t kBytesMax = 200;
  std::string out;
  for (const char c : text.substr(0, kBytesMax)) {
    if (c == '\n') break;
    // A message is one line of text, whatever a server sends.
    out.push_back(static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? ' '
                                                                                               : c);
  }
  return out;
}

util::Result<std::shared_ptr<ApiClient>> ApiClient::make(const http::ClientOptions& options,
                                                         const Context& context) {
  NX_ASSIGN(auto client, http::Client::make(options, context.clock));
  return std::shared_ptr<ApiClient>(new ApiClient(std::move(client), context.user_agent));
}

async::Task<http::ClientResponse> ApiClient::fetch(http::ClientRequest request) {
  if (!request.headers.has("User-Agent")) request.headers.add("User-Agent", user_agent_);
  co_return co_await client_->fetch(std::move(request), kBodyBytesMax);
}

async::Task<http::ClientResponse> ApiClient::fetch_ok(http::ClientRequest request) {
  const std::string where = request.url.to_string();
  NX_CO_ASSIGN(auto response, co_await fetch(std::move(request)));
  if (response.status != 200) {
    co_return fail(Code::kIo, fmt::format("{}: server returned HTTP status {}: {}", where,
                                          response.status_line, excerpt(response.body)));
  }
  co_return response;
}

async::Task<json::value> ApiClient::fetch_json(http::ClientRequest request) {
  const std::string where = request.url.to_string();
  NX_CO_ASSIGN(const auto response, co_await fetch_ok(std::move(request)));
  auto parsed = parse_json(response.body);
  if (!parsed) co_return std::unexpected(std::move(parsed).error().with_context(where));
  co_return *std::move(parsed);
}

async::Task<json::value> ApiClient::get_json(std::string url, util::SteadyNs deadline) {
  NX_CO_ASSIGN(auto request, get_request(url, deadline));
  co_return co_await fetch_json(std::move(request));
}

util::Result<http::ClientRequest> get_request(std::string_view url, util::SteadyNs deadline) {
  http::ClientRequest request;
  NX_ASSIGN(request.url, http::Url::parse(url));
  request.headers.add("Accept", "application/json");
  request.deadline = deadline;
  return request;
}

std::string query_string(const std::vector<std::pair<std::string, std::string>>& params) {
  std::string out;
  for (const auto& [name, value] : params) {
    if (!out.empty()) out.push_back('&');
    out += http::percent_encode(name) + "=" + http::percent_encode(value);
  }
  return out;
}

}  // namespace narthex::discovery
