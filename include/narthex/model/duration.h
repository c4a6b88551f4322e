// Durations as Prometheus writes them: "1h30m", "15s", "100ms", "2w". Units y w d h m s ms, each
// once, largest first; y = 365 d.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "narthex/util/result.h"

namespace narthex::model {

using DurationMs = std::chrono::milliseconds;

// kInvalidArgument: `not a valid duration string: "x"`, `unknown unit "hs" in duration "5hs"`,
// `empty duration string`, `duration out of range`. "0" is valid.
util::Result<DurationMs> parse_duration(std::string_view text);

// Shortest form that reads back equal: 90m → "1h30m", 14d → "2w", 10d → "10d", 0 → "0s"; years and
// weeks only when exact. Negative ones get a leading '-'.
[[nodiscard]] std::string format_duration(DurationMs duration);

}  // namespace narthex::model
