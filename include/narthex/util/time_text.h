// Times as text. Threads: free functions.
#pragma once

#include <cstdint>
#include <string>

namespace narthex::util {

// 2024-01-02T03:04:05.678Z. `wall_ms`: milliseconds since 1970; years outside 0000 to 9999 keep
// their digits.
void append_utc_ms(std::string& out, std::int64_t wall_ms);

}  // namespace narthex::util
