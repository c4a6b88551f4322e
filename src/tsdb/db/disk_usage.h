// How much disk space a directory takes. Threads: functions without state.
#pragma once

#include <cstdint>
#include <string>

#include "narthex/util/env.h"

namespace narthex::tsdb {

// Of the files in it and below, in bytes; 0 when it is not there. Files come and go meanwhile: what
// cannot be looked at does not count.
[[nodiscard]] std::uint64_t directory_bytes(util::Env& env, const std::string& path);

}  // namespace narthex::tsdb
