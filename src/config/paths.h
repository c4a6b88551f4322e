// File names in the configuration: relative to the file they stand in, and patterns.
#pragma once

#include <string>
#include <string_view>

namespace narthex::config {

// "a/b.yml" → "a", "b.yml" → ".".
[[nodiscard]] std::string directory_of(std::string_view file);
// `path` as seen from `directory`; absolute and empty paths stay.
[[nodiscard]] std::string resolve_path(std::string_view directory, std::string_view path);
// Only the last element of a path may contain '*'.
[[nodiscard]] bool is_valid_pattern(std::string_view pattern);

}  // namespace narthex::config
