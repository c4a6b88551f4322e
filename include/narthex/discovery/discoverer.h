// The seam between the manager and the mechanisms: a discoverer looks for targets in one place, for
// as long as it runs.
#pragma once

#include <vector>

#include "narthex/async/task.h"
#include "narthex/discovery/target_group.h"
#include "narthex/util/result.h"

namespace narthex::discovery {

// Where a discoverer puts what it finds. Threads: synchronized.
class GroupSink {
 public:
  virtual ~GroupSink() = default;
  // All that there is: groups of other sources are gone. kLimitExceeded, and nothing changes, when
  // there are more targets than anybody could mean.
  virtual util::Result<void> replace(std::vector<TargetGroup> groups) = 0;
  // Only what has changed. The same error.
  virtual util::Result<void> merge(std::vector<TargetGroup> groups) = 0;
};

// Threads: confined to the coroutine that runs it.
class Discoverer {
 public:
  virtual ~Discoverer() = default;
  // Ends only when it is cancelled. What goes wrong is logged, counted and tried again; what was
  // found before stays in the sink. `sink` and the discoverer outlive the coroutine.
  virtual async::Task<void> run(GroupSink* sink) = 0;
};

}  // namespace narthex::discovery
