// Goal: every mistake in a file is refused with Prometheus' words and the line.
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/config/config.h"

namespace narthex::config {
namespace {

using testing::HasSubstr;

std::string error_of(std::string_view text, const LoadOptions& options = {}) {
  const auto config = load_text(util::posix_env(), text, "f.yml", options);
  if (!config) return config.error().message();
  const auto supported = check_supported(*config);
  return supported ? "no error" : supported.error().message();
}

struct Case {
  std::string_view text;
  std::string_view what;  // The message between "parsing YAML file f.yml: " and " (at f.yml:LINE)".
  int line;
};

void check(std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(error_of(c.text), "parsing YAML file f.yml: " + std::string(c.what) +
                                    " (at f.yml:" + std::to_string(c.line) + ")")
        << c.text;
  }
}

TEST(ConfigErrors, KeysAndTypes) {
  check({
      {"foo: 1\n", "yaml: unmarshal errors:\n  line 1: field foo not found in type config.plain",
       1},
      {"scrape_configs: []\nscrape_configs: []\n",
       "yaml: unmarshal errors:\n  line 2: field scrape_configs already set in type config.plain",
       2},
      {"global:\n  external_labels: {a: b, a: c}\n",
       "yaml: unmarshal errors:\n  line 2: key \"a\" already set in map", 2},
      {"- a\n", "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into config.plain", 1},
      {"hello\n",
       "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `hello` into config.plain", 1},
      {"global:\n\n  sample_limit: -1\n",
       "yaml: unmarshal errors:\n  line 3: cannot unmarshal !!int `-1` into uint64", 3},
      {"global:\n  sample_limit: a long text, cut\n",
       "yaml: unmarshal errors:\n  line 2: cannot unmarshal !!str `a long ...` into uint64", 2},
      {"scrape_configs:\n- job_name: a\n  params: {a: b}\n",
       "yaml: unmarshal errors:\n  line 3: cannot unmarshal !!str `b` into []string", 3},
      {"scrape_configs:\n- abc\n",
       "yaml: unmarshal errors:\n  line 2: cannot unmarshal !!str `abc` into config.plain", 2},
      {"storage: {foo: 1}\n",
       "yaml: unmarshal errors:\n  line 1: field foo not found in type config.StorageConfig", 1},
  });
}

TEST(ConfigErrors, AllThatDoesNotFitIsListed) {
  const std::string_view text = R"(global:
  x: 1
  scrape_interval: [1]
foo: 1
scrape_configs:
- job_name: [a]
  static_configs:
  - targets: abc
    foo: x
  honor_labels: maybe
  relabel_configs:
  - {foo: 1}
  basic_auth: {foo: 1}
  tls_config: {foo: 1}
)";
  EXPECT_EQ(error_of(text), R"(parsing YAML file f.yml: yaml: unmarshal errors:
  line 2: field x not found in type config.plain
  line 3: cannot unmarshal !!seq into string
  line 4: field foo not found in type config.plain
  line 6: cannot unmarshal !!seq into string
  line 8: cannot unmarshal !!str `abc` into []string
  line 9: field foo not found in type struct { Targets []string "yaml:\"targets\""; Labels model.LabelSet "yaml:\"labels\"" }
  line 10: cannot unmarshal !!str `maybe` into bool
  line 12: field foo not found in type relabel.plain
  line 13: field foo not found in type config.BasicAuth
  line 14: field foo not found in type config.plain (at f.yml:2))");
}

TEST(ConfigErrors, AFileThatIsNoConfigurationIsNotListedWhole) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "key" + std::to_string(i) + ": 1\n";
  const std::string error = error_of(text);
  EXPECT_THAT(
      error,
      HasSubstr(
          "line 50: field key49 not found in type config.plain\n  and 950 more (at f.yml:1)"));
}

