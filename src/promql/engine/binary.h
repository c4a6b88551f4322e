// Operators between two instant vectors.
#pragma once

#include "narthex/promql/ast.h"

#include "promql/engine/vector_op.h"

namespace narthex::promql {

// Arithmetic and comparisons, one to one or many to one (promql.md §4). The result's names are
// already as they should be.
util::Result<VectorOpPtr> make_vector_matching(QueryContext& context, const Binary& binary,
                                               VectorOpPtr left, VectorOpPtr right,
                                               std::size_t steps);
// and, or, unless.
util::Result<VectorOpPtr> make_set_operation(QueryContext& context, const Binary& binary,
                                             VectorOpPtr left, VectorOpPtr right,
                                             std::size_t steps);

enum class SampleKind : std::uint8_t { kFloat, kHistogram };
// "incompatible sample types encountered for binary operator …"
void inform_incompatible(QueryContext& context, const Binary& binary, SampleKind left,
                         SampleKind right);

}  // namespace narthex::promql
