// Compares recorded JSON answers with those of this build. Threads: free functions.
#pragma once

#include <optional>
#include <string>

#include <boost/json.hpp>

namespace narthex::conformance {

// The first difference, with its path, or nullopt. Numbers, and numbers in strings, may differ by
// one part in 10^12.
[[nodiscard]] std::optional<std::string> first_difference(const boost::json::value& want,
                                                          const boost::json::value& got,
                                                          const std::string& path = "");
// The same for keys and kinds only: what `want` has, `got` has.
[[nodiscard]] std::optional<std::string> first_shape_difference(const boost::json::value& want,
                                                                const boost::json::value& got,
                                                                const std::string& path = "");
// Sorts the series of a query's answer by their labels.
void sort_series(boost::json::value& answer);

}  // namespace narthex::conformance
