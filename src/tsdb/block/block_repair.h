// Repairs blocks that a release candidate of Prometheus 2.1 wrote: meta.json says version 2 and the
// index, of version 2, says 1. Threads: functions without state.
#pragma once

#include <string>

#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

// Whether there was anything to do. Both files are replaced as a whole; interrupted between the
// two, the repair goes on the next time.
util::Result<bool> repair_block(util::Env& env, const std::string& directory);

}  // namespace narthex::tsdb
