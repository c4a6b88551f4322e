// The numbers that the head is built on. Threads: values.
#pragma once

#include <cstdint>

namespace narthex::tsdb {

// A series in the head: dense, from 1, ascending in order of creation, never used again; also its
// reference in the log.
using SeriesId = std::uint32_t;
inline constexpr SeriesId kNoSeriesId = 0;
inline constexpr SeriesId kSeriesIdMax = 0xffff'fff0U;
// A label pair (name and value) in the index, from 1.
using PairId = std::uint32_t;
inline constexpr PairId kNoPair = 0;
// A label name in the index, from 0.
using NameId = std::uint32_t;

}  // namespace narthex::tsdb
