// Compares our syntax trees with those of parser.jsonl (conformance/README.md, "parser.jsonl").
#pragma once

#include <string>
#include <vector>

#include <boost/json.hpp>

#include "narthex/promql/ast.h"

namespace narthex::conformance {

// What differs, one line each: "LHS.Val: 1, expected 2".
std::vector<std::string> compare_ast(const boost::json::value& expected, const promql::Expr& got);

}  // namespace narthex::conformance
