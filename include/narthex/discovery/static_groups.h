// Targets that the configuration itself lists.
#pragma once

#include <vector>

#include "narthex/discovery/options.h"
#include "narthex/model/labels.h"

namespace narthex::discovery {

// One label set a target: its address as __address__ and the labels of its group.
[[nodiscard]] std::vector<model::Labels> static_targets(const std::vector<StaticConfig>& groups);

}  // namespace narthex::discovery
