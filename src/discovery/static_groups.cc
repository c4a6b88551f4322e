#include "narthex/discovery/static_groups.h"

namespace narthex::discovery {

std::vector<model::Labels> static_targets(const std::vector<StaticConfig>& groups) {
  std::vector<model::Labels> out;
  for (const StaticConfig& group : groups) {
    for (const std::string& address : group.targets) {
      model::LabelsBuilder labels(group.labels);
      labels.set("__address__", address);
      out.push_back(labels.build());
    }
  }
  return out;
}

}  // namespace narthex::discovery
