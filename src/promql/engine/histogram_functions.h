// histogram_*: functions on classic buckets (series with an le label) and on native histograms.
#pragma once

#include "promql/engine/plan.h"

namespace narthex::promql {

util::Result<VectorOpPtr> make_histogram_function(QueryContext& context, Plan& plan,
                                                  const Call& call, const StepGrid& grid);

}  // namespace narthex::promql
