// process_* metrics of this process, read from /proc when somebody looks.
// Threads: the callbacks are synchronized.
#pragma once

#include <vector>

#include "narthex/telemetry/registry.h"
#include "narthex/util/memory_budget.h"

namespace narthex::server {

// The metrics live as long as the returned handles.
[[nodiscard]] std::vector<telemetry::Registry::Callback> register_process_metrics(
    telemetry::Registry& registry);
// Who holds how much of the memory budget, which outlives the handles.
[[nodiscard]] std::vector<telemetry::Registry::Callback> register_memory_metrics(
    telemetry::Registry& registry, const util::MemoryBudget& budget);

}  // namespace narthex::server
