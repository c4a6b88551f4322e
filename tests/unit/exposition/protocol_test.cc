#include "narthex/exposition/protocol.h"

#include <gtest/gtest.h>

namespace narthex::exposition {
namespace {

TEST(ScrapeProtocol, NamesReadBack) {
  for (const auto protocol :
       {ScrapeProtocol::kPrometheusProto, ScrapeProtocol::kPrometheusText004,
        ScrapeProtocol::kPrometheusText100, ScrapeProtocol::kOpenMetricsText001,
        ScrapeProtocol::kOpenMetricsText100}) {
    EXPECT_EQ(parse_scrape_protocol(scrape_protocol_text(protocol)).value(), protocol);
    EXPECT_FALSE(scrape_protocol_media_type(protocol).empty());
  }
  EXPECT_FALSE(parse_scrape_protocol("prometheustext0.0.4").has_value());
}

TEST(EscapingScheme, NamesReadBack) {
  for (const auto scheme : {EscapingScheme::kAllowUtf8, EscapingScheme::kUnderscores,
                            EscapingScheme::kDots, EscapingScheme::kValues}) {
    EXPECT_EQ(parse_escaping_scheme(escaping_scheme_text(scheme)).value(), scheme);
  }
  EXPECT_FALSE(parse_escaping_scheme("none").has_value());
}

}  // namespace
}  // namespace narthex::exposition
