#include "server/external_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narthex::server {
namespace {

TEST(ExternalUrl, DefaultsToHostAndPort) {
  const auto url = resolve_external_url("", std::nullopt, "box", 9090);
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->url, "http://box:9090");
  EXPECT_EQ(url->route_prefix, "");
}

TEST(ExternalUrl, ItsPathPrefixesTheRoutesUnlessToldOtherwise) {
  const auto check = [](const char* flag, std::optional<std::string> prefix, const char* want_url,
                        const char* want_prefix) {
    const auto url = resolve_external_url(flag, prefix, "box", 9090);
    ASSERT_TRUE(url.has_value()) << flag;
    EXPECT_EQ(url->url, want_url);
    EXPECT_EQ(url->route_prefix, want_prefix);
  };
  check("https://mon.example.com/", std::nullopt, "https://mon.example.com", "");
  check("https://mon.example.com/prom/", std::nullopt, "https://mon.example.com/prom", "/prom");
  check("https://mon.example.com:8443/a/b", std::nullopt, "https://mon.example.com:8443/a/b",
        "/a/b");
  check("https://mon.example.com/prom", "/", "https://mon.example.com/prom", "");
  check("https://mon.example.com/prom", "inner/", "https://mon.example.com/prom", "/inner");
  check("http://[::1]:9090/x", std::nullopt, "http://[::1]:9090/x", "/x");
}

TEST(ExternalUrl, RefusesWhatIsNoPlainHttpUrl) {
  for (const char* bad :
       {"ftp://host/", "host:9090", "http://", "http://h/?q=1", "http://h/#f", "http://h h/"}) {
    const auto url = resolve_external_url(bad, std::nullopt, "box", 9090);
    ASSERT_FALSE(url.has_value()) << bad;
    EXPECT_EQ(url.error().code(), util::Code::kInvalidArgument);
    EXPECT_THAT(url.error().message(), testing::HasSubstr(bad));
  }
}

}  // namespace
}  // namespace narthex::server
