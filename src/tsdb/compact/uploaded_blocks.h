// The file in which an uploader of blocks (Thanos's sidecar keeps thanos.shipper.json) names those
// that it has in its object store: {"version":1,"uploaded":["<ULID>",…]}. Threads: functions
// without state.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

inline constexpr std::uint64_t kUploadedBlocksBytesMax = 16U << 20U;

using BlockNames = std::set<std::string, std::less<>>;

// kCorruption for text that is not such a file.
util::Result<BlockNames> parse_uploaded_blocks(std::string_view json);
// kNotFound where there is none yet.
util::Result<BlockNames> read_uploaded_blocks(util::Env& env, const std::string& path);

}  // namespace narthex::tsdb
