#include "discovery/aws_signature.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "narthex/http/message.h"

#include "discovery/encoding.h"

namespace narthex::discovery {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return out;
}

// The query, decoded, sorted and encoded as every implementation does it alike.
std::string canonical_query(std::string_view target) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {};
  const http::Form form = http::Form::parse(target.substr(mark + 1));
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, value] : form.pairs())
    pairs.emplace_back(http::percent_encode(name), http::percent_encode(value));
  std::ranges::sort(pairs);
  std::string out;
  for (const auto& [name, value] : pairs) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

bool is_signed(std::string_view lower_name) {
  return lower_name == "content-type" || lower_name.starts_with("x-amz-");
}

}  // namespace

void sign_aws(http::ClientRequest& request, const AwsKeys& keys, const AwsScope& scope,
              util::WallNs now) {
  const std::chrono::sys_seconds seconds{std::chrono::seconds(now / 1'000'000'000)};
  const std::string time = fmt::format("{:%Y%m%dT%H%M%SZ}", seconds);
  const std::string date = time.substr(0, 8);
  request.headers.set("X-Amz-Date", time);
  if (!keys.session_token.empty()) request.headers.set("X-Amz-Security-Token", keys.session_token);

  std::map<std::string, std::string> headers = {{"host", request.url.authority()}};
  for (const auto& [name, value] : request.headers.all()) {
    if (const std::string key = lower(name); is_signed(key)) headers[key] = value;
  }
  std::string canonical_headers;
  std::string names;
  for (const auto& [name, value] : headers) {
    canonical_headers += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string_view target = request.url.target;
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, target.substr(0, target.find('?')),
                  canonical_query(target), canonical_headers, names, to_hex(sha256(request.body)));

  const std::string range = fmt::format("{}/{}/{}/aws4_request", date, scope.region, scope.service);
  const std::string to_sign =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, range, to_hex(sha256(canonical)));
  std::string key = hmac_sha256("AWS4" + keys.secret_key, date);
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service),
        std::string_view("aws4_request")})
    key = hmac_sha256(key, part);
  request.headers.set(
      "Authorization",
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                  keys.access_key, range, names, to_hex(hmac_sha256(key, to_sign))));
}

}  // namespace narthex::discovery
