// Puts what a script loads into a storage.
#pragma once

#include "conformance/promql/script.h"
#include "support/memory_storage.h"

namespace narthex::conformance {

void load_into(test::MemoryStorage& storage, const Load& load);

}  // namespace narthex::conformance
