// config/narthex.yml, as the build found it.
#pragma once

#include <string_view>

namespace narthex::config {

extern const std::string_view kBuiltinYaml;

}  // namespace narthex::config
