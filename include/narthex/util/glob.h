// Shell patterns over files.
// Threads: synchronized.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "narthex/util/env.h"

namespace narthex::util {

// Existing files that the shell pattern matches, sorted. No match, and directories that cannot be
// read, are no error.
[[nodiscard]] std::vector<std::string> matching_files(Env& env, std::string_view pattern);

}  // namespace narthex::util
