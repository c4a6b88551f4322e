#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/config/config.h"

#include "support/temp_dir.h"

namespace narthex::config {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

Config must_load(std::string_view text, const LoadOptions& options = {}) {
  auto config = load_text(util::posix_env(), text, "f.yml", options);
  EXPECT_TRUE(config) << config.error().message();
  return config ? *std::move(config) : Config{};
}

void write(const std::string& path, std::string_view text) {
  std::ofstream(path) << text;
}

TEST(ConfigLoad, AnEmptyFileIsAllDefaults) {
  const Config config = must_load("");
  EXPECT_EQ(config.global.scrape_interval, seconds(60));
  EXPECT_EQ(config.global.scrape_timeout, seconds(10));
  EXPECT_EQ(config.global.evaluation_interval, seconds(60));
  EXPECT_TRUE(config.scrape_configs.empty());
  EXPECT_TRUE(config.warnings.empty());
}

TEST(ConfigLoad, ScrapeConfigsHaveDefaults) {
  const auto jobs = scrape_jobs(must_load("scrape_configs:\n- job_name: a\n"));
  ASSERT_EQ(jobs.size(), 1U);
  scrape::ScrapeJobOptions want;
  want.job_name = "a";
  using enum exposition::ScrapeProtocol;
  want.protocols = {kOpenMetricsText100, kOpenMetricsText001, kPrometheusText100,
                    kPrometheusText004};
  EXPECT_EQ(jobs[0], want);
}

TEST(ConfigLoad, ScrapeConfigsInheritFromGlobal) {
  const auto jobs = scrape_jobs(must_load(R"(
global:
  scrape_interval: 5s
  scrape_protocols: [PrometheusText0.0.4]
  sample_limit: 7
  body_size_limit: 1KB
  metric_name_validation_scheme: legacy
  extra_scrape_metrics: true
scrape_configs:
- job_name: inherits
- job_name: overrides
  scrape_interval: 2m
  scrape_timeout: 1m
  sample_limit: 9
  metric_name_validation_scheme: utf8
  extra_scrape_metrics: false
  scrape_protocols: [PrometheusProto, PrometheusText0.0.4]
)"));
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0].interval, seconds(5));
  EXPECT_EQ(jobs[0].timeout, seconds(5));  // The default of 10 s is cut to the interval.
  EXPECT_EQ(jobs[0].limits.samples, 7U);
  EXPECT_EQ(jobs[0].limits.body_size_bytes, 1024U);
  EXPECT_EQ(jobs[0].name_scheme, model::NameScheme::kLegacy);
  EXPECT_EQ(jobs[0].escaping_scheme, exposition::EscapingScheme::kUnderscores);
  EXPECT_TRUE(jobs[0].extra_scrape_metrics);
  EXPECT_THAT(jobs[0].protocols, ElementsAre(exposition::ScrapeProtocol::kPrometheusText004));
  EXPECT_EQ(jobs[1].interval, seconds(120));
  EXPECT_EQ(jobs[1].timeout, seconds(60));
  EXPECT_EQ(jobs[1].limits.samples, 9U);
  EXPECT_EQ(jobs[1].name_scheme, model::NameScheme::kUtf8);
  EXPECT_EQ(jobs[1].escaping_scheme, exposition::EscapingScheme::kAllowUtf8);
  EXPECT_FALSE(jobs[1].extra_scrape_metrics);
}

