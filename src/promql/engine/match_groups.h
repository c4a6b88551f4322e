// Which series of two sides belong together under on(…) or ignoring(…).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "narthex/promql/ast.h"

#include "promql/engine/vector_op.h"

namespace narthex::promql {

// All series with one match signature, by their index on each side. Order: first seen, left before
// right.
struct MatchGroup {
  std::vector<std::uint32_t> left;
  std::vector<std::uint32_t> right;
};

util::Result<std::vector<MatchGroup>> match_groups(const QueryContext& context,
                                                   const VectorMatching& matching,
                                                   const SeriesLabels& left,
                                                   const SeriesLabels& right);
// The labels that make up the signature of a series.
[[nodiscard]] model::Labels match_labels(const VectorMatching& matching,
                                         const model::Labels& labels);

}  // namespace narthex::promql
