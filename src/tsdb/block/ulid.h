// ULIDs: what blocks are named by. 48 bits of milliseconds and 80 random bits as 26 characters of
// Crockford's base 32, so that names sort by time of creation. Threads: functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narthex::tsdb {

inline constexpr std::size_t kUlidBytes = 26;

// Upper-case, of the right length, and no larger than 128 bits can be.
[[nodiscard]] bool is_ulid(std::string_view text) noexcept;
// `entropy_high` gives the upper 16 random bits, `entropy_low` the lower 64. Precondition: ms is in
// [0, 2^48).
[[nodiscard]] std::string make_ulid(std::int64_t ms, std::uint64_t entropy_high,
                                    std::uint64_t entropy_low);
// With the operating system's entropy.
[[nodiscard]] std::string new_ulid(std::int64_t ms);

}  // namespace narthex::tsdb
