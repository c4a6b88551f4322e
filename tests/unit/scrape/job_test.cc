#include "scrape/job.h"

#include <gtest/gtest.h>

namespace narthex::scrape {
namespace {

using exposition::ScrapeProtocol;

TEST(AcceptHeader, AsksForTheProtocolsBestFirst) {
  constexpr std::string_view kOrder =
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
      "application/openmetrics-text;version=0.0.1;q=0.5,"
      "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/"
      "*;q=0.2";
  ScrapeJobOptions options;
  EXPECT_EQ(accept_header(options), kOrder);
  options.histograms.scrape_native_histograms = true;
  EXPECT_EQ(accept_header(options),
            "application/"
            "vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
            "application/openmetrics-text;version=0.0.1;q=0.4,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/"
            "*;q=0.1");
  options.protocols = {ScrapeProtocol::kPrometheusText004};
  EXPECT_EQ(accept_header(options), "text/plain;version=0.0.4;q=0.6,*/*;q=0.5");
  options.protocols = {ScrapeProtocol::kPrometheusText100};
  options.escaping_scheme = exposition::EscapingScheme::kUnderscores;
  EXPECT_EQ(accept_header(options),
            "text/plain;version=1.0.0;escaping=underscores;q=0.6,*/*;q=0.5");
}

TEST(BodyFormat, GoesByMediaTypeOrFallback) {
  EXPECT_EQ(body_format("text/plain; version=0.0.4; charset=utf-8", std::nullopt).value(),
            ScrapeProtocol::kPrometheusText004);
  EXPECT_EQ(body_format(" Text/Plain ", std::nullopt).value(), ScrapeProtocol::kPrometheusText004);
  EXPECT_EQ(body_format("", ScrapeProtocol::kPrometheusText004).value(),
            ScrapeProtocol::kPrometheusText004);
  EXPECT_EQ(body_format("application/openmetrics-text; version=1.0.0", std::nullopt).value(),
            ScrapeProtocol::kOpenMetricsText100);
  const std::string protobuf = "application/vnd.google.protobuf";
  const std::string family = "; proto=io.prometheus.client.MetricFamily";
  EXPECT_EQ(body_format(protobuf + family + "; encoding=\"delimited\"", std::nullopt).value(),
            ScrapeProtocol::kPrometheusProto);
  EXPECT_FALSE(body_format(protobuf + family + "; encoding=text", std::nullopt).has_value());
  EXPECT_FALSE(body_format(protobuf + "; encoding=delimited", std::nullopt).has_value());
  EXPECT_EQ(body_format("text/html", ScrapeProtocol::kPrometheusProto).value(),
            ScrapeProtocol::kPrometheusProto);
  EXPECT_EQ(body_format("", std::nullopt).error().message(),
            "non-compliant scrape target sending blank Content-Type and no "
            "fallback_scrape_protocol specified for target");
  EXPECT_EQ(body_format("text/html", std::nullopt).error().message(),
            "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol "
            "specified for target");
  EXPECT_EQ(body_format("nonsense", std::nullopt).error().message(),
            "cannot parse Content-Type \"nonsense\" and no fallback_scrape_protocol for target");
}

}  // namespace
}  // namespace narthex::scrape
