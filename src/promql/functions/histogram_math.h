// Arithmetic on native histograms (promql.md §4 and §6.4). Results are compact: no empty buckets,
// no adjacent spans.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "narthex/model/histogram.h"
#include "narthex/promql/column.h"

namespace narthex::promql {

[[nodiscard]] HistogramPtr scaled(const model::FloatHistogram& histogram, double factor);
// By zero, the buckets vanish: nothing would be known about them.
[[nodiscard]] HistogramPtr divided(const model::FloatHistogram& histogram, double divisor);

struct HistogramSum {
  HistogramPtr histogram;  // Null: exponential and custom buckets cannot be put together.
  bool bounds_reconciled = false;
  bool conflicting_resets = false;
};
[[nodiscard]] HistogramSum added(const model::FloatHistogram& left,
                                 const model::FloatHistogram& right);
// The result is a gauge.
[[nodiscard]] HistogramSum subtracted(const model::FloatHistogram& left,
                                      const model::FloatHistogram& right);

// The hint of what two histograms with these hints give together.
struct JoinedHint {
  model::CounterResetHint hint;
  bool conflict;
};
[[nodiscard]] JoinedHint join_hints(model::CounterResetHint a, model::CounterResetHint b) noexcept;

// Whether the counter behind `current` started anew after `previous`.
[[nodiscard]] bool is_reset(const model::FloatHistogram& current,
                            const model::FloatHistogram& previous);

// Equal to the bit, whatever their hints and however their spans are cut.
[[nodiscard]] bool same_histogram(const model::FloatHistogram& a,
                                  const model::FloatHistogram& b) noexcept;

// As how many float samples a histogram counts, by its size in memory (promql.md PQ-E6).
[[nodiscard]] std::uint64_t samples_worth(const model::FloatHistogram& histogram) noexcept;
[[nodiscard]] std::uint64_t samples_worth(
    std::span<const model::FloatHistogram* const> histograms) noexcept;

// {count:20, sum:10, [-2,-1):2, (1,2]:2}
[[nodiscard]] std::string histogram_text(const model::FloatHistogram& histogram);

}  // namespace narthex::promql
