// From the text form of io.prometheus.client.MetricFamily to its bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace narthex::conformance {

// One message without its length; nullopt when the text is none.
std::optional<std::string> encode_metric_family(std::string_view text);

}  // namespace narthex::conformance