TEST(ConfigErrors, Global) {
  check({
      {"global:\n  scrape_interval: 5x\n", "unknown unit \"x\" in duration \"5x\"", 2},
      {"global:\n  scrape_interval: -5s\n", "not a valid duration string: \"-5s\"", 2},
      {"global:\n  scrape_interval: \"\"\n", "empty duration string", 2},
      {"global:\n  scrape_interval: 5s\n  scrape_timeout: 6s\n",
       "global scrape timeout greater than scrape interval", 3},
      {"global:\n  scrape_protocols: []\n", "scrape_protocols cannot be empty for global config",
       2},
      {"global:\n  scrape_protocols: [PrometheusText0.0.4, PrometheusText0.0.4]\n",
       "duplicated protocol in scrape_protocols, got [PrometheusText0.0.4 PrometheusText0.0.4] for "
       "global config",
       2},
      {"global:\n  external_labels: {\"\": x}\n", "\"\" is not a valid label name", 2},
      {"global:\n  metric_name_validation_scheme: legacy\n  external_labels: {a-b: x}\n",
       "\"a-b\" is not a valid label name", 3},
      {"global:\n  metric_name_validation_scheme: foo\n", "unrecognized ValidationScheme: \"foo\"",
       2},
      {"global:\n  body_size_limit: 5Q\n", "units: unknown unit Q in 5Q", 2},
      {"rule_files: [\"a/*/b.yml\"]\n", "invalid rule file path \"a/*/b.yml\"", 1},
      {"scrape_config_files:\n- ok.yml\n- \"*/x\"\n", "invalid scrape config file path \"*/x\"", 3},
  });
}

TEST(ConfigErrors, ScrapeConfigs) {
  check({
      {"scrape_configs:\n-\n", "empty or null scrape config section", 2},
      {"scrape_configs:\n- scheme: http\n", "job_name is empty", 2},
      {"scrape_configs:\n- job_name: a\n- job_name: b\n- job_name: a\n",
       "found multiple scrape configs with job name \"a\"", 4},
      {"scrape_configs:\n- job_name: a\n  scrape_interval: 5s\n  scrape_timeout: 6s\n",
       "scrape timeout greater than scrape interval for scrape config with job name \"a\"", 4},
      {"scrape_configs:\n- job_name: a\n  scrape_protocols: [foo]\n",
       "scrape_protocols: unknown scrape protocol foo, supported: [OpenMetricsText0.0.1 "
       "OpenMetricsText1.0.0 PrometheusProto "
       "PrometheusText0.0.4 PrometheusText1.0.0] for scrape config with job name \"a\"",
       3},
      {"scrape_configs:\n- job_name: a\n  scrape_protocols: []\n",
       "scrape_protocols cannot be empty for scrape config with job name \"a\"", 3},
      {"scrape_configs:\n- job_name: a\n  fallback_scrape_protocol: text\n",
       "invalid fallback_scrape_protocol for scrape config with job name \"a\": unknown scrape "
       "protocol text, supported: "
       "[OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 "
       "PrometheusText1.0.0]",
       3},
      {"scrape_configs:\n- job_name: a\n  metric_name_escaping_scheme: utf8\n",
       "unknown scrape config name escaping method specified, must be one of 'allow-utf-8', "
       "'underscores', 'dots', or "
       "'values', got utf8",
       3},
      {"scrape_configs:\n- job_name: a\n  metric_name_validation_scheme: legacy\n  "
       "metric_name_escaping_scheme: allow-utf-8\n",
       "utf8 metric names requested but validation scheme is not set to UTF8", 2},
      {"scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: [\"http://bad\"]\n",
       "\"http://bad\" is not a valid hostname", 4},
      {"scrape_configs:\n- job_name: a\n  static_configs: [null]\n",
       "empty or null section in static_configs", 3},
      {"scrape_configs:\n- job_name: a\n  static_configs: [{targets: [\"a:1\"], labels: {\"\": "
       "x}}]\n",
       "\"\" is not a valid label name", 3},
  });
}

TEST(ConfigErrors, Relabelling) {
  const auto rule = [](std::string_view text_of_rule, std::string_view what) {
    const std::string text = "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - {" +
                             std::string(text_of_rule) + "}\n";
    check({{text, what, 4}});
  };
  rule("action: frob", "unknown relabel action \"frob\"");
  rule("action: null", "relabel action cannot be empty");
  rule("action: keepequal, source_labels: [a]",
       "relabel configuration for keepequal action requires 'target_label' value");
  rule("action: hashmod, target_label: x",
       "relabel configuration for hashmod requires non-zero modulus");
  rule("action: uppercase, target_label: x, replacement: y",
       "'replacement' can not be set for uppercase action");
  rule("action: labeldrop, regex: a, source_labels: [b]",
       "labeldrop action requires only 'regex', and no other fields");
  check({{"scrape_configs:\n- job_name: a\n  relabel_configs: [null]\n",
          "empty or null target relabeling rule in scrape config", 3},
         {"scrape_configs:\n- job_name: a\n  metric_relabel_configs:\n  - target_label: x\n  -\n",
          "empty or null metric relabeling rule in scrape config", 5}});
  EXPECT_THAT(error_of("scrape_configs:\n- job_name: a\n  relabel_configs:\n  - {regex: '(', "
                       "target_label: a}\n"),
              testing::AllOf(HasSubstr("error parsing regexp"), HasSubstr("(at f.yml:4)")));
}

