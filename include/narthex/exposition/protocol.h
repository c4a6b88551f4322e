// The exposition formats that a scrape can ask for, and how names are escaped in them.
#pragma once

#include <cstdint>
#include <string_view>

#include "narthex/util/result.h"

namespace narthex::exposition {

enum class ScrapeProtocol : std::uint8_t {
  kPrometheusProto,
  kPrometheusText004,
  kPrometheusText100,
  kOpenMetricsText001,
  kOpenMetricsText100,
};
// As in scrape_protocols: "PrometheusText0.0.4". Case matters.
[[nodiscard]] std::string_view scrape_protocol_text(ScrapeProtocol protocol) noexcept;
// kInvalidArgument when the name is none of the five.
util::Result<ScrapeProtocol> parse_scrape_protocol(std::string_view text);
// The media type with its version parameter, as an Accept header has it.
[[nodiscard]] std::string_view scrape_protocol_media_type(ScrapeProtocol protocol) noexcept;

enum class EscapingScheme : std::uint8_t { kAllowUtf8, kUnderscores, kDots, kValues };
// "allow-utf-8", "underscores", "dots", "values".
[[nodiscard]] std::string_view escaping_scheme_text(EscapingScheme scheme) noexcept;
util::Result<EscapingScheme> parse_escaping_scheme(std::string_view text);

}  // namespace narthex::exposition
