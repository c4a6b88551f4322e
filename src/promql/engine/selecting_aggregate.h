// Aggregations whose result is not one column a group: topk, bottomk, limitk, limit_ratio,
// count_values.
#pragma once

#include "promql/engine/aggregate.h"

namespace narthex::promql {

util::Result<VectorOpPtr> make_selecting_aggregate(QueryContext& context,
                                                   const Aggregate& aggregate, AggregateInput input,
                                                   const StepGrid& grid, std::uint64_t mark);

}  // namespace narthex::promql
