#include "tsdb/chunk/open_histogram_chunk.h"

#include "narthex/model/stale.h"
#include "narthex/util/check.h"

namespace narthex::tsdb {

using model::CounterResetHint;
using model::FloatHistogram;
using model::IntHistogram;

namespace {

util::Result<void> decode(std::string_view chunk, HistogramColumns<IntHistogram> out) {
  return decode_histogram_chunk(chunk, out);
}
util::Result<void> decode(std::string_view chunk, HistogramColumns<FloatHistogram> out) {
  return decode_float_histogram_chunk(chunk, out);
}

template <class Histogram>
Histogram with_hint(Histogram histogram, CounterResetHint hint) {
  histogram.counter_reset_hint = hint;
  return histogram;
}

}  // namespace

CounterResetHint chunk_hint(HistogramFit fit, CounterResetHint own) {
  if (own == CounterResetHint::kGauge || own == CounterResetHint::kReset) return own;
  if (fit == HistogramFit::kReset) return CounterResetHint::kReset;
  return fit == HistogramFit::kFits ? CounterResetHint::kNotReset : CounterResetHint::kUnknown;
}

template <class Histogram>
OpenHistogramChunk<Histogram>::OpenHistogramChunk(model::TimestampMs timestamp,
                                                  const Histogram& first, CounterResetHint hint)
    : first_time_(timestamp),
      last_time_(timestamp),
      last_(first),
      gauge_(hint == CounterResetHint::kGauge) {
  builder_.append(timestamp, with_hint(first, hint));
}

template <class Histogram>
HistogramStep OpenHistogramChunk<Histogram>::step(const Histogram& next) const {
  if (builder_.sample_count() >= kChunkSamplesMax) return {};
  return histogram_step(last_, next, gauge_);
}

template <class Histogram>
void OpenHistogramChunk<Histogram>::append(model::TimestampMs timestamp, const Histogram& next,
                                           const HistogramStep& step) {
  NX_DCHECK(step.fit == HistogramFit::kFits, "a histogram that does not fit was appended");
  const bool stale = model::is_stale(next.sum);
  if (!stale &&
      (step.positive_spans != last_.positive_spans || step.negative_spans != last_.negative_spans))
    write_anew(step);
  last_ = next;
  if (!stale) spread_over(step.positive_spans, step.negative_spans, last_);
  builder_.append(timestamp, last_);
  last_time_ = timestamp;
}

template <class Histogram>
void OpenHistogramChunk<Histogram>::write_anew(const HistogramStep& step) {
  std::vector<model::TimestampMs> times;
  std::vector<Histogram> samples;
  const auto decoded = decode(builder_.bytes(), {times, samples});
  NX_CHECK(decoded.has_value(), "an open chunk does not decode");
  builder_ = {};
  for (std::size_t i = 0; i < times.size(); ++i) {
    spread_over(step.positive_spans, step.negative_spans, samples[i]);
    builder_.append(times[i], samples[i]);
  }
}

template <class Histogram>
std::size_t OpenHistogramChunk<Histogram>::memory_bytes() const noexcept {
  const std::size_t buckets = last_.positive_spans.size() + last_.negative_spans.size();
  return sizeof(*this) + builder_.memory_bytes() + buckets * sizeof(model::Span) +
         last_.custom_values.size() * sizeof(double);
}

template class OpenHistogramChunk<IntHistogram>;
template class OpenHistogramChunk<FloatHistogram>;

}  // namespace narthex::tsdb
