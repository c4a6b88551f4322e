// Any body, cut anywhere: no crash, what it says does not depend on the cuts, and the labels of an
// accepted series and exemplar can be taken.
#include <cstdint>
#include <string>
#include <utility>

#include "narthex/exposition/openmetrics_parser.h"
#include "narthex/util/check.h"

namespace {

using narthex::exposition::TextEvent;

struct Outcome {
  std::size_t samples = 0;
  bool is_good = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(std::string_view body, std::size_t part) {
  narthex::exposition::OpenMetricsParser parser;
  narthex::exposition::SeriesLabels labels;
  parser.reset();
  Outcome outcome;
  std::size_t begin = 0;
  std::size_t end = 0;
  for (;;) {
    end = std::min(body.size(), 2 * end - begin + part);
    parser.feed(body.substr(begin, end - begin), end == body.size());
    for (;;) {
      TextEvent event = parser.next();
      if (event == TextEvent::kSample && !parser.verified()) event = parser.verify();
      if (event == TextEvent::kNeedMore) break;
      if (event == TextEvent::kError) return outcome;
      if (event == TextEvent::kEnd) {
        outcome.is_good = true;
        return outcome;
      }
      if (event != TextEvent::kSample) continue;
      ++outcome.samples;
      static_cast<void>(labels.parse(parser.sample().series, parser.context()));
      if (parser.has_exemplar()) static_cast<void>(labels.parse(parser.exemplar().labels, {}));
    }
    begin += parser.consumed();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  const std::size_t part = body.empty() ? 1 : 1 + static_cast<std::size_t>(data[0]);
  NX_CHECK(read(body, part) == read(body, size + 1), "cutting the body changes what it says");
  return 0;
}
