// The samples that a querier sees, as the content of a block: what compacts a head that has nothing
// better to offer. Every sample is decoded and encoded again. Threads: confined.
#pragma once

#include <cstddef>
#include <memory>

#include "narthex/storage/queryable.h"
#include "narthex/util/result.h"

#include "tsdb/block/series_source.h"

namespace narthex::tsdb {

// All series of the querier's range. The querier may go; what it read from must stay.
util::Result<std::unique_ptr<SeriesSource>> querier_source(storage::Querier& querier,
                                                           std::size_t samples_per_chunk);

}  // namespace narthex::tsdb
