// Simple case mapping, one rune to one rune, as the actions lowercase and uppercase want it.
#pragma once

#include <string>
#include <string_view>

namespace narthex::relabel {

// Invalid UTF-8 bytes stay as they are.
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::string to_upper(std::string_view text);

}  // namespace narthex::relabel
