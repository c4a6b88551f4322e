// Syntax tree to text. Threads: free functions without state.
#pragma once

#include <string>
#include <vector>

#include "narthex/model/matcher.h"
#include "narthex/promql/ast.h"

namespace narthex::promql {

// The canonical form, on one line: what logs, the rules API and the AST view show. Parses to an
// equal tree.
[[nodiscard]] std::string to_string(const Expr& expr);
void append_to(std::string& out, const Expr& expr);

// Nodes longer than this many characters are split by pretty().
inline constexpr std::size_t kPrettyLineCharsMax = 100;
// Indented over several lines, as /api/v1/format_query gives it.
[[nodiscard]] std::string pretty(const Expr& expr,
                                 std::size_t line_chars_max = kPrettyLineCharsMax);

// The matcher sets of all selectors in the expression, in order of writing.
[[nodiscard]] std::vector<model::Matchers> selectors_of(const Expr& expr);

}  // namespace narthex::promql
