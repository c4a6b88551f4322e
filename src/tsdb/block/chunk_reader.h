// Reads the chunk segment files of a block, mapped into memory.
// Format: docs/formats/block.md (chunks). Threads: immutable after open().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/util/env.h"
#include "narthex/util/result.h"

#include "tsdb/chunk/sample_cache.h"

namespace narthex::tsdb {

// A chunk as it lies in the file.
struct StoredChunk {
  std::uint8_t encoding =
      0;                     // storage-format.md §4: 1 XOR, 2 histogram, 3 float histogram, 4 XOR2.
  std::string_view payload;  // As long as the reader lives.
};

class ChunkReader {
 public:
  // Maps 000001, 000002, … in `directory`; a gap in the numbers is kCorruption. A missing directory
  // is a block without chunks.
  static util::Result<std::unique_ptr<ChunkReader>> open(util::Env& env,
                                                         const std::string& directory);

  // kCorruption, naming file and offset, when the reference points nowhere or the checksum is
  // wrong.
  util::Result<StoredChunk> chunk(std::uint64_t ref) const;
  // The same without looking at the checksum: for what only informs, such as the sample count.
  util::Result<StoredChunk> peek(std::uint64_t ref) const;
  // The chunk's bytes in the file from its length to its checksum: what a compaction copies when
  // nothing overlaps. Not checked.
  util::Result<std::string_view> raw_chunk(std::uint64_t ref) const;
  [[nodiscard]] std::uint64_t size_bytes() const noexcept;
  // Names these files to a SampleCache.
  [[nodiscard]] std::uint64_t source() const noexcept { return source_; }

 private:
  struct Segment {
    std::string path;
    std::unique_ptr<util::MappedFile> file;
  };
  struct Located {
    const Segment* segment = nullptr;
    std::uint64_t offset = 0;          // Of the length.
    std::uint64_t payload_offset = 0;  // Of the encoding byte.
    std::uint64_t payload_bytes = 0;   // Without the encoding byte.
  };
  util::Result<Located> locate(std::uint64_t ref) const;
  std::vector<Segment> segments_;
  std::uint64_t source_ = SampleCache::next_source();
};

inline constexpr std::uint32_t kChunksMagic = 0x85BD40DD;
inline constexpr std::size_t kSegmentHeaderBytes = 8;

}  // namespace narthex::tsdb
