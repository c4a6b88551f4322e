// Compensated addition (Kahan, in Neumaier's form), to the letter of promql.md §5: results are
// compared with Prometheus's to the last digit, so neither the order of operations nor the
// treatment of infinities may change.
#pragma once

#include <cmath>

namespace narthex::promql {

struct KahanSum {
  double sum = 0;
  double compensation = 0;

  void add(double x) noexcept {
    const double next = sum + x;
    if (std::isinf(next)) {
      compensation = 0;
    } else if (std::fabs(sum) >= std::fabs(x)) {
      compensation += (sum - next) + x;
    } else {
      compensation += (x - next) + sum;
    }
    sum = next;
  }
  [[nodiscard]] double total() const noexcept { return sum + compensation; }
};

// The mean of what was added: a compensated sum divided by the count, unless that sum would
// overflow; from there on an incremental mean. Threads: confined.
struct KahanMean {
  KahanSum acc;  // Of the values, or the mean itself once `incremental`.
  double count = 0;
  bool incremental = false;

  void add(double x) noexcept {
    count += 1;
    if (count == 1) {
      acc.sum = x;
      return;
    }
    if (!incremental) {
      KahanSum next = acc;
      next.add(x);
      if (!std::isinf(next.sum)) {
        acc = next;
        return;
      }
      incremental = true;
      acc.sum /= count - 1;
      acc.compensation /= count - 1;
    }
    const double kept = (count - 1) / count;
    acc.sum *= kept;
    acc.compensation *= kept;
    acc.add(x / count);
  }
  [[nodiscard]] double mean() const noexcept {
    return incremental ? acc.total() : acc.sum / count + acc.compensation / count;
  }
};

}  // namespace narthex::promql
