// PromQL text to syntax tree. Bad input of any size and depth gives an error, in linear time.
// Threads: free functions without state.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/matcher.h"
#include "narthex/promql/ast.h"
#include "narthex/util/result.h"

namespace narthex::promql {

// Longer queries are refused.
inline constexpr std::size_t kQueryBytesMax = std::size_t{4} << 20U;
// Of the compiled regular expressions of one query: a few hundred bytes of text can compile to
// megabytes.
inline constexpr std::size_t kQueryRegexBytesMax = std::size_t{16} << 20U;

// The feature gates of the language (flags.md).
struct ParserOptions {
  bool experimental_functions = false;    // promql-experimental-functions
  bool extended_range_selectors = false;  // promql-extended-range-selectors: anchored, smoothed
  bool binop_fill_modifiers = false;      // promql-binop-fill-modifiers
  bool duration_expressions = true;       // On in Prometheus since 3.14.

  // Everything on.
  [[nodiscard]] static ParserOptions all() noexcept { return {true, true, true, true}; }
};

struct ParseError {
  Position position;    // What the message is about.
  std::string message;  // Without position.
};

// What is wrong with a query. Only the first error is shown to users; more are there when the
// text could be read on.
struct ParseFailure {
  std::vector<ParseError> errors;  // Not empty; in the order in which they were found.
  std::string text;                // Of the first error: "1:5: parse error: message".
};

using ParseResult = std::expected<ExprPtr, ParseFailure>;

// For those who show positions, such as editors.
[[nodiscard]] ParseResult parse_detailed(std::string_view text, const ParserOptions& options);
// kInvalidArgument with ParseFailure::text.
[[nodiscard]] util::Result<ExprPtr> parse(std::string_view text, const ParserOptions& options);
// A selector alone, as in match[]; it may match everything ("{}"), which a query may not.
// kInvalidArgument.
[[nodiscard]] util::Result<model::Matchers> parse_metric_selector(std::string_view text);

// "line:col" of a byte offset: both count from 1, columns in bytes.
[[nodiscard]] std::string line_and_column(std::string_view text, std::size_t offset);

}  // namespace narthex::promql
