// String tokens to the strings they stand for.
#pragma once

#include <string>
#include <string_view>

namespace narthex::promql {

// Precondition: a string token of the lexer, quotes and well-formed escapes included.
[[nodiscard]] std::string unquote(std::string_view token);

}  // namespace narthex::promql
