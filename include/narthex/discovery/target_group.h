// What a service discovery finds. Threads: values.
#pragma once

#include <string>
#include <vector>

#include "narthex/model/labels.h"

namespace narthex::discovery {

// Targets with what they have in common. `source` names the group among those of its discoverer: a
// later group of the same source takes its place, one without targets removes it.
struct TargetGroup {
  std::string source;
  model::Labels labels;                // Of every target; a target's own labels win.
  std::vector<model::Labels> targets;  // Each has an __address__.
  friend bool operator==(const TargetGroup&, const TargetGroup&) = default;
};

}  // namespace narthex::discovery
