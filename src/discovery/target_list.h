// Lists of target groups as people and programs write them: the content of target files and the
// answers of HTTP discovery.
#pragma once

#include <string_view>
#include <vector>

#include "narthex/discovery/target_group.h"
#include "narthex/util/result.h"

namespace narthex::discovery {

// [{"targets": ["host:port", …], "labels": {"name": "value", …}}, …]. Strict: other keys, other
// types and null groups are kInvalidArgument. `source` of the groups is empty.
util::Result<std::vector<TargetGroup>> parse_json_targets(std::string_view text);
// The same in YAML.
util::Result<std::vector<TargetGroup>> parse_yaml_targets(std::string_view text);

}  // namespace narthex::discovery
