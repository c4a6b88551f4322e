// Several queriers as one: the head and every block that the range touches. Series with equal
// labels become one series, whose samples are put in order. Threads: synchronized, as its parts
// are.
#pragma once

#include <memory>
#include <vector>

#include "narthex/storage/queryable.h"

namespace narthex::tsdb {

// Precondition: the parts are in order of the time they cover, as far as they have one (it only
// costs time when they are not). Where two parts have a sample at the same time, the earlier part's
// is taken.
[[nodiscard]] std::unique_ptr<storage::Querier> merge_queriers(
    std::vector<std::unique_ptr<storage::Querier>> parts);

}  // namespace narthex::tsdb
