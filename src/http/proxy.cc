#include "http/proxy.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "narthex/model/names.h"

#include "http/secret.h"

namespace narthex::http {
namespace {

namespace ip = boost::asio::ip;
using util::Code;
using util::fail;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return out;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

util::Result<Url> parse_proxy(std::string_view text) {
  constexpr std::uint16_t kSocksPort = 1080;
  const std::size_t mark = text.find("://");
  const std::string scheme = mark == std::string_view::npos ? "http" : lower(text.substr(0, mark));
  const std::string_view rest = mark == std::string_view::npos ? text : text.substr(mark + 3);
  // With socks5, too, the proxy looks names up: it may know some that we do not.
  const bool is_socks = scheme == "socks5" || scheme == "socks5h";
  if (!is_socks && scheme != "http" && scheme != "https") {
    return fail(Code::kUnsupported,
                fmt::format("a proxy of scheme {} is not supported", model::quoted(scheme)));
  }
  NX_ASSIGN(Url url, Url::parse((is_socks ? "http" : scheme) + "://" + std::string(rest)));
  if (is_socks) {
    url.scheme = "socks5";
    if (url.port == 0) url.port = kSocksPort;
  }
  return url;
}

std::optional<ip::address> parse_address(std::string_view text) {
  boost::system::error_code ec;
  const ip::address address = ip::make_address(std::string(text), ec);
  return ec ? std::nullopt : std::optional(address);
}

// The bytes of an address, IPv4 ones without the wrapping of IPv6.
std::vector<unsigned char> bytes_of(const ip::address& address) {
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return {bytes.begin(), bytes.end()};
  }
  if (address.to_v6().is_v4_mapped())
    return bytes_of(ip::make_address_v4(ip::v4_mapped, address.to_v6()));
  const auto bytes = address.to_v6().to_bytes();
  return {bytes.begin(), bytes.end()};
}

bool has_prefix(const ip::address& address, const ip::address& network, unsigned bits) {
  const auto a = bytes_of(address);
  const auto b = bytes_of(network);
  if (a.size() != b.size() || bits > 8 * a.size()) return false;
  for (std::size_t i = 0; i < a.size() && bits > 0; ++i) {
    const unsigned compared = std::min(bits, 8U);
    if (((a[i] ^ b[i]) >> (8U - compared)) != 0) return false;
    bits -= compared;
  }
  return true;
}

// The first variable of the two spellings that is set to something.
std::string variable(const ProxyRules::Environment& environment, const char* upper,
                     const char* lower_name) {
  for (const char* name : {upper, lower_name}) {
    if (const auto value = environment(name); value && !value->empty()) return *value;
  }
  return {};
}

}  // namespace

std::string proxy_authorization(const Url& proxy) {
  if (proxy.user.empty() && proxy.password.empty()) return {};
  return basic_credentials(proxy.user, proxy.password);
}

util::Result<ProxyRules> ProxyRules::make(const ProxyOptions& options,
                                          const Environment& environment) {
  ProxyRules rules;
  rules.connect_headers_ = options.connect_headers;
  if (options.from_environment) {
    const std::string http = variable(environment, "HTTP_PROXY", "http_proxy");
    const std::string https = variable(environment, "HTTPS_PROXY", "https_proxy");
    if (!http.empty()) {
      NX_ASSIGN(rules.http_, parse_proxy(http));
    }
    if (!https.empty()) {
      NX_ASSIGN(rules.https_, parse_proxy(https));
    }
    rules.has_exceptions_ = true;
    rules.add_exceptions(variable(environment, "NO_PROXY", "no_proxy"));
  } else if (!options.url.empty()) {
    NX_ASSIGN(rules.http_, parse_proxy(options.url));
    rules.https_ = rules.http_;
    rules.has_exceptions_ = !options.no_proxy.empty();
    rules.add_exceptions(options.no_proxy);
  }
  return rules;
}

void ProxyRules::add_exceptions(std::string_view list) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string entry = lower(trimmed(list.substr(0, comma)));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (entry.empty()) continue;
    if (entry == "*") {
      excepts_all_ = true;
      continue;
    }
    Exception exception;
    if (const std::size_t slash = entry.find('/'); slash != std::string::npos) {
      const auto network = parse_address(std::string_view(entry).substr(0, slash));
      unsigned bits = 0;
      const char* const end = entry.data() + entry.size();
      const auto parsed = std::from_chars(entry.data() + slash + 1, end, bits);
      if (!network || parsed.ec != std::errc{} || parsed.ptr != end) continue;
      exception.address = *network;
      exception.prefix_bits = bits;
      exceptions_.push_back(std::move(exception));
      continue;
    }
    std::string host = entry;
    if (const auto whole = parse_address(entry); !whole) {
      if (const auto split = parse_host_port(entry)) {
        host = split->host;
        exception.port = split->port;
      }
    }
    if (const auto address = parse_address(host)) {
      exception.address = *address;
      exception.prefix_bits = address->is_v4() ? 32 : 128;
    } else {
      if (host.starts_with("*.")) host.erase(0, 1);
      exception.or_itself = !host.starts_with('.');
      exception.domain = exception.or_itself ? "." + host : host;
    }
    exceptions_.push_back(std::move(exception));
  }
}

bool ProxyRules::is_excepted(const Url& url) const {
  if (!has_exceptions_) return false;
  if (excepts_all_) return true;
  const std::string host = lower(url.host);
  const auto address = parse_address(host);
  if (host == "localhost" || (address && address->is_loopback())) return true;
  return std::ranges::any_of(exceptions_, [&](const Exception& exception) {
    if (exception.port != 0 && exception.port != url.effective_port()) return false;
    if (exception.prefix_bits)
      return address && has_prefix(*address, exception.address, *exception.prefix_bits);
    return host.ends_with(exception.domain) ||
           (exception.or_itself && host == std::string_view(exception.domain).substr(1));
  });
}

const Url* ProxyRules::proxy_for(const Url& url) const {
  const std::optional<Url>& proxy = url.scheme == "https" ? https_ : http_;
  if (!proxy || is_excepted(url)) return nullptr;
  return &*proxy;
}

Headers ProxyRules::connect_headers(const Url& proxy) const {
  Headers headers;
  for (const auto& [name, values] : connect_headers_) {
    for (const std::string& value : values) headers.add(name, value);
  }
  if (std::string credentials = proxy_authorization(proxy);
      !credentials.empty() && !headers.has("Proxy-Authorization")) {
    headers.add("Proxy-Authorization", std::move(credentials));
  }
  return headers;
}

}  // namespace narthex::http
