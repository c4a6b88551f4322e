// Targets from files that others write: read again when they change, and every refresh interval.
#pragma once

#include "discovery/context.h"

namespace narthex::discovery {

[[nodiscard]] std::unique_ptr<Discoverer> make_file_discoverer(const FileOptions& options,
                                                               const Context& context);

}  // namespace narthex::discovery
