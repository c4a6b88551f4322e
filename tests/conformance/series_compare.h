// The suites "series" and "series-histogram" of parser.jsonl.
#pragma once

#include <string>
#include <vector>

#include <boost/json.hpp>

namespace narthex::conformance {

std::vector<std::string> check_series(const boost::json::object& record);
std::vector<std::string> check_histogram_series(const boost::json::object& record);

}  // namespace narthex::conformance
