// Lets so many queries run at once; the others wait in line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include "narthex/storage/queryable.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

namespace narthex::promql {

// Threads: synchronized.
class QueryGate {
 public:
  explicit QueryGate(std::size_t slots) : slots_(slots == 0 ? 1 : slots) {}

  // One slot, given back when destroyed. Threads: confined.
  class [[nodiscard]] Pass {
   public:
    explicit Pass(QueryGate& gate) : gate_(&gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    QueryGate* gate_;
  };

  // Waits for a slot, first come first served. kTimeout or kCanceled in the API's words.
  util::Result<Pass> enter(const storage::Deadline& deadline);

 private:
  void leave();

  const std::size_t slots_;
  util::Mutex mutex_;
  util::CondVar freed_;
  std::size_t running_ NX_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_ticket_ NX_GUARDED_BY(mutex_) = 0;
  std::set<std::uint64_t> waiting_ NX_GUARDED_BY(mutex_);  // Tickets; the smallest goes first.
};

}  // namespace narthex::promql
