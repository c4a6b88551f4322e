// The form in which histograms are stored: of a known schema, with joined spans, and stale markers
// that say nothing else. Threads: functions without state.
#pragma once

#include <utility>

#include "narthex/model/histogram.h"
#include "narthex/model/stale.h"

#include "tsdb/chunk/histogram_layout.h"

namespace narthex::tsdb {

template <class Histogram>
bool is_in_stored_form(const Histogram& histogram) noexcept {
  // Whatever else a stale marker says means nothing, and nobody has checked it.
  if (model::is_stale(histogram.sum))
    return histogram.schema == 0 && histogram.positive_spans.empty() &&
           histogram.negative_spans.empty();
  return !has_reserved_schema(histogram) && !has_loose_spans(histogram);
}

template <class Histogram>
void bring_into_stored_form(Histogram& histogram) {
  if (model::is_stale(histogram.sum)) {
    Histogram marker;
    marker.counter_reset_hint = histogram.counter_reset_hint;
    marker.sum = histogram.sum;
    histogram = std::move(marker);
    return;
  }
  if (has_loose_spans(histogram)) join_spans(histogram);
  if (has_reserved_schema(histogram)) reduce_schema(histogram);
}

}  // namespace narthex::tsdb
