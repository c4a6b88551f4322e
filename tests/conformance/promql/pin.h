// The same expression, fixed to one time: every selector and subquery that carries no @ gets one.
#pragma once

#include <optional>
#include <string>

#include "narthex/model/timestamp.h"
#include "narthex/promql/ast.h"

namespace narthex::conformance {

// Text of the pinned expression; nullopt if its value would depend on the evaluation time all the
// same, because it calls a function such as time().
[[nodiscard]] std::optional<std::string> pinned(const promql::Expr& expr, model::TimestampMs time);

}  // namespace narthex::conformance
