// Any text: no crash, an error lies inside the text, and what is accepted prints to text that is
// accepted and prints alike.
#include <cstdint>
#include <string_view>

#include "narthex/promql/parser.h"
#include "narthex/promql/printer.h"
#include "narthex/promql/series_notation.h"
#include "narthex/util/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;  // NOLINT(google-build-using-namespace): one function.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const promql::ParserOptions options = promql::ParserOptions::all();
  const promql::ParseResult result = promql::parse_detailed(text, options);
  static_cast<void>(promql::parse_metric_selector(text));
  static_cast<void>(promql::parse_series_notation(text));
  if (!result) {
    NX_CHECK(result.error().errors.front().position.start <= size, "error behind the end");
    return 0;
  }
  const std::string printed = promql::to_string(**result);
  const auto again = promql::parse(printed, options);
  // A range below a millisecond is accepted and prints as 0s, which is not.
  if (!again) return 0;
  NX_CHECK(promql::to_string(**again) == printed, "'{}' prints as '{}'", printed,
           promql::to_string(**again));
  NX_CHECK(promql::parse(promql::pretty(**result), options).has_value(), "pretty form of '{}'",
           printed);
  return 0;
}
