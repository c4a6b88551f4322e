// Aggregations over the series of an instant vector (promql.md §5).
#pragma once

#include <string>
#include <vector>

#include "narthex/promql/ast.h"

#include "promql/engine/vector_op.h"

namespace narthex::promql {

struct AggregateInput {
  VectorOpPtr op;
  std::vector<double> param;  // k, the ratio or the quantile, by step.
  std::string label;          // Of count_values.
};

// Computes the aggregation of everything `input.op` has. What that charged since `mark` is
// released.
util::Result<VectorOpPtr> make_aggregate(QueryContext& context, const Aggregate& aggregate,
                                         AggregateInput input, const StepGrid& grid,
                                         std::uint64_t mark);

}  // namespace narthex::promql
