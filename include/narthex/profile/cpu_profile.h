// Where the process spends its CPU time: samples of its call stacks, taken by SIGPROF a hundred
// times a second of CPU time over all threads, in the format of `pprof`
// (https://github.com/google/pprof/blob/main/proto/profile.proto).
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "narthex/util/result.h"

namespace narthex::profile {

// Records for `duration`, or until `stop`, and blocks meanwhile. One
// recording at a time in a process: kAlreadyExists. The answer is an uncompressed Profile message
// with the names of our own functions. Costs about a percent of CPU while it records, and nothing
// before and after. Takes over SIGPROF. Threads: synchronized.
[[nodiscard]] util::Result<std::string> record_cpu_profile(std::chrono::milliseconds duration,
                                                           const std::stop_token& stop);

}  // namespace narthex::profile
