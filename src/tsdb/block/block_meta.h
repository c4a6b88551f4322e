// meta.json of a block: what it covers, how it came about.
// Format: docs/formats/block.md. Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/timestamp.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

// Hints of how a block came about.
inline constexpr std::string_view kFromOutOfOrder = "from-out-of-order";
inline constexpr std::string_view kFromStaleSeries = "from-stale-series";
inline constexpr std::string_view kFromSelectedSeries = "from-selected-series";

struct BlockStats {
  std::uint64_t samples = 0;
  std::uint64_t float_samples = 0;      // Not every writer says; 0 then.
  std::uint64_t histogram_samples = 0;  // Likewise.
  std::uint64_t series = 0;
  std::uint64_t chunks = 0;
  std::uint64_t tombstones = 0;
};

struct BlockParent {
  std::string ulid;
  model::TimestampMs min_time = 0;
  model::TimestampMs max_time = 0;
};

struct BlockMeta {
  std::string ulid;
  model::TimestampMs min_time = 0;  // The block covers [min_time, max_time).
  model::TimestampMs max_time = 0;
  int version = 1;
  BlockStats stats;
  int level = 1;                     // 1 = written from the head.
  std::vector<std::string> sources;  // ULIDs, sorted.
  std::vector<BlockParent> parents;
  std::vector<std::string> hints;  // "from-out-of-order", …, sorted.
  bool deletable = false;
  bool failed = false;

  [[nodiscard]] bool has_hint(std::string_view hint) const;
};

inline constexpr std::uint64_t kMetaBytesMax = 16U << 20U;

// kCorruption for text that is not a meta.json of version 1 to `version_max`, or not what its
// checksum says. Unknown keys (Thanos adds its own) are ignored.
util::Result<BlockMeta> parse_block_meta(std::string_view json, int version_max = 1);
// Tab-indented, keys in Prometheus' order, zero and empty fields left out as Prometheus leaves them
// out.
[[nodiscard]] std::string block_meta_json(const BlockMeta& meta);
// The same with a checksum of it under a key of our own, which other programs ignore, or drop when
// they write the file anew.
[[nodiscard]] std::string sealed_block_meta_json(const BlockMeta& meta);
// Whether `text` is no JSON object, or not what its checksum says. Where there is no checksum,
// nothing more is known.
[[nodiscard]] bool is_block_meta_damaged(std::string_view text);

}  // namespace narthex::tsdb
