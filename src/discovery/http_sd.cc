#include "discovery/http_sd.h"

#include <algorithm>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/number.h"

#include "discovery/api_client.h"
#include "discovery/refresh.h"
#include "discovery/target_list.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;

// application/json, with no other charset than UTF-8.
bool is_json_type(std::string_view type) {
  std::string text;
  for (const char c : type) {
    if (c != ' ' && c != '\t') text.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  }
  return text == "application/json" || text == "application/json;charset=utf-8";
}

class HttpRefresher final : public Refresher {
 public:
  HttpRefresher(HttpOptions options, http::Url url, std::shared_ptr<ApiClient> client,
                Metrics* metrics)
      : options_(std::move(options)),
        url_(std::move(url)),
        client_(std::move(client)),
        metrics_(metrics) {}

  async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs deadline) override {
    auto groups = co_await ask(deadline);
    if (!groups && groups.error().code() != Code::kCanceled) metrics_->http_failures.increment();
    co_return groups;
  }

 private:
  async::Task<std::vector<TargetGroup>> ask(util::SteadyNs deadline) {
    http::ClientRequest request;
    request.url = url_;
    request.deadline = deadline;
    request.headers.add("Accept", "application/json");
    std::string seconds;
    util::append_plain(seconds, std::chrono::duration<double>(options_.refresh_interval).count());
    request.headers.add("X-Prometheus-Refresh-Interval-Seconds", std::move(seconds));
    NX_CO_ASSIGN(const auto response, co_await client_->fetch_ok(std::move(request)));
    const std::string_view type = response.headers.get("Content-Type");
    if (!is_json_type(type)) {
      co_return fail(Code::kInvalidArgument,
                     fmt::format("unsupported content type {}", model::quoted(excerpt(type))));
    }
    NX_CO_ASSIGN(auto groups, parse_json_targets(response.body));
    // As it was written, but never with a password.
    const bool has_credentials = !url_.user.empty() || !url_.password.empty();
    const std::string shown = has_credentials ? url_.to_string() : options_.url;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      groups[i].source = fmt::format("{}:{}", shown, i);
      model::LabelsBuilder labels(groups[i].labels);
      labels.set("__meta_url", shown);
      groups[i].labels = labels.build();
    }
    co_return groups;
  }

  const HttpOptions options_;
  const http::Url url_;
  const std::shared_ptr<ApiClient> client_;
  Metrics* const metrics_;
};

}  // namespace

util::Result<std::unique_ptr<Discoverer>> make_http_discoverer(const HttpOptions& options,
                                                               const Context& context) {
  NX_ASSIGN(http::Url url, http::Url::parse(options.url));
  NX_ASSIGN(auto client, ApiClient::make(options.http, context));
  auto refresher =
      std::make_unique<HttpRefresher>(options, std::move(url), std::move(client), context.metrics);
  return make_refresh_discoverer(HttpOptions::kName, options.refresh_interval, context,
                                 std::move(refresher));
}

}  // namespace narthex::discovery
