#include "scrape/job.h"

#include <gtest/gtest.h>

namespace narthex::scrape {
namespace {

using exposition::ScrapeProtocol;

TEST(AcceptHeader, AsksForWhatCanBeParsedBestFirst) {
  ScrapeJobOptions options;
  EXPECT_EQ(accept_header(options).value(),
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/"
            "*;q=0.4");
  options.protocols = {ScrapeProtocol::kPrometheusText004};
  EXPECT_EQ(accept_header(options).value(), "text/plain;version=0.0.4;q=0.6,*/*;q=0.5");
  options.protocols = {ScrapeProtocol::kPrometheusProto};
  EXPECT_EQ(accept_header(options).has_value(),
            exposition::can_parse(ScrapeProtocol::kPrometheusProto));
}

TEST(BodyFormat, GoesByMediaTypeOrFallback) {
  EXPECT_EQ(body_format("text/plain; version=0.0.4; charset=utf-8", std::nullopt).value(),
            ScrapeProtocol::kPrometheusText004);
  EXPECT_EQ(body_format(" Text/Plain ", std::nullopt).value(), ScrapeProtocol::kPrometheusText004);
  EXPECT_EQ(body_format("", ScrapeProtocol::kPrometheusText004).value(),
            ScrapeProtocol::kPrometheusText004);
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
