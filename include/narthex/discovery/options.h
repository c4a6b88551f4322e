// Where targets come from: one list for each kind of service discovery, as the configuration has
// them.
#pragma once

#include <string>
#include <vector>

#include "narthex/model/labels.h"

namespace narthex::discovery {

// One entry of static_configs.
struct StaticConfig {
  std::vector<std::string> targets;  // host:port each.
  model::Labels labels;              // Given to every one of them.
  friend bool operator==(const StaticConfig&, const StaticConfig&) = default;
};

struct Options {
  std::vector<StaticConfig> static_configs;
  friend bool operator==(const Options&, const Options&) = default;
};

}  // namespace narthex::discovery
