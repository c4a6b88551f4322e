// How much memory this process may hold, and who holds how much of it. Owners account for what they
// hold; what the operating system counts is asked beside them, so that what nobody accounts for
// (the allocator's spare memory, buffers) cannot break the budget either.
//
// Nothing is reserved here: whoever would make memory grow for good (a new series) asks is_spent()
// first. Threads: synchronized.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>

#include "narthex/util/mutex.h"

namespace narthex::util {

class MemoryBudget {
 public:
  // Bytes held at this moment. Cheap, from any thread, and without asking the budget.
  using Read = std::function<std::uint64_t()>;

  // `bytes_max` 0: no limit. `resident` is the operating system's count; empty: owners alone count.
  explicit MemoryBudget(std::uint64_t bytes_max, Read resident = {});
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

 private:
  struct Account {
    std::string name;
    Read bytes;
  };

 public:
  // Ends the account with its own life; the budget must outlive it. Threads: confined.
  class Owner {
   public:
    Owner() = default;
    Owner(Owner&& other) noexcept;
    Owner& operator=(Owner&& other) noexcept;
    ~Owner();

   private:
    friend class MemoryBudget;
    Owner(MemoryBudget* budget, std::list<Account>::iterator account)
        : budget_(budget), account_(account) {}
    void end() noexcept;
    MemoryBudget* budget_ = nullptr;
    std::list<Account>::iterator account_;
  };
  [[nodiscard]] Owner add_owner(std::string name, Read bytes);

  [[nodiscard]] std::uint64_t bytes_max() const noexcept { return bytes_max_; }
  // Of all owners of this name; 0 when there is none.
  [[nodiscard]] std::uint64_t bytes_of(std::string_view name) const;
  // All owners together, or what the operating system counts if that is more.
  [[nodiscard]] std::uint64_t used() const;
  [[nodiscard]] bool is_spent() const { return bytes_max_ != 0 && used() >= bytes_max_; }

 private:
  const std::uint64_t bytes_max_;
  const Read resident_;
  mutable Mutex mutex_;
  std::list<Account> accounts_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::util
