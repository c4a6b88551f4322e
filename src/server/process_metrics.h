// process_* metrics of this process, read from /proc when somebody looks.
// Threads: the callbacks are synchronized.
#pragma once

#include <vector>

#include "narthex/telemetry/registry.h"

namespace narthex::server {

// The metrics live as long as the returned handles.
[[nodiscard]] std::vector<telemetry::Registry::Callback> register_process_metrics(
    telemetry::Registry& registry);

}  // namespace narthex::server
