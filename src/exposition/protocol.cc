#include "narthex/exposition/protocol.h"

#include <array>

#include <fmt/format.h>

#include "narthex/model/names.h"

namespace narthex::exposition {
namespace {

struct ProtocolName {
  ScrapeProtocol protocol;
  std::string_view text;
  std::string_view media_type;
};
constexpr std::array<ProtocolName, 5> kProtocols{{
    {ScrapeProtocol::kPrometheusProto, "PrometheusProto",
     "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"},
    {ScrapeProtocol::kPrometheusText004, "PrometheusText0.0.4", "text/plain;version=0.0.4"},
    {ScrapeProtocol::kPrometheusText100, "PrometheusText1.0.0", "text/plain;version=1.0.0"},
    {ScrapeProtocol::kOpenMetricsText001, "OpenMetricsText0.0.1",
     "application/openmetrics-text;version=0.0.1"},
    {ScrapeProtocol::kOpenMetricsText100, "OpenMetricsText1.0.0",
     "application/openmetrics-text;version=1.0.0"},
}};

constexpr std::array<std::string_view, 4> kEscapingSchemes{"allow-utf-8", "underscores", "dots",
                                                           "values"};

}  // namespace

std::string_view scrape_protocol_text(ScrapeProtocol protocol) noexcept {
  return kProtocols[static_cast<std::size_t>(protocol)].text;
}

util::Result<ScrapeProtocol> parse_scrape_protocol(std::string_view text) {
  for (const ProtocolName& name : kProtocols) {
    if (name.text == text) return name.protocol;
  }
  return util::fail(
      util::Code::kInvalidArgument,
      fmt::format("unknown scrape protocol {}, supported: PrometheusProto, PrometheusText0.0.4, "
                  "PrometheusText1.0.0, OpenMetricsText0.0.1, OpenMetricsText1.0.0",
                  model::quoted(text)));
}

std::string_view scrape_protocol_media_type(ScrapeProtocol protocol) noexcept {
  return kProtocols[static_cast<std::size_t>(protocol)].media_type;
}

std::string_view escaping_scheme_text(EscapingScheme scheme) noexcept {
  return kEscapingSchemes[static_cast<std::size_t>(scheme)];
}

util::Result<EscapingScheme> parse_escaping_scheme(std::string_view text) {
  for (std::size_t i = 0; i < kEscapingSchemes.size(); ++i) {
    if (kEscapingSchemes[i] == text) return static_cast<EscapingScheme>(i);
  }
  return util::fail(util::Code::kInvalidArgument,
                    fmt::format("unknown escaping scheme {}", model::quoted(text)));
}

}  // namespace narthex::exposition
