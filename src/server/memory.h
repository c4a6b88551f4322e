// How much memory this process may use, and how many threads it has. Threads: pure reads of /proc
// and /sys.
#pragma once

#include <cstdint>

namespace narthex::server {

// `flag_bytes`, or 60 % of the smaller of the machine's memory and the cgroup's limit when it is 0.
[[nodiscard]] std::uint64_t memory_budget(std::uint64_t flag_bytes);
// What of the budget the cache of decoded samples may take.
[[nodiscard]] std::uint64_t sample_cache_bytes(std::uint64_t budget_bytes);
// Resident memory that is not of mapped files.
[[nodiscard]] std::uint64_t private_resident_bytes();
[[nodiscard]] std::uint64_t thread_count();

}  // namespace narthex::server
