#include "http/proxy.h"

#include <map>

#include <gtest/gtest.h>

#include "http/socks.h"

namespace narthex::http {
namespace {

ProxyRules::Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

ProxyOptions options(std::string url, std::string no_proxy = {}) {
  ProxyOptions out;
  out.url = std::move(url);
  out.no_proxy = std::move(no_proxy);
  return out;
}

ProxyOptions from_environment() {
  ProxyOptions out;
  out.from_environment = true;
  return out;
}

// The proxy's address for a URL, or "".
std::string proxy_of(const ProxyRules& rules, const std::string& url) {
  const Url* proxy = rules.proxy_for(Url::parse(url).value());
  return proxy == nullptr ? "" : proxy->authority();
}

TEST(ProxyRules, OneProxyForEverything) {
  const auto rules = ProxyRules::make(options("http://proxy:3128"), environment({})).value();
  for (const char* url : {"http://a.example/x", "https://a.example", "http://localhost:1"})
    EXPECT_EQ(proxy_of(rules, url), "proxy:3128") << url;
  EXPECT_EQ(proxy_of(ProxyRules(), "http://a.example"), "");
}

TEST(ProxyRules, ExceptionsAreHostsDomainsAddressesAndNetworks) {
  const std::string list =
      " a.example , .under.example,*.star.example,10.1.2.3,192.168.0.0/16,fd00::/8,port.example:81,"
      "nonsense/x";
  const auto rules = ProxyRules::make(options("http://proxy", list), environment({})).value();
  for (const char* host : {"a.example", "A.Example:8080", "sub.a.example", "x.under.example",
                           "x.star.example", "10.1.2.3", "192.168.255.1:9100", "[fd12::1]",
                           "port.example:81", "localhost:9090", "127.0.0.2", "[::1]"}) {
    EXPECT_EQ(proxy_of(rules, std::string("http://") + host), "") << host;
  }
  for (const char* host : {"b.example", "xa.example", "under.example", "star.example", "10.1.2.4",
                           "192.169.0.1", "[fe80::1]", "port.example", "port.example:82"}) {
    EXPECT_EQ(proxy_of(rules, std::string("http://") + host), "proxy") << host;
  }
  const auto none = ProxyRules::make(options("http://proxy", "*"), environment({})).value();
  EXPECT_EQ(proxy_of(none, "http://b.example"), "");
}

TEST(ProxyRules, TheEnvironmentHasAProxyForEachScheme) {
  const auto rules = ProxyRules::make(from_environment(),
                                      environment({{"http_proxy", "plain:1"},
                                                   {"HTTPS_PROXY", "http://user:word@secure:2"},
                                                   {"NO_PROXY", "b.example"}}))
                         .value();
  EXPECT_EQ(proxy_of(rules, "http://a.example"), "plain:1");
  EXPECT_EQ(proxy_of(rules, "https://a.example"), "secure:2");
  EXPECT_EQ(proxy_of(rules, "http://b.example"), "");
  EXPECT_EQ(proxy_authorization(*rules.proxy_for(Url::parse("https://a.example").value())),
            "Basic dXNlcjp3b3Jk");
  const auto unset = ProxyRules::make(from_environment(), environment({})).value();
  EXPECT_EQ(proxy_of(unset, "http://a.example"), "");
}

TEST(ProxyRules, KindsOfProxies) {
  const auto kind = [](const char* url) {
    const auto rules = ProxyRules::make(options(url), environment({}));
    EXPECT_TRUE(rules.has_value()) << url;
    const Url* proxy = rules->proxy_for(Url::parse("http://a.example").value());
    return proxy->scheme + " " + std::to_string(proxy->effective_port());
  };
  EXPECT_EQ(kind("proxy"), "http 80");
  EXPECT_EQ(kind("https://proxy"), "https 443");
  EXPECT_EQ(kind("socks5://proxy"), "socks5 1080");
  EXPECT_EQ(kind("SOCKS5H://user:word@proxy:99"), "socks5 99");
  EXPECT_EQ(ProxyRules::make(options("socks4://proxy"), environment({})).error().code(),
            util::Code::kUnsupported);
}

Url url(const std::string& text) {
  return Url::parse(text).value();
}

TEST(Socks, SaysWhereTo) {
  using namespace std::string_literals;
  const auto name = socks_messages(url("https://a.b"), url("http://proxy")).value();
  EXPECT_EQ(name.greeting, "\x05\x01\x00"s);
  EXPECT_EQ(name.credentials, "");
  EXPECT_EQ(name.request,
            "\x05\x01\x00\x03\x03"
            "a.b\x01\xbb"s);
  const auto v4 = socks_messages(url("http://127.0.0.1:9100"), url("http://u:pw@proxy")).value();
  EXPECT_EQ(v4.greeting, "\x05\x02\x00\x02"s);
  EXPECT_EQ(v4.credentials, "\x01\x01u\x02pw"s);
  EXPECT_EQ(v4.request, "\x05\x01\x00\x01\x7f\x00\x00\x01\x23\x8c"s);
  const auto v6 = socks_messages(url("http://[::1]:1"), url("http://proxy")).value();
  EXPECT_EQ(v6.request, "\x05\x01\x00\x04"s + std::string(15, '\0') + "\x01\x00\x01"s);
  EXPECT_FALSE(
      socks_messages(url("http://" + std::string(256, 'a')), url("http://proxy")).has_value());
}

TEST(Socks, UnderstandsAnswers) {
  using namespace std::string_literals;
  EXPECT_FALSE(socks_wants_credentials("\x05\x00"s).value());
  EXPECT_TRUE(socks_wants_credentials("\x05\x02"s).value());
  EXPECT_FALSE(socks_wants_credentials("\x05\xff"s).has_value());
  EXPECT_FALSE(socks_wants_credentials("HT"s).has_value());
  EXPECT_TRUE(check_socks_login("\x01\x00"s).has_value());
  EXPECT_FALSE(check_socks_login("\x01\x01"s).has_value());
  EXPECT_EQ(socks_rest_bytes("\x05\x00\x00\x01\x7f"s).value(), 5U);
  EXPECT_EQ(socks_rest_bytes("\x05\x00\x00\x03\x09"s).value(), 11U);
  EXPECT_EQ(socks_rest_bytes("\x05\x00\x00\x04\x00"s).value(), 17U);
  EXPECT_EQ(socks_rest_bytes("\x05\x05\x00\x01\x00"s).error().message(),
            "socks connect: connection refused");
  EXPECT_EQ(socks_rest_bytes("\x05\x63\x00\x01\x00"s).error().message(),
            "socks connect: unknown code: 99");
  EXPECT_FALSE(socks_rest_bytes("\x05\x00\x00\x09\x00"s).has_value());
  EXPECT_FALSE(socks_rest_bytes("\x04\x00\x00\x01\x00"s).has_value());
}

}  // namespace
}  // namespace narthex::http
