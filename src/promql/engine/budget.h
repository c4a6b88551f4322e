// What one query may hold at a time: samples (PQ-E6) and bytes. Charged before the memory is taken.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "narthex/util/result.h"

namespace narthex::promql {

// What all queries together may hold, in bytes. Threads: synchronized.
class SharedBudget {
 public:
  explicit SharedBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  // False when it does not fit; nothing is charged then.
  [[nodiscard]] bool charge(std::uint64_t bytes) noexcept {
    const std::uint64_t before = bytes_.fetch_add(bytes);
    if (before + bytes <= bytes_max_) return true;
    bytes_.fetch_sub(bytes);
    return false;
  }
  void release(std::uint64_t bytes) noexcept { bytes_.fetch_sub(bytes); }
  [[nodiscard]] std::uint64_t bytes_max() const noexcept { return bytes_max_; }

 private:
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> bytes_{0};
};

// Threads: synchronized.
class Budget {
 public:
  Budget(std::uint64_t samples_max, std::uint64_t bytes_max, std::shared_ptr<SharedBudget> shared)
      : samples_max_(samples_max), bytes_max_(bytes_max), shared_(std::move(shared)) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;
  // Whatever is still charged is given back.
  ~Budget() { shared_->release(bytes_.load()); }

  // kLimitExceeded when it does not fit; nothing is charged then.
  util::Result<void> charge_bytes(std::uint64_t bytes);
  void release_bytes(std::uint64_t bytes) noexcept {
    bytes_.fetch_sub(bytes);
    shared_->release(bytes);
  }
  // When the query is over: gives back all that is charged, and charges `bytes` to all queries
  // together for as long as what is returned lives: an answer that waits for its client.
  // kLimitExceeded when it does not fit.
  [[nodiscard]] util::Result<std::shared_ptr<const void>> hand_over(std::uint64_t bytes);
  util::Result<void> charge_samples(std::uint64_t count);
  // Samples that a thread looks at for a moment only: checked, counted into the peak, not kept.
  util::Result<void> check_transient_samples(std::uint64_t count);
  // Everything charged since `mark` has been consumed: an aggregation's input, for example.
  [[nodiscard]] std::uint64_t sample_mark() const noexcept { return samples_.load(); }
  void release_samples_to(std::uint64_t mark) noexcept { samples_.store(mark); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_.load(); }
  [[nodiscard]] std::uint64_t samples_peak() const noexcept { return samples_peak_.load(); }

 private:
  void raise_peak(std::uint64_t count) noexcept;

  const std::uint64_t samples_max_;
  const std::uint64_t bytes_max_;
  const std::shared_ptr<SharedBudget> shared_;
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> samples_peak_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

// Bytes charged for as long as it lives. Threads: confined.
class [[nodiscard]] BytesCharge {
 public:
  BytesCharge() = default;
  static util::Result<BytesCharge> take(Budget& budget, std::uint64_t bytes) {
    NX_TRY(budget.charge_bytes(bytes));
    return BytesCharge(budget, bytes);
  }
  // Charges more. Precondition: `budget` is always the same.
  util::Result<void> grow(Budget& budget, std::uint64_t bytes) {
    NX_TRY(budget.charge_bytes(bytes));
    budget_ = &budget;
    bytes_ += bytes;
    return {};
  }
  BytesCharge(BytesCharge&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  BytesCharge& operator=(BytesCharge&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~BytesCharge() {
    if (budget_ != nullptr) budget_->release_bytes(bytes_);
  }

 private:
  BytesCharge(Budget& budget, std::uint64_t bytes) : budget_(&budget), bytes_(bytes) {}
  Budget* budget_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace narthex::promql
