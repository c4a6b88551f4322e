// PromQL test scripts: what a *.test file says, as data. Language: conformance/promql/README.md.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/timestamp.h"
#include "narthex/promql/series_notation.h"

namespace narthex::conformance {

// A text that is expected: exactly, as a regular expression found somewhere, or (empty) any.
struct Pattern {
  enum class Kind { kAny, kExact, kRegex } kind = Kind::kAny;
  std::string text;
  [[nodiscard]] bool matches(std::string_view candidate) const;
};

struct Steps {
  model::TimestampMs start = 0;
  model::TimestampMs end = 0;
  std::int64_t step_ms = 1;
};

struct LoadedSeries {
  model::Labels labels;
  std::vector<promql::NotatedValue> values;
  // Start timestamps relative to the samples' own, by index; nullopt = none. Empty or as long as
  // `values`.
  std::vector<std::optional<std::int64_t>> start_offsets_ms;
};

struct Clear {};

struct Load {
  std::int64_t step_ms = 0;
  bool with_nhcb = false;
  std::vector<LoadedSeries> series;  // Each label set once.
};

struct Eval {
  bool is_range = false;
  Steps steps;  // Instant: start is the time.
  std::string expr;

  std::optional<Pattern> fail;
  std::vector<Pattern> warn;
  std::vector<Pattern> info;
  bool no_warn = false;
  bool no_info = false;
  bool ordered = false;
  std::optional<std::string> text;    // The result is this string.
  std::optional<Steps> range_vector;  // The result is a matrix with points at these times.
  std::optional<double> scalar;
  std::vector<promql::NotatedSeries> series;  // In the order of the file.
};

struct Command {
  std::size_t line = 0;  // From 1.
  std::variant<Clear, Load, Eval> what;
  std::string problem;  // Not empty: the command cannot be understood.
};

[[nodiscard]] std::vector<Command> parse_script(std::string_view text);

}  // namespace narthex::conformance
