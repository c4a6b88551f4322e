// Running state of the aggregations that fold a group into one column.
#pragma once

#include <memory>
#include <span>

#include "narthex/promql/ast.h"
#include "narthex/promql/column.h"

namespace narthex::promql {

// What the user should hear about.
struct AggregateNotes {
  bool histograms_ignored = false;
  bool mixed_kinds = false;
  bool mixed_schemas = false;
  bool bounds_reconciled = false;
  bool conflicting_resets = false;
};

// The state of one group. Threads: confined.
class Accumulator {
 public:
  virtual ~Accumulator() = default;
  // As new; keeps capacity.
  virtual void reset() = 0;
  virtual void add(ColumnRef column) = 0;
  // Takes over a state that was made from later members. It is of the same type and unusable
  // afterwards.
  virtual void merge(Accumulator& later) = 0;
  // `out` is empty.
  virtual void finish(ColumnRef out, AggregateNotes& notes) = 0;
  // Bytes that add() will take for each further column, beyond the state itself.
  [[nodiscard]] virtual std::size_t bytes_per_column() const noexcept { return 0; }
};

// For sum, avg, count, group, min, max, stddev, stdvar and quantile; `param` (the quantile by step)
// must outlive it.
[[nodiscard]] std::unique_ptr<Accumulator> make_accumulator(AggregateOp op, std::size_t steps,
                                                            std::span<const double> param);

}  // namespace narthex::promql
