// The operators </ and >/: what a native histogram knows about the values on one side of a bound
// (promql.md PQ-B8).
#pragma once

#include "narthex/model/histogram.h"
#include "narthex/promql/ast.h"
#include "narthex/promql/column.h"

namespace narthex::promql {

enum class TrimSide : std::uint8_t {
  kUpper,  // </ keeps what is not above the bound.
  kLower,  // >/ keeps what is not below it.
};

// Precondition: is_trim(op).
[[nodiscard]] constexpr TrimSide trim_side(BinaryOp op) noexcept {
  return op == BinaryOp::kTrimUpper ? TrimSide::kUpper : TrimSide::kLower;
}

// A bucket that the bound cuts is interpolated. The sum is estimated from the middles of what
// stays, unless everything does: then it is the original.
[[nodiscard]] HistogramPtr trimmed(const HistogramPtr& histogram, double bound, TrimSide side);

}  // namespace narthex::promql
