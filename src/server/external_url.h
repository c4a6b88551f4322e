// The URL under which the server is reached from outside, and the route prefix that follows from
// it. Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "narthex/util/result.h"

namespace narthex::server {

struct ExternalUrl {
  std::string url;           // "http://host:9090/prefix", never with a slash at the end.
  std::string route_prefix;  // "" or "/prefix", never with a slash at the end.
};

// `flag` empty: http://<host_name>:<port>. `prefix_flag` overrides the URL's path for the routes
// inside. kInvalidArgument for anything that is not an http(s) URL without query and fragment.
util::Result<ExternalUrl> resolve_external_url(std::string_view flag,
                                               const std::optional<std::string>& prefix_flag,
                                               std::string_view host_name, std::uint16_t port);

}  // namespace narthex::server
