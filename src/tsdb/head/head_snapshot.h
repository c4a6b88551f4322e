// The head's chunks of a time range, for a block: series in order of their labels, each with its
// chunks as they are stored.
//
// It shows every commit that was complete when a series is read; whoever needs a fixed content
// stops appends to the range first (Head::stop_appends_before). Threads: synchronized (all
// functions are const).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/result.h"

#include "tsdb/chunk/xor_chunk.h"
#include "tsdb/head/isolation.h"
#include "tsdb/index/label_index.h"

namespace narthex::tsdb {

class Head;

// A chunk as a block stores it (docs/formats/block.md).
struct HeadChunk {
  model::TimestampMs min = 0;  // Of its samples; both ends belong to it.
  model::TimestampMs max = 0;
  ChunkEncoding encoding = ChunkEncoding::kNone;
  std::uint16_t sample_count = 0;
  std::string bytes;
};

class HeadSnapshot {
 public:
  // As Head::snapshot().
  HeadSnapshot(Head& head, model::TimeRange range);

  [[nodiscard]] std::size_t size() const noexcept { return series_.size(); }
  [[nodiscard]] SeriesId id(std::size_t index) const noexcept { return series_[index].id; }
  [[nodiscard]] model::Labels labels(std::size_t index) const;
  // All names and values of the series' labels, sorted and unique. Valid as long as the snapshot.
  [[nodiscard]] std::vector<std::string_view> symbols() const;
  // Replaces `out` by the series' chunks, ascending and disjoint. A chunk that the range cuts is
  // encoded anew without what lies outside. Possibly none: that a chunk overlaps the range does not
  // mean that one of its samples is in it. kCorruption when a chunk cannot be decoded.
  util::Result<void> chunks(std::size_t index, std::vector<HeadChunk>& out) const;

 private:
  [[nodiscard]] bool has_chunks(SeriesId id) const;
  // Cuts the chunk to the range; leaves it empty when nothing remains.
  util::Result<void> cut(HeadChunk& chunk) const;

  Head& head_;
  const model::TimeRange range_;
  // Keeps what it reads from being used for something else.
  const std::shared_ptr<const Isolation::Reader> reader_;
  std::vector<SelectedSeries> series_;
};

}  // namespace narthex::tsdb
