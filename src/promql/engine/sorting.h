// sort, sort_desc, sort_by_label, sort_by_label_desc.
#pragma once

#include <string>
#include <vector>

#include "promql/engine/vector_op.h"

namespace narthex::promql {

enum class SortOrder : std::uint8_t { kAscending, kDescending };

// By the value at the only step; NaN last either way. With several steps the order does not matter
// and stays. Histograms are removed.
util::Result<VectorOpPtr> sort_by_value(QueryContext& context, VectorOpPtr input, std::size_t steps,
                                        SortOrder order, std::uint64_t mark);
// By the values of `names`, then by all labels; digits compare as numbers.
VectorOpPtr sort_by_label(VectorOpPtr input, std::vector<std::string> names, SortOrder order);

// "a9" < "a10". Negative, zero, positive.
[[nodiscard]] int compare_natural(std::string_view a, std::string_view b) noexcept;

}  // namespace narthex::promql
