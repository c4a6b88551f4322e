// The effective configuration as /api/v1/status/config shows it.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/config/config.h"

namespace narthex::config {
namespace {

using testing::HasSubstr;
using testing::Not;

Config must_load(std::string_view text) {
  auto config = load_text(util::posix_env(), text, "f.yml");
  EXPECT_TRUE(config) << config.error().message();
  return config ? *std::move(config) : Config{};
}

TEST(ConfigToYaml, HasPrometheusShapeAndDefaultsFilledIn) {
  const Config config = must_load(R"(
global: {scrape_interval: 15s, external_labels: {num: "5", foo: 'a"b: c'}, body_size_limit: 15MB}
rule_files: [first.rules]
scrape_configs:
- job_name: prometheus
  params: {b: [x, "1"], a: [""]}
  tls_config: {server_name: x}
  relabel_configs:
  - {source_labels: [job, other], regex: "x: y", target_label: job, replacement: "foo-${1}"}
  - {source_labels: [foo], target_label: abc, action: hashmod, modulus: 8}
  static_configs:
  - targets: ["localhost:9090"]
    labels: {my: label}
  - targets: []
)");
  EXPECT_EQ(to_yaml(config), R"(global:
  scrape_interval: 15s
  scrape_timeout: 10s
  scrape_protocols:
  - OpenMetricsText1.0.0
  - OpenMetricsText0.0.1
  - PrometheusText1.0.0
  - PrometheusText0.0.4
  evaluation_interval: 1m
  external_labels:
    foo: 'a"b: c'
    num: "5"
  body_size_limit: 15MiB
  metric_name_validation_scheme: utf8
runtime:
  gogc: 75
rule_files:
- first.rules
scrape_configs:
- job_name: prometheus
  honor_timestamps: true
  track_timestamps_staleness: false
  params:
    a:
    - ""
    b:
    - x
    - "1"
  scrape_interval: 15s
  scrape_timeout: 10s
  scrape_protocols:
  - OpenMetricsText1.0.0
  - OpenMetricsText0.0.1
  - PrometheusText1.0.0
  - PrometheusText0.0.4
  scrape_native_histograms: false
  always_scrape_classic_histograms: false
  convert_classic_histograms_to_nhcb: false
  extra_scrape_metrics: false
  metrics_path: /metrics
  scheme: http
  enable_compression: true
  body_size_limit: 15MiB
  metric_name_validation_scheme: utf8
  metric_name_escaping_scheme: allow-utf-8
  tls_config:
    server_name: x
    insecure_skip_verify: false
  follow_redirects: true
  enable_http2: true
  relabel_configs:
  - source_labels: [job, other]
    separator: ;
    regex: 'x: y'
    target_label: job
    replacement: foo-${1}
    action: replace
  - source_labels: [foo]
    separator: ;
    modulus: 8
    target_label: abc
    replacement: $1
    action: hashmod
  static_configs:
  - targets:
    - localhost:9090
    labels:
      my: label
  - targets: []
)");
}

TEST(ConfigToYaml, NeverShowsSecrets) {
  const std::string text = to_yaml(must_load(R"(
scrape_configs:
- job_name: a
  basic_auth: {username: visible, password: hunter2}
- job_name: b
  bearer_token: hunter2
- job_name: c
  authorization: {type: Token, credentials: hunter2}
- job_name: d
  http_headers: {a: {values: [visible], secrets: [hunter2, hunter2], files: [f]}}
- job_name: e
  tls_config: {cert: visible, key: hunter2}
)"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  EXPECT_THAT(text, HasSubstr("    password: <secret>\n"));
  EXPECT_THAT(text, HasSubstr("    type: Bearer\n    credentials: <secret>\n"));
  EXPECT_THAT(text, HasSubstr("    type: Token\n    credentials: <secret>\n"));
  EXPECT_THAT(text, HasSubstr("      secrets:\n      - <secret>\n      - <secret>\n"));
  EXPECT_THAT(text, HasSubstr("    key: <secret>\n"));
}

// Goal: what is shown means what is running.
TEST(ConfigToYaml, ReadsBackEqual) {
  for (const std::string_view text : {
           "",
           "global: {scrape_interval: 3s, evaluation_interval: 90s, rule_query_offset: 1m, "
           "sample_limit: 4, keep_dropped_targets: 2}\n",
           "global: {metric_name_validation_scheme: legacy, metric_name_escaping_scheme: values, "
           "extra_scrape_metrics: true}\n"
           "runtime: {gogc: 42}\n"
           "storage: {tsdb: {retention: {time: 1d, size: 1GB, percentage: 2.5}, chunk_encoding: "
           "{floats: xor}}, exemplars: {max_exemplars: -1}}\n",
           "scrape_configs:\n- job_name: \"y: #x\"\n  metric_relabel_configs: [{regex: null, "
           "separator: '', target_label: x, replacement: ''}]\n"
           "  scrape_interval: 1h30m\n  scrape_timeout: 250ms\n  fallback_scrape_protocol: "
           "PrometheusText0.0.4\n"
           "  native_histogram_bucket_limit: 5\n  native_histogram_min_bucket_factor: 1.5\n  "
           "track_timestamps_staleness: true\n"
           "  basic_auth: {username: u, password_file: f}\n  tls_config: {max_version: TLS13, "
           "min_version: TLS10}\n"
           "  static_configs: [{targets: ['[::1]:80', 'h:1'], labels: {a: 'yes', b: '1e3', c: '', "
           "d: \"l1\\nl2\"}}]\n",
       }) {
    const Config config = must_load(text);
    const Config again = must_load(to_yaml(config));
    EXPECT_EQ(config, again) << to_yaml(config);
    EXPECT_EQ(to_yaml(config), to_yaml(again));
  }
}

// Sections that this build only keeps are shown as if it had them.
TEST(ConfigToYaml, KeptSectionsHaveDefaultsAndNoSecrets) {
  const Config config = must_load(R"(
remote_write:
- url: http://x/push
  headers: {a: b}
  authorization: {credentials: hidden}
  write_relabel_configs: [{source_labels: [a], regex: b, action: drop}]
scrape_configs:
- job_name: a
  consul_sd_configs: [{token: hidden, services: [x]}]
  oauth2: {client_id: id, client_secret: hidden, token_url: "http://user:hidden@h/token"}
  proxy_url: http://me:hidden@proxy:3128
)");
  const std::string yaml = to_yaml(config);
  EXPECT_THAT(yaml, Not(HasSubstr("hidden")));
  EXPECT_THAT(yaml, HasSubstr(R"(  consul_sd_configs:
  - server: localhost:8500
    token: <secret>
    tag_separator: ','
    scheme: http
    allow_stale: true
    services:
    - x
    refresh_interval: 30s
    follow_redirects: true
    enable_http2: true
)"));
  EXPECT_THAT(yaml, HasSubstr(R"(remote_write:
- url: http://x/push
  remote_timeout: 30s
  headers:
    a: b
  write_relabel_configs:
  - source_labels:
    - a
    separator: ;
    regex: b
    replacement: $1
    action: drop
)"));
  EXPECT_THAT(yaml, HasSubstr("proxy_url: http://me:xxxxx@proxy:3128"));
  EXPECT_THAT(yaml, HasSubstr("token_url: http://user:xxxxx@h/token"));
  EXPECT_EQ(to_yaml(must_load(yaml)), yaml);
}

}  // namespace
}  // namespace narthex::config
