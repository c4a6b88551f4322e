// Sizes as configuration and flags write them: "512MB", "1GiB", powers of 1024 either way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "narthex/util/result.h"

namespace narthex::config {

// Numbers (fractions too) each followed by a unit B, K, M, G, T, P or E with an optional B or iB,
// added up: "15MB", "1.5GiB", "1GB512MB"; "0" needs no unit. kInvalidArgument: `units: unknown unit
// Q in 5Q`.
util::Result<std::uint64_t> parse_size(std::string_view text);

// "15MiB", "1GiB512MiB", "0B".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

}  // namespace narthex::config
