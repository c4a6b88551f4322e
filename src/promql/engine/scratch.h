// Buffers that a thread working on a query keeps between series, so that a warm loop allocates
// nothing.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "narthex/promql/column.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/mutex.h"

#include "promql/functions/range_kernels.h"

namespace narthex::promql {

// Lends objects out and takes them back. Threads: confined.
template <class T>
class LoanPool {
 public:
  class Loan {
   public:
    Loan(LoanPool& pool, std::unique_ptr<T> object) : pool_(&pool), object_(std::move(object)) {}
    Loan(Loan&&) noexcept = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
      if (object_) pool_->free_.push_back(std::move(object_));
    }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_.get(); }

   private:
    LoanPool* pool_;
    std::unique_ptr<T> object_;
  };

  template <class... Args>
  Loan take(Args&&... args) {
    if (free_.empty()) return Loan(*this, std::make_unique<T>(std::forward<Args>(args)...));
    std::unique_ptr<T> object = std::move(free_.back());
    free_.pop_back();
    return Loan(*this, std::move(object));
  }
  // Of what is not lent out.
  [[nodiscard]] const std::vector<std::unique_ptr<T>>& free() const noexcept { return free_; }

 private:
  std::vector<std::unique_ptr<T>> free_;
};

// Threads: confined.
class Scratch {
 public:
  using ColumnLoan = LoanPool<Column>::Loan;
  using SamplesLoan = LoanPool<storage::SampleColumns>::Loan;

  // Empty, of `steps` steps.
  ColumnLoan column(std::size_t steps) {
    ColumnLoan loan = columns_.take(std::size_t{0});
    loan->reset(steps);
    return loan;
  }
  // Empty.
  SamplesLoan samples() {
    SamplesLoan loan = samples_.take();
    loan->clear();
    return loan;
  }
  KernelScratch& kernel() noexcept { return kernel_; }
  // What it keeps allocated while nothing is lent out.
  [[nodiscard]] std::size_t capacity_bytes() const noexcept {
    std::size_t bytes = kernel_.capacity_bytes();
    for (const auto& column : columns_.free()) bytes += column->capacity_bytes();
    for (const auto& samples : samples_.free()) {
      bytes += samples->float_timestamps.capacity() * sizeof(model::TimestampMs) +
               samples->float_values.capacity() * sizeof(double) +
               samples->histogram_timestamps.capacity() * sizeof(model::TimestampMs) +
               samples->histograms.capacity() * sizeof(model::FloatHistogram) +
               (samples->float_starts.capacity() + samples->histogram_starts.capacity()) *
                   sizeof(model::TimestampMs);
    }
    return bytes;
  }

 private:
  LoanPool<Column> columns_;
  LoanPool<storage::SampleColumns> samples_;
  KernelScratch kernel_;
};

// The scratches of all queries: each is used again by the next range of series, and the next query,
// so that a warm engine allocates little. Keeps at most `kept_max` of them, none of them large.
// Threads: synchronized.
class ScratchPool {
 public:
  static constexpr std::size_t kKeptBytesMax = std::size_t{1} << 20U;  // Each.

  class Loan {
   public:
    Loan(ScratchPool& pool, std::unique_ptr<Scratch> scratch)
        : pool_(&pool), scratch_(std::move(scratch)) {}
    Loan(Loan&&) noexcept = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
      if (scratch_) pool_->give_back(std::move(scratch_));
    }
    Scratch& operator*() const noexcept { return *scratch_; }

   private:
    ScratchPool* pool_;
    std::unique_ptr<Scratch> scratch_;
  };

  explicit ScratchPool(std::size_t kept_max) : kept_max_(kept_max) {}
  [[nodiscard]] Loan take() {
    const util::MutexLock lock(mutex_);
    if (free_.empty()) return {*this, std::make_unique<Scratch>()};
    std::unique_ptr<Scratch> scratch = std::move(free_.back());
    free_.pop_back();
    return {*this, std::move(scratch)};
  }

 private:
  void give_back(std::unique_ptr<Scratch> scratch) {
    if (scratch->capacity_bytes() > kKeptBytesMax) return;
    const util::MutexLock lock(mutex_);
    if (free_.size() < kept_max_) free_.push_back(std::move(scratch));
  }

  const std::size_t kept_max_;
  util::Mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::promql
