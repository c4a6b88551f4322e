// Targets from a server that answers with a list of them.
#pragma once

#include "discovery/context.h"

namespace narthex::discovery {

util::Result<std::unique_ptr<Discoverer>> make_http_discoverer(const HttpOptions& options,
                                                               const Context& context);

}  // namespace narthex::discovery
