#include "narthex/http/client.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "narthex/http/inflater.h"
#include "narthex/model/names.h"

#include "http/connection_pool.h"
#include "http/exchange.h"
#include "http/proxy.h"
#include "http/secret.h"
#include "http/tls_source.h"
#include "http/token_source.h"
#include "http/transport.h"

namespace narthex::http {
namespace {

using util::Code;
using util::fail;

constexpr int kRedirectsMax = 10;

bool is_redirect(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// "Get", as the errors of Prometheus begin.
std::string method_title(std::string_view method) {
  std::string out(method);
  for (std::size_t i = 1; i < out.size(); ++i) {
    if (out[i] >= 'A' && out[i] <= 'Z') out[i] = static_cast<char>(out[i] | 0x20);
  }
  return out;
}

// Line breaks in a name or value would let configuration or labels add headers of their own.
bool is_header_safe(std::string_view text) noexcept {
  return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

// Whether credentials may go to the redirect's address: only back to the host that they were meant
// for.
bool same_origin(const Url& a, const Url& b) noexcept {
  return a.host == b.host && a.effective_port() == b.effective_port() && a.scheme == b.scheme &&
         a.unix_socket == b.unix_socket;
}

std::optional<std::string> process_environment(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment.
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

class Client::Impl {
 public:
  struct Parts {
    std::unique_ptr<TlsSource> tls;
    std::unique_ptr<TokenSource> tokens;  // Null: no OAuth 2.
    ProxyRules proxies;
  };
  Impl(ClientOptions options, util::Clock* clock, Parts parts)
      : options_(std::move(options)),
        clock_(clock),
        parts_(std::move(parts)),
        pool_(std::make_shared<ConnectionPool>(clock)) {}

  // One hop: no redirects followed. `with_credentials` is off on a foreign host.
  async::Task<std::unique_ptr<Exchange::State>> send_once(const ClientRequest* request,
                                                          bool with_credentials);
  [[nodiscard]] const ClientOptions& options() const noexcept { return options_; }
  [[nodiscard]] ConnectionPool& pool() noexcept { return *pool_; }

 private:
  async::Task<Headers> make_headers(const ClientRequest* request, bool with_credentials);
  util::Result<std::string> serialize(const ClientRequest& request, const Headers& headers,
                                      const Url* proxy) const;
  util::Result<std::string> credentials(const Url& url) const;
  [[nodiscard]] Route route_of(const Url& url) const;
  util::Result<void> add_configured_headers(Headers& headers) const;
  async::Task<void> attempt(Exchange::State* state, std::string_view bytes, bool reuse,
                            bool* reused);

  const ClientOptions options_;
  util::Clock* const clock_;
  const Parts parts_;
  const std::shared_ptr<ConnectionPool> pool_;
};

// The value of the Authorization header, or "" for none.
util::Result<std::string> Client::Impl::credentials(const Url& url) const {
  if (options_.basic_auth) {
    NX_ASSIGN(const std::string user, read_secret(options_.basic_auth->username));
    NX_ASSIGN(const std::string password, read_secret(options_.basic_auth->password));
    return basic_credentials(user, password);
  }
  if (options_.authorization) {
    NX_ASSIGN(const std::string text, read_secret(options_.authorization->credentials));
    return options_.authorization->type + " " + text;
  }
  if (!url.user.empty() || !url.password.empty()) return basic_credentials(url.user, url.password);
  return std::string();
}

util::Result<void> Client::Impl::add_configured_headers(Headers& headers) const {
  for (const ConfiguredHeader& header : options_.headers) {
    for (const std::string& value : header.values) headers.add(header.name, value);
    for (const std::string& value : header.secrets) headers.add(header.name, value);
    for (const std::string& file : header.files) {
      NX_ASSIGN(std::string value, read_secret({.text = {}, .file = file}));
      headers.add(header.name, std::move(value));
    }
  }
  return {};
}

// What callers have put there for the first host is nothing for another one.
Headers without_secrets(const Headers& headers) {
  static constexpr std::array<std::string_view, 5> kSecret = {
      "Authorization", "Cookie", "X-Amz-Security-Token", "X-Auth-Token", "X-Consul-Token"};
  Headers out;
  for (const auto& [name, value] : headers.all()) {
    const auto is_it = [&name](std::string_view secret) {
      return equals_ignoring_case(secret, name);
    };
    if (std::ranges::none_of(kSecret, is_it)) out.add(name, value);
  }
  return out;
}

async::Task<Headers> Client::Impl::make_headers(const ClientRequest* request,
                                                bool with_credentials) {
  if (!with_credentials) co_return without_secrets(request->headers);
  Headers headers = request->headers;
  NX_CO_TRY(add_configured_headers(headers));
  std::string authorization;
  if (parts_.tokens) {
    NX_CO_ASSIGN(authorization, co_await parts_.tokens->authorization(request->deadline));
  } else {
    NX_CO_ASSIGN(authorization, credentials(request->url));
  }
  if (!authorization.empty()) headers.set("Authorization", std::move(authorization));
  co_return headers;
}

Route Client::Impl::route_of(const Url& url) const {
  Route route{.url = &url, .proxy = parts_.proxies.proxy_for(url), .connect_request = {}};
  if (route.proxy == nullptr || route.proxy->scheme == "socks5" || url.scheme != "https")
    return route;
  Url host = url;
  host.port = url.effective_port();
  route.connect_request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", host.authority());
  const Headers headers = parts_.proxies.connect_headers(*route.proxy);
  for (const auto& [name, value] : headers.all()) {
    if (is_header_safe(name) && is_header_safe(value))
      route.connect_request += fmt::format("{}: {}\r\n", name, value);
  }
  route.connect_request += "\r\n";
  return route;
}

util::Result<std::string> Client::Impl::serialize(const ClientRequest& request,
                                                  const Headers& headers, const Url* proxy) const {
  // A proxy is told the whole address; in a tunnel it does not see the request.
  const bool is_forwarded =
      proxy != nullptr && proxy->scheme != "socks5" && request.url.scheme != "https";
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method,
                                is_forwarded ? request.url.to_string() : request.url.target,
                                request.url.authority());
  if (is_forwarded) {
    if (const std::string credentials = proxy_authorization(*proxy); !credentials.empty())
      out += fmt::format("Proxy-Authorization: {}\r\n", credentials);
  }
  for (const auto& [name, value] : headers.all()) {
    if (name.empty() || !is_header_safe(name) || !is_header_safe(value)) {
      return fail(Code::kInvalidArgument,
                  fmt::format("invalid header field {}", model::quoted(name)));
    }
    out += fmt::format("{}: {}\r\n", name, value);
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    out += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  out += "\r\n";
  out += request.body;
  return out;
}

async::Task<void> Client::Impl::attempt(Exchange::State* state, std::string_view bytes, bool reuse,
                                        bool* reused) {
  const Route route = route_of(state->url);
  state->transport = reuse ? pool_->take(state->pool_key) : nullptr;
  *reused = state->transport != nullptr;
  if (!state->transport) {
    std::shared_ptr<const TlsContext> tls;
    if (state->url.scheme == "https" ||
        (route.proxy != nullptr && route.proxy->scheme == "https")) {
      NX_CO_ASSIGN(tls, parts_.tls->context());
    }
    NX_CO_ASSIGN(state->transport, co_await connect(&route, tls.get(), state->abort.get()));
  }
  co_return co_await state->open(bytes);
}

async::Task<std::unique_ptr<Exchange::State>> Client::Impl::send_once(const ClientRequest* request,
                                                                      bool with_credentials) {
  NX_CO_ASSIGN(const Headers headers, co_await make_headers(request, with_credentials));
  const Url* const proxy = parts_.proxies.proxy_for(request->url);
  NX_CO_ASSIGN(const std::string bytes, serialize(*request, headers, proxy));
  auto state = std::make_unique<Exchange::State>();
  state->pool = pool_;
  state->method = request->method;
  state->url = request->url;
  state->abort = std::make_shared<Abort>();
  const auto executor = co_await asio::this_coro::executor;
  state->pool_key = ConnectionPool::key_of(request->url, executor);
  if (proxy != nullptr) state->pool_key += " via " + proxy->scheme + "://" + proxy->authority();
  if (request->deadline != 0) {
    auto ring = [abort = state->abort] { abort->fire(); };
    state->alarm = async::Alarm(executor, clock_, request->deadline, std::move(ring));
  }
  bool reused = false;
  auto opened = co_await attempt(state.get(), bytes, true, &reused);
  // The other side may have closed a kept connection at the moment that we used it: that is no
  // failure of the target.
  const bool try_again = !opened && reused && !state->received_any && !state->abort->fired &&
                         opened.error().code() != Code::kCanceled;
  if (try_again) opened = co_await attempt(state.get(), bytes, false, &reused);
  if (!opened) co_return std::unexpected(state->explain(std::move(opened).error()));
  co_return std::move(state);
}

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

util::Result<std::shared_ptr<Client>> Client::make(ClientOptions options, util::Clock* clock) {
  Impl::Parts parts;
  NX_ASSIGN(parts.tls, TlsSource::make(options.tls));
  NX_ASSIGN(parts.proxies, ProxyRules::make(options.proxy, process_environment));
  if (options.oauth2) {
    NX_ASSIGN(parts.tokens, TokenSource::make(*options.oauth2, clock));
  }
  auto impl = std::make_shared<Impl>(std::move(options), clock, std::move(parts));
  return std::shared_ptr<Client>(new Client(std::move(impl)));
}

std::size_t Client::idle_connections() const {
  return impl_->pool().size();
}

async::Task<std::unique_ptr<Exchange>> Client::send(ClientRequest request) {
  const Url first = request.url;
  const auto failed = [title = method_title(request.method), &request](util::Error error) {
    return std::unexpected(
        std::move(error).with_context(fmt::format("{} \"{}\"", title, request.url.to_string())));
  };
  for (int redirects = 0;; ++redirects) {
    auto state = co_await impl_->send_once(&request, same_origin(first, request.url));
    if (!state) co_return failed(std::move(state).error());
    const std::string location((*state)->headers.get("Location"));
    const bool follow = impl_->options().follow_redirects && is_redirect((*state)->status) &&
                        !location.empty() && (request.method == "GET" || request.method == "HEAD");
    if (!follow) co_return std::unique_ptr<Exchange>(new Exchange(*std::move(state)));
    if (redirects == kRedirectsMax)
      co_return failed({Code::kLimitExceeded, "stopped after 10 redirects"});
    auto next = request.url.resolve(location);
    if (!next) co_return failed(std::move(next).error());
    // A short body is read away so that the connection can be used again.
    std::array<char, 4096> discarded{};
    auto drained = co_await (*state)->read_body(discarded);
    if (drained && *drained > 0) drained = co_await (*state)->read_body(discarded);
    request.url = *std::move(next);
  }
}

namespace {

// Appends `in` to `out`, decompressed if `inflater` is given.
util::Result<void> append_decoded(std::span<const char> in, Inflater* inflater, std::string& out,
                                  std::size_t bytes_max) {
  const auto too_long = [bytes_max] {
    return fail(Code::kLimitExceeded, fmt::format("body is longer than {} bytes", bytes_max));
  };
  if (inflater == nullptr) {
    if (in.size() > bytes_max - out.size()) return too_long();
    out.append(in.data(), in.size());
    return {};
  }
  std::array<char, 16384> piece{};
  for (;;) {
    NX_ASSIGN(const Inflater::Step step, inflater->step(in, piece));
    if (step.produced > bytes_max - out.size()) return too_long();
    out.append(piece.data(), step.produced);
    in = in.subspan(step.consumed);
    if (step.consumed == 0 && step.produced == 0) return {};
  }
}

}  // namespace

async::Task<ClientResponse> Client::fetch(ClientRequest request, std::size_t body_bytes_max) {
  if (!request.headers.has("Accept-Encoding")) request.headers.add("Accept-Encoding", "gzip");
  NX_CO_ASSIGN(auto exchange, co_await send(std::move(request)));
  ClientResponse response;
  response.status = exchange->status();
  response.status_line = exchange->status_line();
  response.headers = exchange->headers();
  std::unique_ptr<Inflater> inflater;
  if (equals_ignoring_case(response.headers.get("Content-Encoding"), "gzip"))
    inflater = std::make_unique<Inflater>();
  std::vector<char> piece(16384);
  for (;;) {
    NX_CO_ASSIGN(const std::size_t bytes, co_await exchange->read(piece));
    if (bytes == 0) break;
    NX_CO_TRY(append_decoded(std::span<const char>(piece.data(), bytes), inflater.get(),
                             response.body, body_bytes_max));
  }
  if (inflater && !inflater->at_end())
    co_return fail(Code::kInvalidArgument, "gzip: unexpected end of the body");
  co_return response;
}

}  // namespace narthex::http
