#include "promql/functions/histogram_change.h"

#include <memory>

namespace narthex::promql {
namespace {

using model::CounterResetHint;
using model::FloatHistogram;

bool is_gauge(const FloatHistogram& h) noexcept {
  return h.counter_reset_hint == CounterResetHint::kGauge;
}

}  // namespace

bool mixes_schemas(Histograms histograms) {
  const auto is_custom = [](const FloatHistogram* h) {
    return h->schema == model::kCustomBucketsSchema;
  };
  return std::ranges::any_of(histograms, is_custom) && !std::ranges::all_of(histograms, is_custom);
}

HistogramPtr as_gauge(const FloatHistogram& histogram) {
  auto copy = std::make_shared<FloatHistogram>(histogram);
  copy->counter_reset_hint = CounterResetHint::kGauge;
  return copy;
}

void check_hints(Histograms histograms, bool counter, HistogramNotes& notes) {
  if (counter) {
    notes.not_counter =
        notes.not_counter ||
        std::ranges::any_of(histograms, [](const FloatHistogram* h) { return is_gauge(*h); });
  } else {
    notes.not_gauge =
        notes.not_gauge || !is_gauge(*histograms.front()) || !is_gauge(*histograms.back());
  }
}

HistogramPtr subtract(const FloatHistogram& left, const FloatHistogram& right,
                      HistogramNotes& notes) {
  HistogramSum difference = subtracted(left, right);
  notes.bounds_reconciled = notes.bounds_reconciled || difference.bounds_reconciled;
  notes.operation = "subtraction";
  return difference.histogram;
}

HistogramPtr add(const FloatHistogram& left, const FloatHistogram& right, HistogramNotes& notes) {
  HistogramSum sum = added(left, right);
  notes.bounds_reconciled = notes.bounds_reconciled || sum.bounds_reconciled;
  if (notes.operation.empty()) notes.operation = "addition";
  return sum.histogram;
}

}  // namespace narthex::promql