TEST(ConfigLoad, ReadsEveryPartOfAScrapeConfig) {
  const auto jobs = scrape_jobs(must_load(R"(
scrape_configs:
- job_name: a
  honor_labels: yes
  honor_timestamps: false
  track_timestamps_staleness: true
  enable_compression: off
  metrics_path: /m
  scheme: https
  params: {b: [x, 1], a: [""]}
  fallback_scrape_protocol: PrometheusText0.0.4
  bearer_token_file: token
  tls_config: {ca_file: /abs/ca, insecure_skip_verify: true, min_version: TLS13}
  follow_redirects: false
  http_headers: {X-A: {values: [v], secrets: [s], files: [f]}}
  relabel_configs:
  - {source_labels: [a, b], separator: "", regex: null, target_label: c, modulus: 0x10, action: HashMod}
  - {regex: "a|b", action: labeldrop}
  static_configs:
  - targets: ["h:1", "h:2"]
    labels: {x: y, n: 5}
)"));
  ASSERT_EQ(jobs.size(), 1U);
  const scrape::ScrapeJobOptions& job = jobs[0];
  EXPECT_TRUE(job.honor_labels);
  EXPECT_FALSE(job.honor_timestamps);
  EXPECT_TRUE(job.track_timestamps_staleness);
  EXPECT_FALSE(job.enable_compression);
  EXPECT_EQ(job.metrics_path, "/m");
  EXPECT_EQ(job.scheme, "https");
  EXPECT_EQ(job.params, (Params{{"a", {""}}, {"b", {"x", "1"}}}));
  EXPECT_EQ(job.fallback_protocol, exposition::ScrapeProtocol::kPrometheusText004);
  ASSERT_TRUE(job.http.authorization);
  EXPECT_EQ(job.http.authorization->type, "Bearer");
  EXPECT_EQ(job.http.authorization->credentials.file, "token");
  EXPECT_EQ(job.http.tls.ca.file, "/abs/ca");
  EXPECT_TRUE(job.http.tls.insecure_skip_verify);
  EXPECT_EQ(job.http.tls.version_min, http::TlsVersion::kTls13);
  EXPECT_FALSE(job.http.follow_redirects);
  ASSERT_EQ(job.http.headers.size(), 1U);
  EXPECT_EQ(job.http.headers[0], (http::ConfiguredHeader{"X-A", {"v"}, {"s"}, {"f"}}));
  ASSERT_EQ(job.relabel_configs.size(), 2U);
  EXPECT_THAT(job.relabel_configs[0].source_labels, ElementsAre("a", "b"));
  EXPECT_EQ(job.relabel_configs[0].separator, "");
  EXPECT_EQ(job.relabel_configs[0].regex, "");  // A null regex matches the empty string only.
  EXPECT_EQ(job.relabel_configs[0].modulus, 16U);
  EXPECT_EQ(job.relabel_configs[0].action, relabel::Action::kHashMod);
  EXPECT_EQ(job.relabel_configs[1].action, relabel::Action::kLabelDrop);
  ASSERT_EQ(job.discovery.static_configs.size(), 1U);
  EXPECT_THAT(job.discovery.static_configs[0].targets, ElementsAre("h:1", "h:2"));
  EXPECT_EQ(job.discovery.static_configs[0].labels, (model::Labels{{"x", "y"}, {"n", "5"}}));
}

TEST(ConfigLoad, PathsAreRelativeToTheirFile) {
  auto config = load_text(util::posix_env(), R"(
rule_files: [rules.yml, /abs/*.yml]
scrape_configs:
- job_name: a
  basic_auth: {username_file: u, password_file: /p}
  tls_config: {ca_file: ca}
  http_headers: {a: {files: [h]}}
)",
                          "/etc/narthex/narthex.yml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_THAT(config->rule_files, ElementsAre("/etc/narthex/rules.yml", "/abs/*.yml"));
  const http::ClientOptions& http = config->scrape_configs[0].http;
  EXPECT_EQ(http.basic_auth->username.file, "/etc/narthex/u");
  EXPECT_EQ(http.basic_auth->password.file, "/p");
  EXPECT_EQ(http.tls.ca.file, "/etc/narthex/ca");
  EXPECT_THAT(http.headers[0].files, ElementsAre("/etc/narthex/h"));
}

TEST(ConfigLoad, ExternalLabelsExpandTheEnvironment) {
  LoadOptions options;
  options.environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOME_TOWN") return "Athens";
    return std::nullopt;
  };
  const Config config = must_load(R"(
global:
  external_labels: {a: $HOME_TOWN, b: "x${HOME_TOWN}y", c: $$HOME_TOWN, d: "$", e: "a$UNSET.b", f: "${", g: "$.", h: plain}
scrape_configs:
- job_name: a$HOME_TOWN
)",
                                  options);
  EXPECT_EQ(config.global.external_labels, (model::Labels{{"a", "Athens"},
                                                          {"b", "xAthensy"},
                                                          {"c", "$HOME_TOWN"},
                                                          {"d", "$"},
                                                          {"e", "a.b"},
                                                          {"g", "$."},
                                                          {"h", "plain"}}));
  EXPECT_THAT(config.warnings,
              ElementsAre("external label e: the environment variable UNSET is empty or not set"));
  EXPECT_EQ(config.scrape_configs[0].job_name, "a$HOME_TOWN");
}

TEST(ConfigLoad, AnExpansionIsBounded) {
  LoadOptions options;
  options.environment = [](const std::string&) { return std::string(100'000, 'x'); };
  std::string value;
  for (int i = 0; i < 1000; ++i) value += "$A";
  const auto config = load_text(
      util::posix_env(), "global:\n  external_labels: {a: " + value + "}\n", "f.yml", options);
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message(), HasSubstr("external label a is longer than"));
}

TEST(ConfigLoad, IncludesScrapeConfigFiles) {
  const test::TempDir dir;
  util::posix_env().create_dirs(dir / "d").value();
  write(dir / "main.yml",
        "global: {scrape_interval: 7s}\nscrape_config_files: [\"d/*.yml\", "
        "none/x.yml]\nscrape_configs:\n- job_name: m\n");
  write(dir / "d/b.yml", "scrape_configs:\n- job_name: b\n  basic_auth: {password_file: p}\n");
  write(dir / "d/a.yml", "scrape_configs:\n- job_name: a\n");
  write(dir / "d/ignored.txt", "{");
  const auto config = load(util::posix_env(), dir / "main.yml");
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->scrape_configs.size(), 3U);
  EXPECT_EQ(config->scrape_configs[0].job_name, "m");
  EXPECT_EQ(config->scrape_configs[1].job_name, "a");
  EXPECT_EQ(config->scrape_configs[2].job_name, "b");
  EXPECT_EQ(config->scrape_configs[2].scrape_interval, seconds(7));
  EXPECT_EQ(config->scrape_configs[2].http.basic_auth->password.file, dir / "d/p");
}

TEST(ConfigLoad, ErrorsInIncludedFilesNameThem) {
  const test::TempDir dir;
  write(dir / "main.yml", "scrape_config_files: [x.yml]\nscrape_configs:\n- job_name: m\n");
  const auto error_with = [&dir](std::string_view text) {
    write(dir / "x.yml", text);
    const auto config = load(util::posix_env(), dir / "main.yml");
    return config ? "no error" : config.error().message();
  };
  const std::string main =
      "parsing YAML file " + (dir / "main.yml") + ": \"" + (dir / "x.yml") + "\": ";
  EXPECT_EQ(
      error_with("scrape_configs:\n- job_name: x\n- job_name: m\n"),
      main + "found multiple scrape configs with job name \"m\" (at " + (dir / "x.yml") + ":3)");
  EXPECT_EQ(error_with("global: {}\n"), main +
                                            "yaml: unmarshal errors:\n  line 1: field global not "
                                            "found in type config.ScrapeConfigs (at " +
                                            (dir / "x.yml") + ":1)");
  EXPECT_THAT(error_with("a: [\n"), HasSubstr("x.yml\": yaml: line 2: "));
}

TEST(ConfigLoad, AMissingFileIsNamed) {
  const auto config = load(util::posix_env(), "/nowhere/narthex.yml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), util::Code::kNotFound);
  EXPECT_THAT(config.error().message(),
              HasSubstr("/nowhere/narthex.yml: No such file or directory"));
}

TEST(ConfigLoad, WarnsAboutWhatIsNotRead) {
  EXPECT_THAT(must_load("global: {}\n---\nfoo: 1\n").warnings,
              ElementsAre(HasSubstr("only the first YAML document")));
  EXPECT_THAT(must_load("rule_files: [a.yml]\n").warnings,
              ElementsAre("rule_files are not loaded by this version"));
}

TEST(ConfigLoad, TheExampleIsTheBuiltInConfiguration) {
  const auto example =
      load(util::posix_env(), std::string(NARTHEX_SOURCE_DIR) + "/config/narthex.yml");
  ASSERT_TRUE(example) << example.error().message();
  const Config builtin = must_load(builtin_text("localhost:9090"));
  EXPECT_EQ(*example, builtin);
  ASSERT_EQ(builtin.scrape_configs.size(), 2U);

  const Config elsewhere = must_load(builtin_text("localhost:1234"));
  EXPECT_THAT(elsewhere.scrape_configs[0].static_configs[0].targets, ElementsAre("localhost:9100"));
  EXPECT_THAT(elsewhere.scrape_configs[1].static_configs[0].targets, ElementsAre("localhost:1234"));
}

TEST(ConfigLoad, ComparesWhatAReloadChanges) {
  const Config before =
      must_load("scrape_configs:\n- job_name: stays\n- job_name: goes\n- job_name: turns\n");
  EXPECT_TRUE(compare(before, before).empty());
  const Config after = must_load(
      "storage: {tsdb: {out_of_order_time_window: 0s, retention: {time: 1d}}}\n"
      "scrape_configs:\n- job_name: turns\n  honor_labels: true\n- job_name: stays\n- job_name: "
      "comes\n");
  const Difference difference = compare(before, after);
  EXPECT_FALSE(difference.global);
  EXPECT_TRUE(difference.storage);
  EXPECT_THAT(difference.jobs_added, ElementsAre("comes"));
  EXPECT_THAT(difference.jobs_removed, ElementsAre("goes"));
  EXPECT_THAT(difference.jobs_changed, ElementsAre("turns"));
  // Inherited values count: a job changes when `global` changes under it.
  const Config slower = must_load(
      "global: {scrape_interval: 2m}\nscrape_configs:\n- job_name: stays\n- job_name: goes\n- "
      "job_name: turns\n");
  EXPECT_EQ(compare(before, slower).jobs_changed.size(), 3U);
}

}  // namespace
}  // namespace narthex::config
