// Entries of the files of full head chunks, and how a file of them is searched for what is sound.
// Format: docs/formats/head_chunks.md. Threads: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/timestamp.h"

namespace narthex::tsdb {

inline constexpr std::uint32_t kHeadChunksMagic = 0x0130BC91;
inline constexpr std::size_t kHeadChunksHeaderBytes = 8;
// Set in the encoding byte of chunks of samples that came behind newer ones of their series.
inline constexpr std::uint8_t kLateChunkBit = 0x80;

// What an entry takes beside its payload, at most.
inline constexpr std::size_t kFileChunkBytesMax = 8 + 8 + 8 + 1 + 10 + 4;

// Number of the file << 32 | offset of the entry. Numbers are below 2^31.
using FileChunkRef = std::uint64_t;

struct FileChunk {
  std::uint64_t series = 0;    // The log's reference; not 0.
  model::TimestampMs min = 0;  // Of its first and last sample.
  model::TimestampMs max = 0;
  std::uint8_t encoding = 0;  // As blocks have it (storage-format.md §4), without the late bit.
  bool late = false;
  std::string_view payload;  // With the sample count in front.
};

// Magic, version, zeros.
[[nodiscard]] std::string head_chunks_header();
[[nodiscard]] bool is_head_chunks_header(std::string_view file) noexcept;

void append_file_chunk(std::string& out, const FileChunk& chunk);

struct ParsedFileChunk {
  FileChunk chunk;
  std::uint64_t end = 0;  // Offset of the byte behind it.
};
// The entry at `offset`; nothing unless it is there whole and its checksum is right. The payload is
// a view into `file`.
[[nodiscard]] std::optional<ParsedFileChunk> parse_file_chunk(std::string_view file,
                                                              std::uint64_t offset);

struct FoundFileChunk {
  std::uint64_t offset = 0;
  FileChunk chunk;
  bool after_damage = false;  // Some entry before it in the file is missing.
};
struct HeadChunksScan {
  std::vector<FoundFileChunk> chunks;
  std::uint64_t damaged_regions = 0;
  std::uint64_t damaged_bytes = 0;
  std::uint64_t damage_offset = 0;  // Of the first.
  // The last bytes are not a whole entry, and nothing sound follows them: what a crash in mid-write
  // leaves. Not counted as damage.
  bool torn = false;
  std::uint64_t sound_end = kHeadChunksHeaderBytes;  // Behind the last sound entry.
};
// Steps over what is damaged, the header included: the next entry is wherever one parses. Zeros to
// the end of the file are its end. Takes time linear in the file's size, whatever its bytes are.
[[nodiscard]] HeadChunksScan scan_head_chunks(std::string_view file);

}  // namespace narthex::tsdb
