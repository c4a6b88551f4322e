#include "narthex/http/url.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "narthex/http/message.h"
#include "narthex/model/names.h"

namespace narthex::http {
namespace {

using util::Code;
using util::fail;

bool is_clean(std::string_view text) noexcept {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

// The folder of a path: up to and with its last slash.
std::string_view folder_of(std::string_view target) noexcept {
  const std::string_view path = target.substr(0, target.find('?'));
  return path.substr(0, path.rfind('/') + 1);
}

}  // namespace

util::Result<HostPort> parse_host_port(std::string_view text) {
  HostPort out;
  std::string_view port;
  const std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos)
      return fail(Code::kInvalidArgument, "missing ']' in address");
    out.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':')
      return fail(Code::kInvalidArgument, "text after ']' in address");
  } else {
    out.host = text.substr(0, colon);
    if (out.host.find(':') != std::string::npos)
      return fail(Code::kInvalidArgument, "too many colons in address");
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  if (out.host.empty()) return fail(Code::kInvalidArgument, "missing host in address");
  if (port.empty()) return out;
  port.remove_prefix(1);
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (ec != std::errc{} || end != port.data() + port.size()) {
    return fail(Code::kInvalidArgument,
                fmt::format("invalid port {} in address", model::quoted(port)));
  }
  return out;
}

util::Result<Url> Url::parse(std::string_view text) {
  const auto bad = [text](std::string_view why) {
    return fail(Code::kInvalidArgument, fmt::format("parse {}: {}", model::quoted(text), why));
  };
  if (!is_clean(text)) return bad("invalid character in URL");
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return bad("missing protocol scheme");
  Url url;
  url.scheme = text.substr(0, scheme_end);
  std::ranges::transform(url.scheme, url.scheme.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  if (url.scheme != "http" && url.scheme != "https") return bad("unsupported protocol scheme");

  std::string_view rest = text.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  rest.remove_prefix(authority_end);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view userinfo = authority.substr(0, at);
    const std::size_t colon = std::min(userinfo.find(':'), userinfo.size());
    const auto user = percent_decode(userinfo.substr(0, colon));
    const auto password = percent_decode(userinfo.substr(std::min(colon + 1, userinfo.size())));
    if (!user || !password) return bad("invalid userinfo");
    url.user = *user;
    url.password = *password;
    authority.remove_prefix(at + 1);
  }
  auto host_port = parse_host_port(authority);
  if (!host_port) return bad(host_port.error().message());
  url.host = std::move(host_port->host);
  url.port = host_port->port;
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return url;
}

util::Result<Url> Url::resolve(std::string_view reference) const {
  const std::size_t colon = reference.find(':');
  const bool absolute = colon != std::string_view::npos && colon < reference.find_first_of("/?#");
  if (absolute) return parse(reference);
  if (reference.starts_with("//")) return parse(scheme + ":" + std::string(reference));
  if (!is_clean(reference)) return fail(Code::kInvalidArgument, "invalid character in URL");
  reference = reference.substr(0, reference.find('#'));
  Url url = *this;
  if (reference.starts_with('/')) {
    url.target = reference;
  } else if (reference.starts_with('?')) {
    url.target = target.substr(0, target.find('?')) + std::string(reference);
  } else if (!reference.empty()) {
    url.target = std::string(folder_of(target)) + std::string(reference);
  }
  return url;
}

std::string Url::authority() const {
  std::string out = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  if (port != 0) out += ":" + std::to_string(port);
  return out;
}

std::string Url::to_string() const {
  return scheme + "://" + authority() + target;
}

}  // namespace narthex::http
