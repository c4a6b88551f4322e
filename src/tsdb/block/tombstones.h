// Deleted ranges of series: in a block's tombstones file, and in memory for the head.
// Format: docs/formats/block.md (tombstones). Threads: external.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/timestamp.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

class Tombstones {
 public:
  // Ranges of one series stay sorted and apart: overlapping and adjacent ones become one.
  void add(std::uint64_t series, model::TimeRange range);
  // Sorted; empty for a series of which nothing is deleted.
  [[nodiscard]] std::span<const model::TimeRange> of(std::uint64_t series) const;
  [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
  // Ranges over all series.
  [[nodiscard]] std::uint64_t count() const noexcept;
  void remove_series(std::uint64_t series) { ranges_.erase(series); }
  [[nodiscard]] const std::map<std::uint64_t, std::vector<model::TimeRange>>& all() const noexcept {
    return ranges_;
  }

  // The content of the file. kCorruption with the byte offset.
  static util::Result<Tombstones> parse(std::string_view file);
  [[nodiscard]] std::string encode() const;

 private:
  std::map<std::uint64_t, std::vector<model::TimeRange>> ranges_;
};

// Whether `t` lies in one of the sorted ranges.
[[nodiscard]] bool is_deleted(std::span<const model::TimeRange> ranges,
                              model::TimestampMs t) noexcept;
// Whether one of them covers the whole of `range`.
[[nodiscard]] bool is_deleted(std::span<const model::TimeRange> ranges,
                              model::TimeRange range) noexcept;

}  // namespace narthex::tsdb
