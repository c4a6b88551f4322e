#include "narthex/util/memory_budget.h"

#include <algorithm>
#include <utility>

namespace narthex::util {

MemoryBudget::MemoryBudget(std::uint64_t bytes_max, Read resident)
    : bytes_max_(bytes_max), resident_(std::move(resident)) {}

MemoryBudget::Owner MemoryBudget::add_owner(std::string name, Read bytes) {
  const MutexLock lock(mutex_);
  accounts_.push_front({std::move(name), std::move(bytes)});
  return {this, accounts_.begin()};
}

std::uint64_t MemoryBudget::bytes_of(std::string_view name) const {
  const MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const Account& account : accounts_) {
    if (account.name == name) bytes += account.bytes();
  }
  return bytes;
}

std::uint64_t MemoryBudget::used() const {
  std::uint64_t bytes = 0;
  {
    const MutexLock lock(mutex_);
    for (const Account& account : accounts_) bytes += account.bytes();
  }
  return resident_ ? std::max(bytes, resident_()) : bytes;
}

MemoryBudget::Owner::Owner(Owner&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), account_(other.account_) {}

MemoryBudget::Owner& MemoryBudget::Owner::operator=(Owner&& other) noexcept {
  if (this == &other) return *this;
  end();
  budget_ = std::exchange(other.budget_, nullptr);
  account_ = other.account_;
  return *this;
}

MemoryBudget::Owner::~Owner() {
  end();
}

void MemoryBudget::Owner::end() noexcept {
  if (budget_ == nullptr) return;
  const MutexLock lock(budget_->mutex_);
  budget_->accounts_.erase(account_);
  budget_ = nullptr;
}

}  // namespace narthex::util
