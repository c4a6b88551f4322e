// Checks of units/histograms.jsonl: arithmetic on native histograms, quantiles of classic ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json.hpp>

namespace narthex::conformance {

// All that is wrong; nullopt when no module of this build has the operation.
std::optional<std::vector<std::string>> check_histogram(const boost::json::object& record);

}  // namespace narthex::conformance
