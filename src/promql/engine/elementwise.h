// Operators that turn each element into one other element: functions on instant vectors, arithmetic
// with a scalar.
#pragma once

#include <vector>

#include "narthex/promql/ast.h"

#include "promql/engine/vector_op.h"
#include "promql/functions/column_math.h"

namespace narthex::promql {

using ScalarColumn = std::vector<double>;  // One number a step.

// The vector with one series, {}.
VectorOpPtr make_scalar_vector(ScalarColumn values);
VectorOpPtr make_negation(VectorOpPtr input);

enum class ScalarSide : std::uint8_t { kLeft, kRight };
// vector op scalar or scalar op vector; names are still on.
VectorOpPtr make_vector_scalar(QueryContext& context, const Binary& binary, VectorOpPtr input,
                               ScalarColumn number, ScalarSide side);
// left[step] = left[step] op right[step]; comparisons give 1 or 0.
void apply_scalars(BinaryOp op, ScalarColumn& left, const ScalarColumn& right);

[[nodiscard]] bool is_elementwise_function(FunctionId id) noexcept;
// `arguments` are those after the vector. Names are still on.
VectorOpPtr make_elementwise(FunctionId id, VectorOpPtr input, std::vector<ScalarColumn> arguments);

// scalar(v): at each step the only float of the vector, else NaN. What it charged since `mark` is
// released.
util::Result<ScalarColumn> only_float(QueryContext& context, const VectorOp& op, std::size_t steps,
                                      std::uint64_t mark);

}  // namespace narthex::promql
