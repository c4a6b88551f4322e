// The queries that run right now, noted in a file of the data directory, so that the next start can
// say what was running when the process died. Format: Prometheus's queries.active (PQ-E10): "[",
// then slots of 1,000 bytes, {"query":"…","timestamp_sec":…}, padded with zeros.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/util/clock.h"
#include "narthex/util/env.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"
#include "narthex/util/slot_file.h"

namespace narthex::promql {

// Threads: synchronized.
class ActiveQueries {
 public:
  // Reads what an earlier process left in `path`, then begins anew with room for `slots` queries.
  static util::Result<std::unique_ptr<ActiveQueries>> open(util::Env& env, const std::string& path,
                                                           std::size_t slots);

  // A JSON list of the queries that an earlier process did not finish; empty when there are none.
  [[nodiscard]] const std::string& left_over() const noexcept { return left_over_; }

  // Noted for as long as it lives. Threads: confined.
  class [[nodiscard]] Note {
   public:
    Note() = default;
    Note(ActiveQueries& owner, std::size_t slot) : owner_(&owner), slot_(slot) {}
    Note(Note&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), slot_(other.slot_) {}
    Note& operator=(Note&&) = delete;
    ~Note() {
      if (owner_ != nullptr) owner_->finish(slot_);
    }

   private:
    ActiveQueries* owner_ = nullptr;
    std::size_t slot_ = 0;
  };
  // A query that finds no free slot, or a disk that takes nothing, is not noted: it runs all the
  // same.
  Note begin(std::string_view query, util::WallNs now);

 private:
  ActiveQueries(std::unique_ptr<util::SlotFile> file, std::size_t slots, std::string left_over);
  void finish(std::size_t slot);

  const std::unique_ptr<util::SlotFile> file_;
  const std::string left_over_;
  util::Mutex mutex_;
  std::vector<std::size_t> free_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::promql
