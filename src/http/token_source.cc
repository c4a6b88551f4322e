#include "http/token_source.h"

#include <charconv>
#include <limits>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "narthex/http/message.h"

#include "http/jwt.h"
#include "http/secret.h"

namespace narthex::http {
namespace {

namespace json = boost::json;
using util::Code;
using util::fail;

constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::size_t kAnswerBytesMax = 1U << 20U;
// A token is not used in its last seconds: it has to be good when the request arrives.
constexpr util::SteadyNs kExpiryMarginNs = 10'000'000'000;
constexpr util::SteadyNs kNeverNs = std::numeric_limits<util::SteadyNs>::max();
// Of a wait without a deadline of its own.
constexpr util::SteadyNs kWaitNsMax = 60'000'000'000;

void append_pair(std::string& form, std::string_view name, std::string_view value) {
  if (!form.empty()) form.push_back('&');
  form += percent_encode(name) + "=" + percent_encode(value);
}

// Seconds, as a number or as a text that is one; 0 when absent.
double seconds_of(const json::object& answer) {
  const json::value* value = answer.if_contains("expires_in");
  if (value == nullptr) return 0;
  if (value->is_number()) return value->to_number<double>();
  if (!value->is_string()) return 0;
  double seconds = 0;
  const json::string& text = value->get_string();
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return ec == std::errc{} ? seconds : 0;
}

std::string text_of(const json::object& answer, std::string_view key) {
  const json::value* value = answer.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// "bearer" as it is written in a header.
std::string canonical_type(std::string type) {
  if (type.empty() || equals_ignoring_case(type, "bearer")) return "Bearer";
  if (equals_ignoring_case(type, "basic")) return "Basic";
  if (equals_ignoring_case(type, "mac")) return "MAC";
  return type;
}

}  // namespace

TokenSource::TokenSource(OAuth2 options, Url url, util::Clock* clock,
                         std::shared_ptr<Client> client)
    : options_(std::move(options)),
      url_(std::move(url)),
      clock_(clock),
      client_(std::move(client)) {}

util::Result<std::unique_ptr<TokenSource>> TokenSource::make(OAuth2 options, util::Clock* clock) {
  NX_ASSIGN(Url url, Url::parse(options.token_url));
  ClientOptions client_options;
  client_options.tls = options.tls;
  client_options.proxy = options.proxy;
  NX_ASSIGN(auto client, Client::make(std::move(client_options), clock));
  return std::unique_ptr<TokenSource>(
      new TokenSource(std::move(options), std::move(url), clock, std::move(client)));
}

// The one who finds no fetch under way fetches; the others wait for what comes of it.
async::Task<std::string> TokenSource::authorization(util::SteadyNs deadline) {
  for (;;) {
    std::shared_ptr<Waiter> waiter;
    {
      const util::MutexLock lock(mutex_);
      if (!token_.authorization.empty() && clock_->steady_ns() < token_.refresh_at)
        co_return token_.authorization;
      if (fetching_) {
        waiter = std::make_shared<Waiter>();
        waiting_.push_back(waiter);
      }
      fetching_ = true;
    }
    if (!waiter) break;
    const util::SteadyNs until = deadline != 0 ? deadline : clock_->steady_ns() + kWaitNsMax;
    NX_CO_ASSIGN(const async::Awoken awoken, co_await waiter->bell.wait_until(clock_, until));
    if (awoken == async::Awoken::kByTime)
      co_return fail(Code::kTimeout, "context deadline exceeded");
    if (waiter->error) co_return std::unexpected(*waiter->error);
  }
  auto outcome = co_await fetch(deadline);
  settle(outcome);
  if (!outcome) co_return std::unexpected(std::move(outcome).error());
  co_return outcome->authorization;
}

void TokenSource::settle(const util::Result<Token>& outcome) {
  std::vector<std::shared_ptr<Waiter>> waiting;
  {
    const util::MutexLock lock(mutex_);
    fetching_ = false;
    if (outcome) token_ = *outcome;
    waiting.swap(waiting_);
  }
  // One request's own cancellation or deadline is not the others': they fetch for themselves.
  const bool is_own = !outcome && (outcome.error().code() == Code::kCanceled ||
                                   outcome.error().code() == Code::kTimeout);
  for (const std::shared_ptr<Waiter>& waiter : waiting) {
    if (!outcome && !is_own) waiter->error = outcome.error();
    waiter->bell.ring();
  }
}

std::string TokenSource::joined_scopes() const {
  std::string out;
  for (const std::string& scope : options_.scopes) out += (out.empty() ? "" : " ") + scope;
  return out;
}

std::string TokenSource::form(Style style, const std::string& secret) const {
  std::string out;
  append_pair(out, "grant_type", "client_credentials");
  if (const std::string scopes = joined_scopes(); !scopes.empty())
    append_pair(out, "scope", scopes);
  for (const auto& [name, value] : options_.endpoint_params) append_pair(out, name, value);
  if (style == Style::kBody) {
    append_pair(out, "client_id", options_.client_id);
    if (!secret.empty()) append_pair(out, "client_secret", secret);
  }
  return out;
}

async::Task<ClientResponse> TokenSource::ask(Style style, std::string secret,
                                             util::SteadyNs deadline) {
  ClientRequest request;
  request.method = "POST";
  request.url = url_;
  request.deadline = deadline;
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  if (style == Style::kHeader) {
    request.headers.add("Authorization", basic_credentials(percent_encode(options_.client_id),
                                                           percent_encode(secret)));
  }
  request.body = form(style, secret);
  co_return co_await client_->fetch(std::move(request), kAnswerBytesMax);
}

util::Result<TokenSource::Token> TokenSource::parse(const ClientResponse& response) const {
  if (response.status < 200 || response.status > 299) {
    return fail(Code::kIo, fmt::format("oauth2: cannot fetch token: {}", response.status_line));
  }
  boost::system::error_code ec;
  const json::value document = json::parse(response.body, ec);
  if (ec || !document.is_object())
    return fail(Code::kInvalidArgument, "oauth2: cannot parse json: " + ec.message());
  const std::string token = text_of(document.get_object(), "access_token");
  if (token.empty())
    return fail(Code::kInvalidArgument, "oauth2: server response missing access_token");
  constexpr double kSecondsMax = 1e9;
  const double seconds = seconds_of(document.get_object());
  Token out;
  out.authorization = canonical_type(text_of(document.get_object(), "token_type")) + " " + token;
  out.refresh_at = kNeverNs;
  if (seconds > 0 && seconds < kSecondsMax) {
    out.refresh_at =
        clock_->steady_ns() + static_cast<util::SteadyNs>(seconds * 1e9) - kExpiryMarginNs;
  }
  return out;
}

// RFC 7523 §2.1. Who asks is in the assertion.
async::Task<TokenSource::Token> TokenSource::fetch_by_assertion(util::SteadyNs deadline) {
  NX_CO_ASSIGN(const std::string key, read_secret(options_.client_certificate_key));
  NX_CO_ASSIGN(const std::string assertion, make_assertion(options_, key, clock_->wall_ns()));
  ClientRequest request;
  request.method = "POST";
  request.url = url_;
  request.deadline = deadline;
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  append_pair(request.body, "grant_type", kJwtBearer);
  append_pair(request.body, "assertion", assertion);
  if (const std::string scopes = joined_scopes(); !scopes.empty())
    append_pair(request.body, "scope", scopes);
  for (const auto& [name, value] : options_.endpoint_params) append_pair(request.body, name, value);
  NX_CO_ASSIGN(const ClientResponse response,
               co_await client_->fetch(std::move(request), kAnswerBytesMax));
  co_return parse(response);
}

async::Task<TokenSource::Token> TokenSource::fetch(util::SteadyNs deadline) {
  if (options_.grant_type == kJwtBearer) co_return co_await fetch_by_assertion(deadline);
  NX_CO_ASSIGN(const std::string secret, read_secret(options_.client_secret));
  Style style = Style::kUnknown;
  {
    const util::MutexLock lock(mutex_);
    style = style_;
  }
  const Style first = style == Style::kUnknown ? Style::kHeader : style;
  NX_CO_ASSIGN(ClientResponse response, co_await ask(first, secret, deadline));
  auto token = parse(response);
  Style used = first;
  if (!token && style == Style::kUnknown) {
    NX_CO_ASSIGN(response, co_await ask(Style::kBody, secret, deadline));
    used = Style::kBody;
    token = parse(response);
  }
  if (token) {
    const util::MutexLock lock(mutex_);
    style_ = used;
  }
  co_return token;
}

}  // namespace narthex::http
