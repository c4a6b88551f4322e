// info(v, {matchers}): labels of info metrics joined onto v (promql.md §6.5).
#pragma once

#include <vector>

#include "narthex/model/matcher.h"

#include "promql/engine/vector_op.h"

namespace narthex::promql {

// The second argument, taken apart.
struct InfoMatchers {
  model::Matchers name;  // What an info metric may be called; never empty.
  model::Matchers data;  // What its other labels must be. Empty: all of them are wanted.
};
util::Result<InfoMatchers> info_matchers(const Expr* argument);

// The info series' values and, at each step, their samples' times; one to one.
struct InfoSeries {
  VectorOpPtr values;
  VectorOpPtr timestamps;
};

util::Result<VectorOpPtr> make_info(QueryContext& context, const InfoMatchers& matchers,
                                    const MaterializedOp& base, const InfoSeries& info,
                                    std::size_t steps);

}  // namespace narthex::promql
