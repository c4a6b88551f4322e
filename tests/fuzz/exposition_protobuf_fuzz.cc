// Any body, cut anywhere: no crash, what it says does not depend on the cuts, and labels,
// histograms and exemplars of an accepted sample can be taken or are refused.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "narthex/exposition/protobuf_parser.h"
#include "narthex/util/check.h"

namespace {

using narthex::exposition::TextEvent;

struct Outcome {
  std::size_t samples = 0;
  bool is_good = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void take_sample(narthex::exposition::ProtobufParser& parser) {
  static_cast<void>(parser.labels());
  std::vector<narthex::exposition::ExposedExemplar> exemplars;
  if (parser.has_exemplar()) static_cast<void>(parser.read_exemplars(exemplars));
  if (!parser.is_histogram()) return;
  auto histogram = parser.histogram();
  if (!histogram) return;
  static_cast<void>(narthex::exposition::check_counts(*histogram));
  const narthex::exposition::ResolutionLimits limits{.buckets_max = 3, .schema_max = 2};
  if (histogram->integer) {
    auto limited = *histogram->integer;
    if (narthex::exposition::limit_resolution(limited, limits))
      NX_CHECK(limited.positive_deltas.size() + limited.negative_deltas.size() <= 3, "limit");
  } else {
    auto limited = *histogram->floating;
    if (narthex::exposition::limit_resolution(limited, limits))
      NX_CHECK(limited.positive_buckets.size() + limited.negative_buckets.size() <= 3, "limit");
  }
}

Outcome read(std::string_view body, std::size_t part,
             const narthex::exposition::HistogramOptions& options) {
  narthex::exposition::ProtobufParser parser;
  parser.reset(options);
  Outcome outcome;
  std::size_t begin = 0;
  std::size_t end = 0;
  for (;;) {
    end = std::min(body.size(), end + part);
    parser.feed(body.substr(begin, end - begin), end == body.size());
    for (;;) {
      const TextEvent event = parser.next();
      if (event == TextEvent::kNeedMore) break;
      if (event == TextEvent::kError) return outcome;
      if (event == TextEvent::kEnd) {
        outcome.is_good = true;
        return outcome;
      }
      if (event != TextEvent::kSample) continue;
      ++outcome.samples;
      take_sample(parser);
    }
    begin += parser.consumed();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const narthex::exposition::HistogramOptions options{
      .scrape_native_histograms = (data[0] & 1U) != 0,
      .always_scrape_classic_histograms = (data[0] & 2U) != 0,
      .convert_classic_histograms_to_nhcb = (data[0] & 4U) != 0};
  const std::size_t part = 1 + (data[0] >> 3U);
  NX_CHECK(read(body, part, options) == read(body, size, options),
           "cutting the body changes what it says");
  return 0;
}
