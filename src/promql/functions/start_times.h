// rate and increase where samples say when their counter started (feature use-start-timestamps,
// promql.md §6.3).
#pragma once

#include "narthex/promql/column.h"
#include "narthex/promql/functions.h"

#include "promql/functions/histogram_kernels.h"
#include "promql/functions/window.h"

namespace narthex::promql {

// `function` is kRate or kIncrease; `out` is empty.
void fill_started(FunctionId function, const RangeSamples& samples, const WindowGrid& grid,
                  ColumnRef out, HistogramNotes& notes);

}  // namespace narthex::promql
