// File names in the configuration: relative to the file they stand in, and patterns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "narthex/util/env.h"

namespace narthex::config {

// "a/b.yml" → "a", "b.yml" → ".".
[[nodiscard]] std::string directory_of(std::string_view file);
// `path` as seen from `directory`; absolute and empty paths stay.
[[nodiscard]] std::string resolve_path(std::string_view directory, std::string_view path);
// Only the last element of a path may contain '*'.
[[nodiscard]] bool is_valid_pattern(std::string_view pattern);
// Existing files that the shell pattern matches, sorted. No match, and directories that cannot be
// read, are no error.
[[nodiscard]] std::vector<std::string> matching_files(util::Env& env, std::string_view pattern);

}  // namespace narthex::config