TEST(ConfigErrors, HttpClient) {
  const auto keys = [](std::string_view lines, std::string_view what, int line) {
    const std::string text = "scrape_configs:\n- job_name: a\n  " + std::string(lines) + "\n";
    check({{text, what, line}});
  };
  keys("basic_auth: {username: a, username_file: b}",
       "at most one of basic_auth username, username_file & username_ref must be configured", 3);
  keys("basic_auth: {password: a, password_file: b}",
       "at most one of basic_auth password, password_file & password_ref must be configured", 3);
  keys("authorization: {type: basic, credentials: x}",
       "authorization type cannot be set to \"basic\", use \"basic_auth\" instead", 3);
  keys("authorization: {credentials: x, credentials_file: y}",
       "at most one of authorization credentials & credentials_file must be configured", 3);
  keys("basic_auth: {username: a}\n  authorization: {credentials: x}",
       "at most one of basic_auth, oauth2 & authorization must be configured", 2);
  keys("bearer_token: x\n  basic_auth: {username: a}",
       "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured", 2);
  keys("bearer_token: x\n  authorization: {credentials: x}",
       "authorization is not compatible with bearer_token & bearer_token_file", 2);
  keys("bearer_token: x\n  bearer_token_file: y",
       "at most one of bearer_token & bearer_token_file must be configured", 2);
  keys("tls_config: {cert_file: x}",
       "exactly one of key or key_file must be configured when a client certificate is configured",
       3);
  keys("tls_config: {key_file: x}",
       "exactly one of cert or cert_file must be configured when a client key is configured", 3);
  keys("tls_config: {ca: x, ca_file: y}", "at most one of ca, ca_file & ca_ref must be configured",
       3);
  keys("tls_config: {min_version: TLS9}", "unknown TLS version: TLS9", 3);
  keys("http_headers: {host: {values: [x]}}", "setting header \"Host\" is not allowed", 3);
  keys("http_headers: {\"a b\": {values: [x]}}", "\"a b\" is not a valid header name", 3);
  keys("http_headers: {a: {values: [\"x\\r\\ny: z\"]}}", "header a has a value with a line break",
       3);
}

// Goal: nothing that Prometheus would act on is silently left undone.
TEST(ConfigErrors, WhatCannotBeHonouredIsRefused) {
  check({
      {"alerting:\n  alertmanagers:\n  - static_configs: [{targets: [\"a:1\"]}]\n",
       "alerting is not supported by this version", 2},
      {"remote_write:\n- url: http://x\n", "remote_write is not supported by this version", 2},
      {"remote_read:\n- url: http://x\n", "remote_read is not supported by this version", 2},
      {"tracing:\n  endpoint: x\n", "tracing is not supported by this version", 2},
      {"otlp:\n  promote_resource_attributes: [a]\n", "otlp is not supported by this version", 2},
      {"scrape_configs:\n- job_name: a\n  outscale_sd_configs:\n  - {access_key: a, secret_key: "
       "s}\n",
       "outscale_sd_configs is not supported by this version", 4},
      {"scrape_configs:\n- job_name: a\n  stackit_sd_configs: [{project: p}]\n",
       "stackit_sd_configs is not supported by this version", 3},
      {"scrape_configs:\n- job_name: a\n  aws_sd_configs: [{role: ecs}]\n",
       "the aws role ecs is not supported by this version", 3},
      {"scrape_configs:\n- job_name: a\n  proxy_url: socks4://x\n",
       "a proxy of scheme socks4 is not supported by this version", 3},
  });
  EXPECT_THAT(error_of("scrape_configs:\n- job_name: a\n  foo_sd_configs: []\n"),
              HasSubstr("field foo_sd_configs not found"));
}

