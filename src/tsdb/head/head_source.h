// The head's samples in order of a time range, as the content of a block: chunks byte for byte but
// for those that the range or a deletion cuts. Threads: confined.
#pragma once

#include <memory>

#include "tsdb/block/series_source.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

// What Head::snapshot() shows of the range, without what is deleted by now. It must go before the
// head does.
[[nodiscard]] std::unique_ptr<SeriesSource> head_source(Head& head, model::TimeRange range);

}  // namespace narthex::tsdb
