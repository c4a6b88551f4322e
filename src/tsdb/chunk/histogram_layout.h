// Whether a native histogram can follow another one in a chunk, and how the layouts of two are
// brought together (storage-format.md §5.4, last two paragraphs). Threads: functions without state.
#pragma once

#include <cstdint>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/util/result.h"

#include "tsdb/chunk/histogram_chunk.h"

namespace narthex::tsdb {

// What a sample is to the one before it in its series.
enum class HistogramFit : std::uint8_t {
  kFits,   // It goes into the same chunk.
  kReset,  // Something went down, or the sample says so itself: a new chunk that says "reset".
  kOther,  // Another schema, zero threshold, bounds or kind, or behind a stale marker: a new chunk.
};

struct HistogramStep {
  HistogramFit fit = HistogramFit::kOther;
  // When it fits: the buckets that one of the two has, side by side. Both can be put into them.
  std::vector<model::Span> positive_spans;
  std::vector<model::Span> negative_spans;
};

// `next` behind `last`, whose chunk is one of a gauge or not.
[[nodiscard]] HistogramStep histogram_step(const model::IntHistogram& last,
                                           const model::IntHistogram& next, bool gauge);
[[nodiscard]] HistogramStep histogram_step(const model::FloatHistogram& last,
                                           const model::FloatHistogram& next, bool gauge);

// Gives the histogram the spans, empty buckets where it had none. Precondition: every bucket it has
// is in them; a stale marker is left alone.
void spread_over(const std::vector<model::Span>& positive, const std::vector<model::Span>& negative,
                 model::IntHistogram& histogram);
void spread_over(const std::vector<model::Span>& positive, const std::vector<model::Span>& negative,
                 model::FloatHistogram& histogram);

// kInvalid with what contradicts what: spans and buckets of different numbers, negative counts,
// fewer observations than buckets hold, bounds that do not ascend, an unknown schema (reserved ones
// are fine). A stale marker is always right.
[[nodiscard]] util::Result<void> check_histogram(const model::IntHistogram& histogram);
[[nodiscard]] util::Result<void> check_histogram(const model::FloatHistogram& histogram);

// Histograms of finer schemas than this build's queries know (9 … 52) become ones of the finest
// known: their buckets are added up. Precondition: otherwise as check_histogram() wants it.
inline constexpr std::int32_t kReservedSchemaMax = 52;
template <class Histogram>
[[nodiscard]] bool has_reserved_schema(const Histogram& histogram) noexcept {
  return histogram.schema > model::kExponentialSchemaMax && histogram.schema <= kReservedSchemaMax;
}
void reduce_schema(model::IntHistogram& histogram);
void reduce_schema(model::FloatHistogram& histogram);

// Whether some span is empty, or begins where the one before ends. Prometheus puts the buckets
// behind such spans into the wrong places when it brings the layouts of two histograms together.
[[nodiscard]] bool has_loose_spans(const model::IntHistogram& histogram) noexcept;
[[nodiscard]] bool has_loose_spans(const model::FloatHistogram& histogram) noexcept;
// Says the same without such spans, but for empty ones that bridge more than an offset can say.
// Precondition: as check_histogram() wants it.
void join_spans(model::IntHistogram& histogram);
void join_spans(model::FloatHistogram& histogram);

// Equal in all that is stored, doubles by bits; the hint is left out.
[[nodiscard]] bool same_histogram(const model::IntHistogram& a,
                                  const model::IntHistogram& b) noexcept;
[[nodiscard]] bool same_histogram(const model::FloatHistogram& a,
                                  const model::FloatHistogram& b) noexcept;

}  // namespace narthex::tsdb
