// How much a query may take, guessed before it runs. Threads: immutable.
#pragma once

#include <cstdint>

#include "narthex/promql/ast.h"
#include "narthex/promql/column.h"

namespace narthex::promql {

enum class QueryWeight : std::uint8_t { kLight, kHeavy };

// By how far its selectors reach: what looks at no more than two hours in one piece, like panels
// of the present, alerts and lists, is light. Series are not counted: that takes storage.
[[nodiscard]] QueryWeight weigh(const Expr& expr, const StepGrid& grid) noexcept;

}  // namespace narthex::promql
