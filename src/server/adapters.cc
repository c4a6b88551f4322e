#include "server/adapters.h"

#include <algorithm>

namespace narthex::server {
namespace {

api::TargetHealth health(scrape::TargetHealth from) {
  switch (from) {
    case scrape::TargetHealth::kUnknown:
      return api::TargetHealth::kUnknown;
    case scrape::TargetHealth::kUp:
      return api::TargetHealth::kUp;
    case scrape::TargetHealth::kDown:
      return api::TargetHealth::kDown;
  }
  return api::TargetHealth::kUnknown;
}

std::vector<api::NamedCount> counts(std::vector<tsdb::CardinalityEntry>&& from) {
  std::vector<api::NamedCount> out;
  out.reserve(from.size());
  for (tsdb::CardinalityEntry& entry : from) {
    out.push_back({.name = std::move(entry.name), .value = entry.value});
  }
  return out;
}

}  // namespace

std::vector<std::string> ScrapeTargets::pools() const {
  return manager_.pools();
}

std::vector<api::TargetStatus> ScrapeTargets::active(std::optional<std::string_view> pool) const {
  std::vector<api::TargetStatus> out;
  for (scrape::TargetStatus& from : manager_.active(pool)) {
    api::TargetStatus& to = out.emplace_back();
    to.pool = std::move(from.pool);
    to.discovered_labels = std::move(from.discovered_labels);
    to.labels = std::move(from.labels);
    to.scrape_url = std::move(from.scrape_url);
    to.last_error = std::move(from.last_error);
    to.last_scrape_ns = from.last_scrape_ns;
    to.last_scrape_seconds = from.last_scrape_seconds;
    to.health = health(from.health);
    to.interval = from.interval;
    to.timeout = from.timeout;
  }
  return out;
}

std::vector<api::DroppedTarget> ScrapeTargets::dropped(std::optional<std::string_view> pool) const {
  std::vector<api::DroppedTarget> out;
  for (scrape::DroppedTarget& from : manager_.dropped(pool)) {
    out.push_back(
        {.pool = std::move(from.pool), .discovered_labels = std::move(from.discovered_labels)});
  }
  return out;
}

std::vector<std::pair<std::string, std::uint64_t>> ScrapeTargets::dropped_counts() const {
  return manager_.dropped_counts();
}

std::vector<api::TargetMetadata> ScrapeTargets::metadata(
    std::optional<std::string_view> family) const {
  std::vector<api::TargetMetadata> out;
  for (scrape::TargetMetadata& from : manager_.metadata(family)) {
    out.push_back({.target = std::move(from.target),
                   .family = std::move(from.family),
                   .metadata = std::move(from.metadata)});
  }
  return out;
}

api::HeadStatus HeadView::head_status(std::size_t names_max) const {
  const tsdb::HeadStats stats = db_.head_stats();
  tsdb::Cardinality cardinality = db_.cardinality(names_max);
  api::HeadStatus out;
  out.series = stats.series;
  out.label_pairs = stats.label_pairs;
  out.chunks = stats.chunks;
  out.time_min = stats.min_time;
  out.time_max = stats.max_time;
  out.series_by_metric = counts(std::move(cardinality.series_count_by_metric_name));
  out.values_by_label = counts(std::move(cardinality.label_value_count_by_label_name));
  out.bytes_by_label = counts(std::move(cardinality.memory_bytes_by_label_name));
  out.series_by_pair = counts(std::move(cardinality.series_count_by_label_value_pair));
  return out;
}

std::vector<api::BlockStatus> HeadView::blocks() const {
  std::vector<api::BlockStatus> out;
  for (tsdb::BlockInfo& from : db_.blocks()) {
    api::BlockStatus& to = out.emplace_back();
    to.ulid = std::move(from.ulid);
    to.time_min = from.min_time;
    to.time_max = from.max_time;
    to.samples = from.samples;
    to.float_samples = from.float_samples;
    to.histogram_samples = from.histogram_samples;
    to.series = from.series;
    to.chunks = from.chunks;
    to.tombstones = from.tombstones;
    to.bytes = from.bytes;
    to.level = from.level;
    to.sources = std::move(from.sources);
    for (tsdb::BlockInfo::Parent& parent : from.parents)
      to.parents.push_back({std::move(parent.ulid), parent.min_time, parent.max_time});
    to.hints = std::move(from.hints);
    to.deletable = from.deletable;
    to.failed = from.failed;
    to.version = from.version;
  }
  return out;
}

std::optional<api::PoolConfig> pool_config(const config::Config& config, std::string_view pool) {
  const auto found =
      std::ranges::find(config.scrape_configs, pool, &config::ScrapeSection::job_name);
  if (found == config.scrape_configs.end()) return std::nullopt;
  api::PoolConfig out;
  out.yaml = config::to_yaml(*found);
  out.relabel_rules = found->relabel_configs;
  out.name_scheme = found->metric_name_validation_scheme.value_or(model::NameScheme::kUtf8);
  return out;
}

api::ReplayStatus replay_status(const tsdb::ReplayProgress& progress) {
  return {.min = progress.segment_min,
          .max = progress.segment_max,
          .current = progress.segment_current};
}

}  // namespace narthex::server