// Goal: a section that this build only keeps is judged like any other.
// Method: one violated rule each; the conformance data hold many more.
TEST(ConfigErrors, KeptSectionsAreChecked) {
  const auto discovery = [](std::string_view keys, std::string_view what) {
    const std::string text = "scrape_configs:\n- job_name: a\n  " + std::string(keys) + "\n";
    EXPECT_EQ(error_of(text), "parsing YAML file f.yml: " + std::string(what) + " (at f.yml:3)")
        << text;
  };
  discovery("consul_sd_configs: [{server: \"\"}]",
            "consul SD configuration requires a server address");
  discovery("consul_sd_configs: [{servers: x}]",
            "yaml: unmarshal errors:\n  line 3: field servers not found in type consul.plain");
  discovery("consul_sd_configs: [null]", "empty or null section in service discovery configs");
  discovery("dns_sd_configs: [{names: [a], type: A}]",
            "a port is required in DNS-SD configs for all record types except SRV");
  discovery("file_sd_configs: [{files: [a.txt]}]",
            "path name \"a.txt\" is not valid for file discovery");
  discovery("file_sd_configs: [{files: [\"*/a.json\"]}]",
            "path name \"*/a.json\" is not valid for file discovery");
  discovery("http_sd_configs: [{url: \"ftp://a\"}]", "URL scheme must be 'http' or 'https'");
  discovery("kubernetes_sd_configs: [{role: pod, basic_auth: {username: x}}]",
            "to use custom HTTP client configuration please provide the 'api_server' URL "
            "explicitly");
  discovery("docker_sd_configs: [{host: unix:///x, refresh_interval: 1x}]",
            "unknown unit \"x\" in duration \"1x\"");
  check({
      {"remote_write:\n- url: http://x\n  queue_config: {capacity: 0}\n",
       "remote write queue capacity must be positive", 3},
      {"remote_write:\n- url: http://x\n  sigv4: {}\n  basic_auth: {username: x}\n",
       "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be "
       "configured. Currently configured: [basic_auth sigv4]",
       2},
      {"remote_read:\n- read_recent: true\n", "url for remote_read is empty", 2},
      {"alerting:\n  alertmanagers:\n  - api_version: v1\n",
       "expected Alertmanager api version to be one of [v2] but got v1", 3},
      {"tracing: {sampling_fraction: 1}\n", "tracing endpoint must be set", 1},
  });
}

// Goal: a file that needs more than this build has loads, and only the question whether the server
// can run on it says no.
TEST(ConfigErrors, WhatIsNotBuiltIsNoErrorOfTheFile) {
  const auto config = load_text(util::posix_env(),
                                "remote_write:\n- url: http://x\nscrape_configs:\n- job_name: a\n"
                                "  stackit_sd_configs: [{project: p}]\n",
                                "f.yml");
  ASSERT_TRUE(config.has_value()) << config.error().message();
  EXPECT_EQ(config->not_built.size(), 2U);
  const auto supported = check_supported(*config);
  ASSERT_FALSE(supported.has_value());
  EXPECT_EQ(supported.error().code(), util::Code::kUnsupported);
}

TEST(ConfigErrors, EmptySectionsAreFine) {
  EXPECT_EQ(
      error_of(
          "alerting:\n  alertmanagers: []\nremote_write: []\nremote_read:\notlp: {}\ntracing:\n"
          "scrape_configs:\n- job_name: a\n  file_sd_configs: []\n  proxy_from_environment: "
          "false\n"),
      "no error");
}

TEST(ConfigErrors, Storage) {
  check({
      {"storage:\n  tsdb:\n    retention:\n      time: -1h\n",
       "not a valid duration string: \"-1h\"", 4},
      {"storage:\n  tsdb:\n    retention:\n      size: -1GB\n",
       "'storage.tsdb.retention.size' must be greater than or equal to 0", 4},
      {"storage:\n  tsdb:\n    retention:\n      percentage: 101\n",
       "'storage.tsdb.retention.percentage' must be in the range [0, 100]", 4},
      {"storage:\n  tsdb:\n    chunk_encoding:\n      floats: XOR\n",
       "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted "
       "entirely, got \"XOR\"",
       4},
      {"storage:\n  exemplars:\n    max_exemplars: x\n",
       "yaml: unmarshal errors:\n  line 3: cannot unmarshal !!str `x` into int64", 3},
  });
}

TEST(ConfigErrors, AgentModeHasNoPlaceForRules) {
  LoadOptions agent;
  agent.agent_mode = true;
  EXPECT_THAT(error_of("rule_files: [a.yml]\n", agent),
              HasSubstr("field rule_files is not allowed in agent mode (at f.yml:1)"));
  EXPECT_THAT(error_of("alerting: {alertmanagers: [{}, {scheme: x}]}\n", agent),
              HasSubstr("field alerting is not allowed in agent mode"));
}

}  // namespace
}  // namespace narthex::config
