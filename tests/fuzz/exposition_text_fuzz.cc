// Any body, cut anywhere: no crash, and the labels of an accepted series can be taken.
// Differential: what splitting says about a line that the grammar accepts is what the grammar says,
// unless its series is one that the grammar never accepts (a label value with a newline in it is
// cut off there) and so can never be recognised from an earlier round.
#include <bit>
#include <cstdint>
#include <string>

#include "narthex/exposition/text_parser.h"
#include "narthex/util/check.h"

namespace {

// Whether the grammar takes this text for a series.
bool is_series(std::string_view series) {
  const std::string line = std::string(series) + " 0\n";
  narthex::exposition::TextParser parser;
  parser.reset();
  parser.feed(line, true);
  narthex::exposition::TextEvent event = parser.next();
  if (event == narthex::exposition::TextEvent::kSample && !parser.verified())
    event = parser.verify();
  return event == narthex::exposition::TextEvent::kSample && parser.sample().series == series;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;  // NOLINT(google-build-using-namespace): one function.
  using exposition::TextEvent;
  std::string body(reinterpret_cast<const char*>(data), size);
  const std::size_t part = body.empty() ? 1 : 1 + static_cast<std::size_t>(data[0]);
  body.push_back('\n');

  exposition::TextParser parser;
  exposition::SeriesLabels labels;
  parser.reset();
  std::size_t begin = 0;
  std::size_t end = 0;
  for (;;) {
    end = std::min(body.size(), 2 * end - begin + part);
    parser.feed(std::string_view(body).substr(begin, end - begin), end == body.size());
    for (;;) {
      TextEvent event = parser.next();
      if (event == TextEvent::kSample && !parser.verified()) {
        const exposition::TextSample split = parser.sample();
        event = parser.verify();
        if (event == TextEvent::kSample && split.series != parser.sample().series) {
          NX_CHECK(!is_series(split.series), "series differ");
        } else if (event == TextEvent::kSample) {
          NX_CHECK(std::bit_cast<std::uint64_t>(split.value) ==
                       std::bit_cast<std::uint64_t>(parser.sample().value),
                   "values differ");
        }
      }
      if (event == TextEvent::kSample)
        static_cast<void>(labels.parse(parser.sample().series, parser.context()));
      if (event == TextEvent::kEnd || event == TextEvent::kError) return 0;
      if (event == TextEvent::kNeedMore) break;
    }
    begin += parser.consumed();
  }
}
