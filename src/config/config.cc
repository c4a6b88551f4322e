#include "narthex/config/config.h"

#include <algorithm>

#include "narthex/yaml/tree.h"

#include "config/codec.h"
#include "config/schemas.h"

namespace narthex::config {

std::string to_yaml(const Config& config) {
  return yaml::print(encode_struct(config));
}

std::string to_yaml(const ScrapeSection& section) {
  return yaml::print(encode_struct(section));
}

util::Result<void> check_supported(const Config& config) {
  if (config.not_built.empty()) return {};
  return util::fail(util::Code::kUnsupported, config.not_built.front());
}

namespace {

scrape::ScrapeLimits limits_of(const LimitsSection& section) {
  return {.body_size_bytes = section.body_size.bytes,
          .samples = section.samples,
          .targets = section.targets,
          .labels = section.labels,
          .label_name_bytes = section.label_name_length,
          .label_value_bytes = section.label_value_length,
          .dropped_targets = section.keep_dropped_targets};
}

scrape::ScrapeJobOptions job_of(const ScrapeSection& section) {
  scrape::ScrapeJobOptions job;
  job.job_name = section.job_name;
  job.interval = section.scrape_interval;
  job.timeout = section.scrape_timeout;
  job.metrics_path = section.metrics_path;
  job.scheme = section.scheme;
  job.params = section.params;
  job.honor_labels = section.honor_labels;
  job.honor_timestamps = section.honor_timestamps;
  job.track_timestamps_staleness = section.track_timestamps_staleness;
  job.enable_compression = section.enable_compression;
  job.extra_scrape_metrics = section.extra_scrape_metrics.value_or(false);
  job.protocols = section.scrape_protocols.value_or(std::vector<exposition::ScrapeProtocol>{});
  job.fallback_protocol = section.fallback_scrape_protocol;
  job.name_scheme = section.metric_name_validation_scheme.value_or(model::NameScheme::kUtf8);
  job.escaping_scheme =
      section.metric_name_escaping_scheme.value_or(exposition::EscapingScheme::kAllowUtf8);
  job.histograms = {
      .scrape_native_histograms = section.scrape_native_histograms.value_or(false),
      .always_scrape_classic_histograms = section.always_scrape_classic_histograms.value_or(false),
      .convert_classic_histograms_to_nhcb =
          section.convert_classic_histograms_to_nhcb.value_or(false)};
  job.histogram_buckets_max = section.native_histogram_bucket_limit;
  job.histogram_bucket_factor_min = section.native_histogram_min_bucket_factor;
  job.failure_log_file = section.scrape_failure_log_file;
  job.limits = limits_of(section.limits);
  job.relabel_configs = section.relabel_configs;
  job.metric_relabel_configs = section.metric_relabel_configs;
  job.discovery.static_configs = section.static_configs;
  job.discovery.providers = section.providers;
  job.http = section.http;
  return job;
}

const ScrapeSection* find_job(const Config& config, std::string_view name) {
  const auto found = std::ranges::find(config.scrape_configs, name, &ScrapeSection::job_name);
  return found == config.scrape_configs.end() ? nullptr : &*found;
}

}  // namespace

std::vector<scrape::ScrapeJobOptions> scrape_jobs(const Config& config) {
  std::vector<scrape::ScrapeJobOptions> jobs;
  jobs.reserve(config.scrape_configs.size());
  for (const ScrapeSection& section : config.scrape_configs) jobs.push_back(job_of(section));
  return jobs;
}

Difference compare(const Config& before, const Config& after) {
  Difference difference;
  difference.global =
      before.global != after.global || before.runtime != after.runtime || before.kept != after.kept;
  difference.storage = before.storage != after.storage;
  difference.rules = before.rule_files != after.rule_files;
  for (const ScrapeSection& section : after.scrape_configs) {
    const ScrapeSection* old = find_job(before, section.job_name);
    if (old == nullptr) {
      difference.jobs_added.push_back(section.job_name);
    } else if (*old != section) {
      difference.jobs_changed.push_back(section.job_name);
    }
  }
  for (const ScrapeSection& section : before.scrape_configs) {
    if (find_job(after, section.job_name) == nullptr)
      difference.jobs_removed.push_back(section.job_name);
  }
  return difference;
}

}  // namespace narthex::config
