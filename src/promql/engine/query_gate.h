// Lets so many queries run at once; the others wait in line. A quarter of the slots is for light
// ones only, lest they wait behind heavy ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include "narthex/storage/queryable.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

#include "promql/engine/query_weight.h"

namespace narthex::promql {

// Threads: synchronized.
class QueryGate {
 public:
  explicit QueryGate(std::size_t slots)
      : slots_(slots == 0 ? 1 : slots), heavy_slots_(slots_ - slots_ / 4) {}

  // One slot, given back when destroyed. Threads: confined.
  class [[nodiscard]] Pass {
   public:
    Pass(QueryGate& gate, QueryWeight weight) : gate_(&gate), weight_(weight) {}
    Pass(Pass&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), weight_(other.weight_) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave(weight_);
    }

   private:
    QueryGate* gate_;
    QueryWeight weight_;
  };

  // Waits for a slot, first come first served among those of one weight. kTimeout or kCanceled in
  // the API's words.
  util::Result<Pass> enter(const storage::Deadline& deadline, QueryWeight weight);

 private:
  void leave(QueryWeight weight);
  // Whether the one with this ticket goes in now.
  [[nodiscard]] bool may_enter(std::uint64_t ticket, QueryWeight weight) const NX_REQUIRES(mutex_);

  const std::size_t slots_;
  const std::size_t heavy_slots_;
  util::Mutex mutex_;
  util::CondVar freed_;
  std::size_t running_ NX_GUARDED_BY(mutex_) = 0;
  std::size_t running_heavy_ NX_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_ticket_ NX_GUARDED_BY(mutex_) = 0;
  // Tickets; the smallest goes first.
  std::set<std::uint64_t> waiting_light_ NX_GUARDED_BY(mutex_);
  std::set<std::uint64_t> waiting_heavy_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::promql
