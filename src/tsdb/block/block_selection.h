// Evaluates a list of matchers on a block's index.
//
// A matcher that an absent label does not satisfy is positive: the union of its values' postings
// holds the answer. One that an absent label satisfies is negative: the postings of the values that
// do not match are taken away. Regular expressions run over a label's values, never over series.
// Threads: functions without state.
#pragma once

#include <span>

#include "narthex/model/matcher.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/result.h"

#include "tsdb/block/index_reader.h"
#include "tsdb/index/postings.h"

namespace narthex::tsdb {

// Ids of the series that match, ascending, which is in order of labels. No matchers: all series.
util::Result<IdList> select_block_series(const IndexReader& index,
                                         std::span<const model::Matcher> matchers,
                                         const storage::Deadline& deadline);

}  // namespace narthex::tsdb
