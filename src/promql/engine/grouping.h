// Which group of an aggregation each series belongs to.
#pragma once

#include <cstdint>
#include <vector>

#include "narthex/promql/ast.h"

#include "promql/engine/vector_op.h"

namespace narthex::promql {

struct Grouping {
  std::vector<model::Labels>
      labels;  // By group; groups in the order in which they were first seen.
  std::vector<std::uint32_t> group_of;  // By series.
  std::vector<std::uint32_t> members;   // All series, group by group, each group's in order.
  std::vector<std::uint32_t>
      group_begin;  // Group g has members[group_begin[g]] … members[group_begin[g + 1] - 1].
  [[nodiscard]] std::size_t count() const noexcept { return labels.size(); }
};

util::Result<Grouping> group_series(const QueryContext& context, const Aggregate& aggregate,
                                    const SeriesLabels& series);

}  // namespace narthex::promql
