// The log's framing (storage-format.md §8): segments of 32 KiB pages; a record is one fragment, or
// several in consecutive pages. fragment = type u8 (low three bits; bit 3 snappy, bit 4 zstd),
// length u16, CRC-32C u32 of the data, data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

inline constexpr std::size_t kWalPageBytes = std::size_t{32} * 1024;
inline constexpr std::size_t kWalFragmentHeaderBytes = 7;

enum class FragmentType : std::uint8_t {
  kPageEnd = 0,  // The rest of the page is zeros.
  kFull = 1,
  kFirst = 2,
  kMiddle = 3,
  kLast = 4,
};
inline constexpr std::uint8_t kFragmentTypeMask = 0x07;
inline constexpr std::uint8_t kFragmentSnappy = 0x08;
inline constexpr std::uint8_t kFragmentZstd = 0x10;

// What a record may grow to when it is decompressed.
inline constexpr std::size_t kWalRecordBytesMax = std::size_t{256} << 20U;

struct WalSegment {
  std::uint64_t number = 0;
  std::string path;
};
// "…/wal/00000012"
[[nodiscard]] std::string wal_segment_path(const std::string& directory, std::uint64_t number);
// Segments of a directory, ascending; none if the directory is not there. Other names are left
// alone.
util::Result<std::vector<WalSegment>> list_wal_segments(util::Env& env,
                                                        const std::string& directory);

struct WalCheckpoint {
  std::uint64_t last_segment = 0;  // It stands for the segments up to this one.
  std::string path;
};
// The newest complete checkpoint of a log directory.
util::Result<std::optional<WalCheckpoint>> find_wal_checkpoint(util::Env& env,
                                                               const std::string& directory);

}  // namespace narthex::tsdb
