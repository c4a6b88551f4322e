// What few series need besides HeadSeries: an open chunk of native histograms, samples that came
// late. Threads: as HeadSeries.
#pragma once

#include <memory>
#include <string_view>
#include <variant>

#include "narthex/model/timestamp.h"

#include "tsdb/chunk/open_histogram_chunk.h"
#include "tsdb/chunk/xor_chunk.h"
#include "tsdb/head/late_samples.h"

namespace narthex::tsdb {

struct SeriesExtra {
  using IntChunk = OpenHistogramChunk<model::IntHistogram>;
  using FloatChunk = OpenHistogramChunk<model::FloatHistogram>;
  // The series' open chunk when its newest sample is a histogram; its float chunk is closed then.
  std::variant<std::monostate, IntChunk, FloatChunk> histograms;
  std::unique_ptr<LateSamples> late;  // Null: none.
  bool end_predicted = false;         // The chunk's end was computed from how it fills.

  [[nodiscard]] bool has_histograms() const noexcept { return histograms.index() != 0; }
  [[nodiscard]] ChunkEncoding encoding() const noexcept {
    return histograms.index() == 1 ? ChunkEncoding::kHistogram : ChunkEncoding::kFloatHistogram;
  }
  // The following three: precondition: has_histograms().
  // With the sample count in front.
  [[nodiscard]] std::string_view bytes() const {
    if (const auto* chunk = std::get_if<IntChunk>(&histograms)) return chunk->bytes();
    return std::get<FloatChunk>(histograms).bytes();
  }
  [[nodiscard]] model::TimestampMs first_time() const {
    if (const auto* chunk = std::get_if<IntChunk>(&histograms)) return chunk->first_time();
    return std::get<FloatChunk>(histograms).first_time();
  }
  [[nodiscard]] std::size_t memory_bytes() const {
    if (const auto* chunk = std::get_if<IntChunk>(&histograms)) return chunk->memory_bytes();
    return std::get<FloatChunk>(histograms).memory_bytes();
  }
};

}  // namespace narthex::tsdb
