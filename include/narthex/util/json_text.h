// Text inside JSON, and inside any log line that quotes like it. Threads: free functions.
#pragma once

#include <string>
#include <string_view>

namespace narthex::util {

// Appends "text": quoted, escaped, control characters as \u00XX so that none reaches a terminal
// raw; bytes that are not UTF-8 become U+FFFD.
void append_json_text(std::string& out, std::string_view text);

}  // namespace narthex::util
