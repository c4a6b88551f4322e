// What the server answers by itself, without a route of the application. Threads: free functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "narthex/http/router.h"

namespace narthex::http {

// 404 for a path that nobody takes.
[[nodiscard]] const Route& not_found_route();
// For a path that is there with other methods: 405, or 200 for OPTIONS. `allow` names those.
[[nodiscard]] Route method_not_allowed(std::string allow);
// 301.
[[nodiscard]] Route moved_to(std::string location);
// Where a request with empty, "." or ".." segments in its path belongs (as Go's mux says, whether
// or not that exists); nullopt when the path is clean.
[[nodiscard]] std::optional<std::string> clean_location(std::string_view raw_path,
                                                        std::string_view query);

}  // namespace narthex::http
