// Native histogram chunks, encodings 2 (integers) and 3 (floats), exponential and custom buckets
// (storage-format.md §5.4 and §5.5).
//
// chunk = sample count u16, flags u8 (counter reset hint), then a bit stream: the layout of the
// buckets once, then the samples. All samples of a chunk have one layout.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/result.h"

#include "tsdb/chunk/bit_writer.h"

namespace narthex::tsdb {

inline constexpr std::size_t kHistogramHeaderBytes = 3;

// What the samples of one chunk have in common.
struct HistogramLayout {
  std::int32_t schema = 0;
  double zero_threshold = 0;
  std::vector<model::Span> positive_spans;
  std::vector<model::Span> negative_spans;
  std::vector<double> custom_values;
  // Doubles by bits.
  friend bool operator==(const HistogramLayout& a, const HistogramLayout& b) noexcept;
};
[[nodiscard]] HistogramLayout layout_of(const model::IntHistogram& histogram);
[[nodiscard]] HistogramLayout layout_of(const model::FloatHistogram& histogram);

// Builds one chunk of either form. Threads: confined.
template <class Histogram>
class HistogramChunkBuilder {
 public:
  // Whether the histogram can be the next sample: same layout and as many buckets as the layout
  // says; a stale marker always, and nothing but one behind one. Says nothing about counter resets.
  [[nodiscard]] bool accepts(const Histogram& histogram) const;
  // Precondition: accepts(histogram). The first sample's hint is the chunk's.
  void append(model::TimestampMs timestamp, const Histogram& histogram);
  [[nodiscard]] std::size_t sample_count() const noexcept { return sample_count_; }
  // The chunk so far; valid until the next append().
  [[nodiscard]] std::string_view bytes() const noexcept { return out_.bytes(); }
  // What it has allocated, about.
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return out_.bytes().capacity() + integers_.size() * 2 * sizeof(std::uint64_t) +
           floats_.size() * sizeof(XorState);
  }

 private:
  void begin(const Histogram& histogram);

  BitWriter out_;
  std::size_t sample_count_ = 0;
  HistogramLayout layout_;
  bool stale_ = false;  // The last sample is.
  model::TimestampMs timestamp_ = 0;
  std::uint64_t timestamp_delta_ = 0;
  XorState sum_;
  // Integers: values and their last differences, modulo 2^64. count, zero count, buckets …
  std::vector<std::uint64_t> integers_;
  std::vector<std::uint64_t> integer_deltas_;
  // Floats: the same order, each with its own window.
  std::vector<XorState> floats_;
};
using IntHistogramChunkBuilder = HistogramChunkBuilder<model::IntHistogram>;
using FloatHistogramChunkBuilder = HistogramChunkBuilder<model::FloatHistogram>;

// Where decoded samples go: two arrays that grow together. Threads: confined.
template <class Histogram>
struct HistogramColumns {
  std::vector<model::TimestampMs>& timestamps;
  std::vector<Histogram>& histograms;
};

// Each appends all samples of a chunk; a stale marker has nothing but its sum. The hint of the
// first sample is the chunk's, of the others kNotReset, of all of a gauge's kGauge. kCorruption
// when the bytes are not such a chunk: then nothing is appended, and nothing outside `chunk` has
// been read. Timestamps are not checked for order. Encoding 2 as it is, and as floats:
util::Result<void> decode_histogram_chunk(std::string_view chunk,
                                          HistogramColumns<model::IntHistogram> out);
util::Result<void> decode_histogram_chunk_as_floats(std::string_view chunk,
                                                    HistogramColumns<model::FloatHistogram> out);
// Encoding 3.
util::Result<void> decode_float_histogram_chunk(std::string_view chunk,
                                                HistogramColumns<model::FloatHistogram> out);

// The same histogram with absolute counts.
[[nodiscard]] model::FloatHistogram to_float_histogram(const model::IntHistogram& histogram);
// The other way; nothing when a count is not an integer of at least zero that a double holds
// exactly.
[[nodiscard]] std::optional<model::IntHistogram> to_int_histogram(
    const model::FloatHistogram& histogram);

}  // namespace narthex::tsdb
