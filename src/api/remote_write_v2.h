// Remote write 2.0 on the wire (io.prometheus.write.v2.Request): strings stand once in a table of
// symbols. Threads: free functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/util/result.h"

#include "api/remote_write_wire.h"

namespace narthex::api {

// A series that a sender must mend: why, in the words of the answer.
struct BadSeries {
  std::uint32_t series_index = 0;
  std::string message;
};

struct ReadOptionsV2 {
  bool starts = false;         // Read when samples began to count.
  bool type_and_unit = false;  // Metadata shows as the labels __type__ and __unit__ (PR-W15).
};

// Reads `body` behind what `out` holds. Labels are written into the arena as 1.0 has them, so that
// a series is known by the same name whichever protocol brings it. A series that breaks a rule is
// in `bad`, and in `out` without labels, samples and extras. Exemplars and
// metadata are resolved here, into messages of 1.0. kInvalidArgument: not a Request.
util::Result<void> read_request_v2(std::string_view body, WireRequest& out,
                                   std::vector<BadSeries>& bad, ReadOptionsV2 options = {});

}  // namespace narthex::api
