// Calls of functions on range vectors.
#pragma once

#include <optional>
#include <vector>

#include "narthex/promql/ast.h"

#include "promql/engine/range_source.h"
#include "promql/engine/vector_op.h"
#include "promql/functions/extended_range.h"
#include "promql/functions/window.h"

namespace narthex::promql {

struct RangeCall {
  FunctionId function{};
  Position argument{};          // The range vector's: what annotations point at.
  Position parameter{};         // The first scalar argument's.
  std::vector<double> first{};  // Scalar arguments by step; see KernelArguments.
  std::vector<double> second{};
  std::optional<ExtendedRange> extended = std::nullopt;  // Then extends(function, …).
  SampleTally tally;
};

[[nodiscard]] bool is_range_function(FunctionId id) noexcept;

// Series of `source` through `call.function`, which is_range_function(). Names are still on.
util::Result<VectorOpPtr> make_range_function(QueryContext& context, RangeSourcePtr source,
                                              const WindowGrid& windows, RangeCall call);
// last_over_time and first_over_time hand samples through, names and all.
[[nodiscard]] bool range_function_keeps_name(FunctionId id) noexcept;

// One bit for each step at which some series has a sample in its window.
util::Result<std::vector<std::uint64_t>> presence_in_windows(QueryContext& context,
                                                             const RangeSource& source,
                                                             const WindowGrid& windows,
                                                             SampleTally tally);

}  // namespace narthex::promql
