#include "narthex/config/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/util/env.h"

#include "support/temp_dir.h"

namespace narthex::config {
namespace {

using http::ClientAuth;
using http::TlsVersion;

TEST(WebConfig, EveryKeyIsRead) {
  const auto got = load_web_config_text(R"(tls_server_config:
  cert_file: server.crt
  key_file: /keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: sub/ca.crt
  client_allowed_sans: [a.example, 10.0.0.1]
  min_version: TLS11
  max_version: TLS12
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: "1"
    Strict-Transport-Security: max-age=31536000
    Content-Security-Policy: default-src 'self'
basic_auth_users:
  ali: $2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy
rate_limit:
  interval: 1m500ms
  burst: 20
)",
                                        "/etc/narthex/web.yml");
  ASSERT_TRUE(got) << got.error().message();
  ASSERT_TRUE(got->tls);
  EXPECT_EQ(got->tls->cert.file, "/etc/narthex/server.crt");
  EXPECT_EQ(got->tls->key.file, "/keys/server.key");
  EXPECT_EQ(got->tls->client_ca.file, "/etc/narthex/sub/ca.crt");
  EXPECT_EQ(got->tls->client_auth, ClientAuth::kRequireAndVerify);
  EXPECT_THAT(got->tls->client_allowed_sans, testing::ElementsAre("a.example", "10.0.0.1"));
  EXPECT_EQ(got->tls->version_min, TlsVersion::kTls11);
  EXPECT_EQ(got->tls->version_max, TlsVersion::kTls12);
  EXPECT_EQ(got->tls->cipher_suites.size(), 2U);
  EXPECT_FALSE(got->tls->prefer_server_cipher_suites);
  EXPECT_THAT(got->tls->curves, testing::ElementsAre("X25519", "CurveP256"));
  EXPECT_EQ(got->headers.size(), 5U);
  ASSERT_EQ(got->users.size(), 1U);
  EXPECT_EQ(got->users[0].first, "ali");
  EXPECT_EQ(got->rate_limit, (http::RateLimitOptions{std::chrono::milliseconds(60'500), 20}));
}

TEST(WebConfig, RateLimitsAreReadAsGoReadsThem) {
  const auto check = [](std::string_view text, http::RateLimitOptions want) {
    const auto got = load_web_config_text(text, "web.yml");
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(got->rate_limit, want) << text;
  };
  check("rate_limit:\n", {});
  check("rate_limit: {burst: 3}\n", {{}, 3});
  check("rate_limit: {interval: 0, burst: 3}\n", {{}, 3});
  check("rate_limit: {interval: 5, burst: -3}\n", {std::chrono::nanoseconds(5), -3});
  check("rate_limit: {interval: -1s}\n", {std::chrono::seconds(-1), 0});
}

TEST(WebConfig, DefaultsArePrometheuss) {
  const auto plain = load_web_config_text("", "web.yml");
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_EQ(*plain, http::AccessOptions());
  EXPECT_FALSE(load_web_config_text("tls_server_config:\n  min_version: TLS13\n", "w")->tls);

  const auto inlined = load_web_config_text("tls_server_config: {cert: c, key: k}\n", "web.yml");
  ASSERT_TRUE(inlined) << inlined.error().message();
  ASSERT_TRUE(inlined->tls);
  EXPECT_EQ(inlined->tls->cert.text, "c");
  EXPECT_EQ(inlined->tls->key.text, "k");
  EXPECT_EQ(inlined->tls->version_min, TlsVersion::kTls12);
  EXPECT_EQ(inlined->tls->version_max, TlsVersion::kTls13);
  EXPECT_TRUE(inlined->tls->prefer_server_cipher_suites);
  EXPECT_EQ(inlined->tls->client_auth, ClientAuth::kNone);
}

TEST(WebConfig, MistakesNameFileLineAndKey) {
  const auto check = [](std::string_view text, std::string_view words, int line) {
    const auto got = load_web_config_text(text, "web.yml");
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code(), util::Code::kInvalidArgument);
    EXPECT_THAT(got.error().message(), testing::HasSubstr(std::string(words)));
    EXPECT_THAT(got.error().message(), testing::HasSubstr("(at web.yml:" + std::to_string(line)));
  };
  const std::string pair = "tls_server_config:\n  cert_file: c\n  key_file: k\n";
  check("foo: 1\n", "field foo not found in type web.Config", 1);
  check("tls_server_config:\n  certfile: x\n", "field certfile not found in type web.TLSConfig", 2);
  check("http_server_config:\n  http3: true\n", "field http3 not found", 2);
  check("tls_server_config:\n  cert_file: x\n", "missing one of key or key_file", 2);
  check("tls_server_config:\n  key_file: x\n", "missing one of cert or cert_file", 2);
  check("tls_server_config:\n  client_ca_file: x\n", "missing one of cert or cert_file", 2);
  check(pair + "  client_ca_file: x\n", "without a Client Auth Policy", 4);
  check(pair + "  client_auth_type: Maybe\n", "Invalid ClientAuth: Maybe", 4);
  check(pair + "  min_version: TLS14\n", "unknown TLS version: TLS14", 4);
  check(pair + "  max_version: TLS11\n", "max_version is older than min_version", 4);
  check(pair + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n", "unknown cipher: TLS_RSA_WITH_RC4",
        4);
  check(pair + "  curve_preferences: [P-256]\n", "unknown curve: P-256", 4);
  check(pair + "  cert: inline\n", "both cert and cert_file are set", 4);
  check("http_server_config:\n  headers:\n    Server: x\n", "\"Server\" can not be configured", 3);
  check("http_server_config:\n  headers:\n    X-Frame-Options: allow\n",
        "invalid value for X-Frame-Options. Expected one of: [\"deny\" \"sameorigin\"]", 3);
  check("http_server_config:\n  headers:\n    X-XSS-Protection: \"a\\r\\nb\"\n", "line break", 3);
  check(
      "basic_auth_users:\n  a: $2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n  "
      "ali: secret\n",
      "the password of \"ali\" is no bcrypt hash", 3);
  check("basic_auth_users: [a]\n", "cannot unmarshal", 1);
  check("rate_limit:\n  interval: 1d\n", "cannot unmarshal !!str `1d` into time.Duration", 2);
  check("rate_limit:\n  interval: \"5\"\n", "into time.Duration", 2);
  check("rate_limit:\n  interval: [1s]\n", "into time.Duration", 2);
  check("rate_limit:\n  burst: abc\n", "cannot unmarshal !!str `abc` into int", 2);
  check("rate_limit:\n  rate: 1\n", "field rate not found in type web.RateLimiterConfig", 2);
}

TEST(WebConfig, AWrongPasswordIsNotRepeated) {
  const auto got = load_web_config_text("basic_auth_users: {ali: hunter2}\n", "web.yml");
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message(), testing::Not(testing::HasSubstr("hunter2")));
}

TEST(WebConfigFile, FollowsTheFile) {
  const test::TempDir directory;
  const std::string path = directory / "web.yml";
  util::Env& env = util::posix_env();
  const auto write = [&](std::string_view text) {
    ASSERT_TRUE(util::write_file_atomically(env, path, text));
  };
  WebConfigFile file(env, path);
  EXPECT_FALSE(file.current());
  write("http_server_config: {headers: {X-Frame-Options: deny}}\n");
  const auto first = file.current();
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ((*first)->headers.size(), 1U);
  EXPECT_EQ(*file.current(), *first);  // The same object.
  write("nonsense: 1\n");
  EXPECT_FALSE(file.current());
  EXPECT_FALSE(file.current());
  write("{}\n");
  const auto last = file.current();
  ASSERT_TRUE(last);
  EXPECT_TRUE((*last)->headers.empty());
  EXPECT_EQ((*first)->headers.size(), 1U);
}

}  // namespace
}  // namespace narthex::config
