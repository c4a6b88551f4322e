#include "http/proxy.h"

#include <map>

#include <gtest/gtest.h>

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

TEST(ProxyRules, OtherKindsOfProxiesAreRefused) {
  EXPECT_EQ(ProxyRules::make(options("https://proxy"), environment({})).error().code(),
            util::Code::kUnsupported);
  EXPECT_FALSE(ProxyRules::make(options("socks5://proxy"), environment({})).has_value());
}

}  // namespace
}  // namespace narthex::http
