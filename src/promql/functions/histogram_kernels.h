// What range functions do with a series that has histogram samples. Definitions: promql.md §6.3.
#pragma once

#include <cstdint>
#include <string_view>

#include "narthex/promql/column.h"
#include "narthex/promql/functions.h"

#include "promql/functions/window.h"

namespace narthex::promql {

// What the user should hear about.
struct HistogramNotes {
  bool mixed_kinds = false;    // Floats and histograms in one window.
  bool mixed_schemas = false;  // Exponential and custom buckets in one window.
  bool not_counter = false;    // A counter function met a gauge histogram.
  bool not_gauge = false;      // A gauge function met a counter histogram.
  bool bounds_reconciled = false;
  bool conflicting_resets = false;
  // Windows in which a counter claims to have started before the sample in front of it.
  std::uint64_t start_overlaps = 0;
  std::string_view operation;  // Of bounds_ and conflicting_: addition, subtraction, aggregation.
};

// Functions to which a histogram is a sample like any other: count_, present_, first_, last_,
// ts_of_first_ and ts_of_last_over_time, changes, resets. `out` is empty.
void fill_alike(FunctionId function, const RangeSamples& samples, const WindowGrid& grid,
                ColumnRef out);

// Functions that give floats for floats and histograms for histograms. `out` holds the results for
// the floats; steps whose window has both kinds are emptied, steps with histograms alone filled.
void fill_own_kind(FunctionId function, const RangeSamples& samples, const WindowGrid& grid,
                   ColumnRef out, HistogramNotes& notes);

}  // namespace narthex::promql
