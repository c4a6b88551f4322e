#include "tsdb/block/chunk_encode.h"

#include <algorithm>
#include <memory>

#include "tsdb/chunk/open_histogram_chunk.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {

namespace {

// Chunks of histograms are closed at this size once they have a few samples (ST-H2).
constexpr std::size_t kHistogramChunkBytes = 1024;
constexpr std::size_t kHistogramChunkSamplesMin = 10;

std::vector<model::IntHistogram> all_integers(std::span<const model::FloatHistogram> histograms) {
  std::vector<model::IntHistogram> out;
  out.reserve(histograms.size());
  for (const model::FloatHistogram& histogram : histograms) {
    auto integers = to_int_histogram(histogram);
    if (!integers) return {};
    out.push_back(*std::move(integers));
  }
  return out;
}

}  // namespace

void ChunkEncoder::add(model::TimestampMs min, model::TimestampMs max, ChunkEncoding encoding,
                       std::string_view bytes, std::vector<SourceChunk>& out) {
  payloads_.emplace_back(bytes);
  out.push_back(
      {.min_time = min,
       .max_time = max,
       .stored = {.encoding = static_cast<std::uint8_t>(encoding), .payload = payloads_.back()},
       .deleted = {}});
}

void ChunkEncoder::encode_floats(std::span<const model::TimestampMs> times,
                                 std::span<const double> values, std::vector<SourceChunk>& out) {
  XorChunkBuilder builder;
  for (std::size_t begin = 0; begin < times.size();) {
    const std::size_t end = std::min(begin + samples_per_chunk_, times.size());
    builder.clear();
    for (std::size_t i = begin; i < end; ++i) builder.append(times[i], values[i]);
    add(times[begin], times[end - 1], ChunkEncoding::kXor, builder.bytes(), out);
    begin = end;
  }
}

template <class Histogram>
void ChunkEncoder::encode_run(std::span<const model::TimestampMs> times,
                              std::span<const Histogram> histograms,
                              std::vector<SourceChunk>& out) {
  constexpr ChunkEncoding kEncoding = std::is_same_v<Histogram, model::IntHistogram>
                                          ? ChunkEncoding::kHistogram
                                          : ChunkEncoding::kFloatHistogram;
  std::unique_ptr<OpenHistogramChunk<Histogram>> open;
  const auto close = [&] {
    if (open) add(open->first_time(), open->last_time(), kEncoding, open->bytes(), out);
  };
  for (std::size_t i = 0; i < times.size(); ++i) {
    const Histogram& next = histograms[i];
    HistogramStep step;
    if (open) step = open->step(next);
    const bool full = open && (open->sample_count() >= samples_per_chunk_ ||
                               (open->bytes().size() >= kHistogramChunkBytes &&
                                open->sample_count() >= kHistogramChunkSamplesMin));
    if (open && !full && step.fit == HistogramFit::kFits) {
      open->append(times[i], next, step);
      continue;
    }
    close();
    open = std::make_unique<OpenHistogramChunk<Histogram>>(
        times[i], next, chunk_hint(step.fit, next.counter_reset_hint));
  }
  close();
}

void ChunkEncoder::encode_histograms(std::span<const model::TimestampMs> times,
                                     std::span<const model::FloatHistogram> histograms,
                                     std::vector<SourceChunk>& out) {
  // As integers where all of them are: a third of the size, and the same numbers for a reader.
  const auto integers = all_integers(histograms);
  if (integers.size() == histograms.size()) {
    encode_run<model::IntHistogram>(times, integers, out);
  } else {
    encode_run<model::FloatHistogram>(times, histograms, out);
  }
}

void ChunkEncoder::encode(const storage::SampleColumns& samples, std::vector<SourceChunk>& out) {
  const std::span float_times(samples.float_timestamps);
  const std::span histogram_times(samples.histogram_timestamps);
  std::size_t f = 0;
  std::size_t h = 0;
  // A run of floats ends where a histogram stands between, and the other way: chunks are disjoint.
  while (f < float_times.size() || h < histogram_times.size()) {
    std::size_t end = f;
    while (end < float_times.size() &&
           (h == histogram_times.size() || float_times[end] < histogram_times[h]))
      ++end;
    encode_floats(float_times.subspan(f, end - f),
                  std::span(samples.float_values).subspan(f, end - f), out);
    f = end;
    end = h;
    while (end < histogram_times.size() &&
           (f == float_times.size() || histogram_times[end] <= float_times[f]))
      ++end;
    encode_histograms(histogram_times.subspan(h, end - h),
                      std::span(samples.histograms).subspan(h, end - h), out);
    h = end;
  }
}

}  // namespace narthex::tsdb
