// The sample that stands where a native histogram began to count.
#pragma once

#include <memory>

#include "narthex/model/histogram.h"

namespace narthex::model {

// Nothing counted yet, in buckets of the same kind; null for null. Histogram: IntHistogram or
// FloatHistogram.
template <class Histogram>
[[nodiscard]] std::shared_ptr<const Histogram> zero_like(
    const std::shared_ptr<const Histogram>& sample) {
  if (!sample) return nullptr;
  Histogram zero;
  zero.counter_reset_hint = CounterResetHint::kReset;
  zero.schema = sample->schema;
  zero.zero_threshold = sample->zero_threshold;
  zero.custom_values = sample->custom_values;
  return std::make_shared<const Histogram>(std::move(zero));
}

}  // namespace narthex::model
