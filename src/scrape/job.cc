#include "scrape/job.h"

#include <array>

#include <fmt/format.h>

#include "narthex/http/message.h"
#include "narthex/model/names.h"

namespace narthex::scrape {

using exposition::ScrapeProtocol;
using util::Code;
using util::fail;

util::Result<std::string> accept_header(const ScrapeJobOptions& options) {
  static constexpr std::array kDefaultOrder{
      ScrapeProtocol::kOpenMetricsText100, ScrapeProtocol::kOpenMetricsText001,
      ScrapeProtocol::kPrometheusText100, ScrapeProtocol::kPrometheusText004};
  std::vector<ScrapeProtocol> protocols = options.protocols;
  if (protocols.empty()) protocols.assign(kDefaultOrder.begin(), kDefaultOrder.end());

  std::string out;
  int weight = 6;
  for (const ScrapeProtocol protocol : protocols) {
    if (!exposition::can_parse(protocol)) continue;
    out += exposition::scrape_protocol_media_type(protocol);
    if (protocol == ScrapeProtocol::kPrometheusText100 ||
        protocol == ScrapeProtocol::kOpenMetricsText100) {
      out += fmt::format(";escaping={}", exposition::escaping_scheme_text(options.escaping_scheme));
    }
    out += fmt::format(";q=0.{},", weight--);
  }
  if (out.empty())
    return fail(Code::kUnsupported, "none of the scrape_protocols can be parsed by this version");
  return out + fmt::format("*/*;q=0.{}", weight);
}

util::Result<ScrapeProtocol> body_format(std::string_view content_type,
                                         std::optional<ScrapeProtocol> fallback) {
  const std::size_t end = std::min(content_type.find(';'), content_type.size());
  std::string_view type = content_type.substr(0, end);
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  while (!type.empty() && (type.front() == ' ' || type.front() == '\t')) type.remove_prefix(1);
  if (http::equals_ignoring_case(type, "text/plain")) return ScrapeProtocol::kPrometheusText004;
  if (fallback && exposition::can_parse(*fallback)) return *fallback;
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
  auto accept = accept_header(options);
  if (!accept) return failed(std::move(accept).error(), "scrape_protocols");
  if (previous != nullptr && previous->options.http == options.http) {
    job->client = previous->client;
  } else {
    auto client = http::Client::make(options.http, clock);
    if (!client) return failed(std::move(client).error(), "http client");
    job->client = *std::move(client);
  }
  job->relabel_rules = *std::move(relabel_rules);
  job->metric_relabel_rules = *std::move(metric_rules);
  job->accept = *std::move(accept);
  job->user_agent = manager.user_agent;
  job->adjust_timestamps = manager.adjust_timestamps;
  job->timestamp_tolerance = manager.timestamp_tolerance;
  job->options = std::move(options);
  return job;
}

}  // namespace narthex::scrape
