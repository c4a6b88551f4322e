// The notation of series in rule unit tests and in PromQL test scripts:
//
//   http_requests{job="api"}  1 2 _ 5+10x3 stale {{schema:0 count:4 sum:5 buckets:[1 2 1]}}x2
//
// Language: docs/ARCHITECTURE.md, "Series notation". Threads: free functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/model/labels.h"
#include "narthex/util/result.h"

namespace narthex::promql {

// More values than this in one series are refused: `1x999999999` is one word.
inline constexpr std::size_t kNotationValuesMax = 1'000'000;

struct NotatedValue {
  enum class Kind : std::uint8_t { kOmitted, kFloat, kHistogram };
  Kind kind = Kind::kOmitted;
  double value = 0;  // The stale marker for `stale`.
  std::shared_ptr<const model::FloatHistogram> histogram;
  // The text said what the counter reset hint is; else kUnknown stands for "never mind".
  bool hint_stated = false;
};

struct NotatedSeries {
  model::Labels labels;
  std::vector<NotatedValue> values;
};

// Labels, blanks, values. kInvalidArgument with "line:col: parse error: …".
[[nodiscard]] util::Result<NotatedSeries> parse_series_notation(std::string_view text);

struct NotatedLabels {
  model::Labels labels;
  std::string_view rest;  // What follows the labels in `text`.
};
// The labels alone: name{a="b"}, {a="b"}, {"some name", "some.label"="b"} or name.
[[nodiscard]] util::Result<NotatedLabels> parse_series_labels(std::string_view text);

}  // namespace narthex::promql
