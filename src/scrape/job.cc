#include "scrape/job.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "narthex/http/message.h"
#include "narthex/model/names.h"

namespace narthex::scrape {

using exposition::ScrapeProtocol;
using util::Code;
using util::fail;

std::string accept_header(const ScrapeJobOptions& options, bool start_timestamps) {
  static constexpr std::array kDefaultOrder{
      ScrapeProtocol::kPrometheusProto, ScrapeProtocol::kOpenMetricsText100,
      ScrapeProtocol::kOpenMetricsText001, ScrapeProtocol::kPrometheusText100,
      ScrapeProtocol::kPrometheusText004};
  const std::span<const ScrapeProtocol> text_order = std::span(kDefaultOrder).subspan(1);
  std::span<const ScrapeProtocol> protocols = options.protocols;
  // The configuration has filled in the default.
  if (protocols.empty() || std::ranges::equal(protocols, text_order)) {
    const bool wants_protobuf =
        start_timestamps || (protocols.empty() && options.histograms.scrape_native_histograms);
    protocols = wants_protobuf ? std::span<const ScrapeProtocol>(kDefaultOrder) : text_order;
  }
  std::string out;
  int weight = 6;
  for (const ScrapeProtocol protocol : protocols) {
    out += exposition::scrape_protocol_media_type(protocol);
    if (protocol == ScrapeProtocol::kPrometheusText100 ||
        protocol == ScrapeProtocol::kOpenMetricsText100) {
      out += fmt::format(";escaping={}", exposition::escaping_scheme_text(options.escaping_scheme));
    }
    out += fmt::format(";q=0.{},", weight--);
  }
  return out + fmt::format("*/*;q=0.{}", weight);
}

namespace {

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

// The value of a parameter behind the media type, without quotes; "" when it is absent.
std::string_view parameter_of(std::string_view content_type, std::string_view name) noexcept {
  std::size_t begin = content_type.find(';');
  while (begin != std::string_view::npos) {
    const std::size_t end = content_type.find(';', begin + 1);
    const std::string_view parameter = content_type.substr(begin + 1, end - begin - 1);
    const std::size_t equal = parameter.find('=');
    if (equal != std::string_view::npos &&
        http::equals_ignoring_case(trimmed(parameter.substr(0, equal)), name)) {
      std::string_view value = trimmed(parameter.substr(equal + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      return value;
    }
    begin = end;
  }
  return {};
}

// nullopt: a media type that is none of ours.
std::optional<ScrapeProtocol> known_format(std::string_view content_type) noexcept {
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  if (http::equals_ignoring_case(type, "text/plain")) return ScrapeProtocol::kPrometheusText004;
  if (http::equals_ignoring_case(type, "application/openmetrics-text"))
    return ScrapeProtocol::kOpenMetricsText100;
  const bool is_protobuf =
      http::equals_ignoring_case(type, "application/vnd.google.protobuf") &&
      parameter_of(content_type, "proto") == "io.prometheus.client.MetricFamily" &&
      http::equals_ignoring_case(parameter_of(content_type, "encoding"), "delimited");
  return is_protobuf ? std::optional(ScrapeProtocol::kPrometheusProto) : std::nullopt;
}

}  // namespace

util::Result<ScrapeProtocol> body_format(std::string_view content_type,
                                         std::optional<ScrapeProtocol> fallback) {
  if (const auto known = known_format(content_type)) return *known;
  if (fallback) return *fallback;
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  if (type.empty()) {
    return fail(Code::kUnsupported,
                "non-compliant scrape target sending blank Content-Type and no "
                "fallback_scrape_protocol specified for target");
  }
  if (type.find('/') == std::string_view::npos) {
    return fail(
        Code::kUnsupported,
        fmt::format("cannot parse Content-Type {} and no fallback_scrape_protocol for target",
                    model::quoted(content_type)));
  }
  return fail(Code::kUnsupported, fmt::format("received unsupported Content-Type {} and no "
                                              "fallback_scrape_protocol specified for target",
                                              model::quoted(content_type)));
}

util::Result<std::shared_ptr<Job>> make_job(ScrapeJobOptions options,
                                            const ScrapeManagerOptions& manager, util::Clock* clock,
                                            const Job* previous) {
  const auto failed = [&options](util::Error error, std::string_view what) {
    return std::unexpected(std::move(error).with_context(
        fmt::format("scrape job {}: {}", model::quoted(options.job_name), what)));
  };
  auto job = std::make_shared<Job>();
  auto relabel_rules = relabel::RelabelRules::compile(options.relabel_configs, options.name_scheme);
  if (!relabel_rules) return failed(std::move(relabel_rules).error(), "relabel_configs");
  auto metric_rules =
      relabel::RelabelRules::compile(options.metric_relabel_configs, options.name_scheme);
  if (!metric_rules) return failed(std::move(metric_rules).error(), "metric_relabel_configs");
  if (previous != nullptr && previous->options.http == options.http) {
    job->client = previous->client;
  } else {
    auto client = http::Client::make(options.http, clock);
    if (!client) return failed(std::move(client).error(), "http client");
    job->client = *std::move(client);
  }
  job->relabel_rules = *std::move(relabel_rules);
  job->metric_relabel_rules = *std::move(metric_rules);
  job->accept = accept_header(options, manager.start_timestamps);
  job->start_timestamps = manager.start_timestamps;
  job->resolution = {
      .buckets_max = options.histogram_buckets_max,
      .schema_max = exposition::schema_for_factor(options.histogram_bucket_factor_min)};
  job->user_agent = manager.user_agent;
  job->adjust_timestamps = manager.adjust_timestamps;
  job->append_metadata = manager.append_metadata;
  job->type_and_unit_labels = manager.type_and_unit_labels;
  job->timestamp_tolerance = manager.timestamp_tolerance;
  job->options = std::move(options);
  return job;
}

}  // namespace narthex::scrape
