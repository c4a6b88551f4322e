// Writes the chunk segment files of a block.
// Format: docs/formats/block.md (chunks). Threads: confined.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "narthex/util/env.h"
#include "narthex/util/result.h"

#include "tsdb/block/buffered_file.h"
#include "tsdb/block/chunk_reader.h"

namespace narthex::tsdb {

inline constexpr std::uint64_t kChunkSegmentBytes = std::uint64_t{512} << 20U;

class ChunkWriter {
 public:
  // `directory` exists and is empty. A segment takes no chunk that would make it longer than
  // `segment_bytes_max`, but for its first.
  ChunkWriter(util::Env& env, std::string directory, std::uint64_t segment_bytes_max)
      : env_(env), directory_(std::move(directory)), segment_bytes_max_(segment_bytes_max) {}

  // The reference that the index must have.
  util::Result<std::uint64_t> write(StoredChunk chunk);
  // Syncs all segments and their directory. Nothing may be written afterwards.
  util::Result<void> finish();
  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return bytes_written_; }

 private:
  util::Result<void> make_room(std::uint64_t bytes);

  util::Env& env_;
  const std::string directory_;
  const std::uint64_t segment_bytes_max_;
  std::optional<BufferedFile> file_;
  std::uint64_t segment_count_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::string record_;
};

}  // namespace narthex::tsdb
