// An exemplar as a target sent it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "narthex/exposition/openmetrics_parser.h"
#include "narthex/model/labels.h"
#include "narthex/util/result.h"

namespace narthex::exposition {

struct ExposedExemplar {
  model::Labels labels;
  double value = 0;
  std::int64_t timestamp_ms = 0;
  bool has_timestamp = false;
};

// Takes the labels of an OpenMetrics exemplar apart. kInvalidArgument: a name stands twice.
util::Result<ExposedExemplar> read_exemplar(const ExemplarText& text, SeriesLabels& scratch);

}  // namespace narthex::exposition
