// Lets so many queries run at once; the others wait in line. A quarter of the slots is for light
// ones only, lest they wait behind heavy ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
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
  // How many are in line.
  [[nodiscard]] std::size_t waiting() const;

 private:
  // One in line. Woken alone: a crowd that wakes for every free slot costs more than light queries.
  struct Waiter {
    std::uint64_t ticket;
    bool admitted = false;
    util::CondVar turn;
  };
  using Line = std::list<Waiter>;  // The first goes first.

  void leave(QueryWeight weight);
  // Gives the free slots to those whose turn it is.
  void admit() NX_REQUIRES(mutex_);
  void take_slot(Line& line, QueryWeight weight) NX_REQUIRES(mutex_);

  const std::size_t slots_;
  const std::size_t heavy_slots_;
  mutable util::Mutex mutex_;
  std::size_t running_ NX_GUARDED_BY(mutex_) = 0;
  std::size_t running_heavy_ NX_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_ticket_ NX_GUARDED_BY(mutex_) = 0;
  // Those without a slot.
  Line light_ NX_GUARDED_BY(mutex_);
  Line heavy_ NX_GUARDED_BY(mutex_);
  // Those with a slot who have not left enter() yet.
  Line admitted_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::promql
