// The syntax tree as /api/v1/parse_query shows it (HA 3.1). Keys come in alphabetical order; those
// that Prometheus has added since 3.5 are left out where they say nothing.
#pragma once

#include <string>

#include "narthex/promql/ast.h"

namespace narthex::api {

void append_ast(std::string& out, const promql::Expr& expr);

}  // namespace narthex::api
