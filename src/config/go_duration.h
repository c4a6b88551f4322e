// Durations as Go writes them, which the web configuration file has: "1.5s", "1h500ms", "-10us".
// (Everything else in Prometheus's files has model::parse_duration's form, which knows days.)
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace narthex::config {

// Units h, m, s, ms, us (or µs), ns; "0" needs none. nullopt: no such duration, or beyond ±292
// years.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_go_duration(std::string_view text);

}  // namespace narthex::config
