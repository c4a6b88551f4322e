// Buffers that a thread working on a query keeps between series, so that a warm loop allocates
// nothing.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "narthex/promql/column.h"
#include "narthex/storage/queryable.h"

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

 private:
  LoanPool<Column> columns_;
  LoanPool<storage::SampleColumns> samples_;
  KernelScratch kernel_;
};

}  // namespace narthex::promql
