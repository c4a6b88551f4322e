#include "tsdb/block/chunk_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "narthex/util/bytes.h"
#include "narthex/util/crc32c.h"

namespace narthex::tsdb {
namespace {

using util::Code;

constexpr std::size_t kCrcBytes = 4;
constexpr std::uint8_t kSegmentVersion = 1;

bool is_segment_name(std::string_view name) {
  return name.size() == 6 && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

util::Result<std::unique_ptr<ChunkReader>> ChunkReader::open(util::Env& env,
                                                             const std::string& directory) {
  auto reader = std::make_unique<ChunkReader>();
  if (!env.exists(directory)) return reader;
  NX_ASSIGN(const auto entries, env.list_dir(directory));
  for (const util::DirEntry& entry : entries) {
    if (entry.is_directory || !is_segment_name(entry.name)) continue;
    const std::string path = directory + "/" + entry.name;
    const std::string want = fmt::format("{:06}", reader->segments_.size() + 1);
    if (entry.name != want) {
      return util::fail(Code::kCorruption, fmt::format("{}: segment {} is missing", path, want));
    }
    NX_ASSIGN(auto file, env.map_file(path));
    const std::string_view bytes = file->bytes();
    if (bytes.size() < kSegmentHeaderBytes ||
        util::load_be<std::uint32_t>(bytes.data()) != kChunksMagic) {
      return util::fail(Code::kCorruption, fmt::format("{}: byte 0: magic number", path));
    }
    if (static_cast<std::uint8_t>(bytes[4]) != kSegmentVersion) {
      return util::fail(Code::kCorruption,
                        fmt::format("{}: byte 4: version {}", path, static_cast<int>(bytes[4])));
    }
    reader->segments_.push_back({path, std::move(file)});
  }
  return reader;
}

util::Result<ChunkReader::Located> ChunkReader::locate(std::uint64_t ref) const {
  const std::uint64_t segment = ref >> 32U;
  const std::uint64_t offset = ref & 0xffffffffU;
  if (segment >= segments_.size()) {
    return util::fail(Code::kCorruption, fmt::format("chunk reference {}: there are {} segments",
                                                     ref, segments_.size()));
  }
  const Segment& found = segments_[segment];
  const std::string_view bytes = found.file->bytes();
  if (offset < kSegmentHeaderBytes || offset >= bytes.size()) {
    return util::fail(Code::kCorruption,
                      fmt::format("{}: byte {}: no chunk starts here", found.path, offset));
  }
  util::ByteReader reader(bytes.substr(offset));
  const std::uint64_t length = reader.uvarint();
  const std::uint64_t payload = offset + reader.position();
  if (!reader.ok() || reader.remaining() < 1 + kCrcBytes ||
      reader.remaining() - 1 - kCrcBytes < length) {
    return util::fail(Code::kCorruption,
                      fmt::format("{}: byte {}: chunk length", found.path, offset));
  }
  return Located{
      .segment = &found, .offset = offset, .payload_offset = payload, .payload_bytes = length};
}

util::Result<StoredChunk> ChunkReader::chunk(std::uint64_t ref) const {
  NX_ASSIGN(const Located at, locate(ref));
  const std::string_view checked =
      at.segment->file->bytes().substr(at.payload_offset, 1 + at.payload_bytes);
  const auto crc = util::load_be<std::uint32_t>(checked.data() + checked.size());
  if (util::crc32c(checked) != crc) {
    return util::fail(Code::kCorruption,
                      fmt::format("{}: byte {}: chunk checksum", at.segment->path, at.offset));
  }
  return StoredChunk{.encoding = static_cast<std::uint8_t>(checked[0]),
                     .payload = checked.substr(1)};
}

util::Result<StoredChunk> ChunkReader::peek(std::uint64_t ref) const {
  NX_ASSIGN(const Located at, locate(ref));
  const std::string_view bytes =
      at.segment->file->bytes().substr(at.payload_offset, 1 + at.payload_bytes);
  return StoredChunk{.encoding = static_cast<std::uint8_t>(bytes[0]), .payload = bytes.substr(1)};
}

util::Result<std::string_view> ChunkReader::raw_chunk(std::uint64_t ref) const {
  NX_ASSIGN(const Located at, locate(ref));
  const std::uint64_t end = at.payload_offset + 1 + at.payload_bytes + kCrcBytes;
  return at.segment->file->bytes().substr(at.offset, end - at.offset);
}

std::uint64_t ChunkReader::size_bytes() const noexcept {
  std::uint64_t total = 0;
  for (const Segment& segment : segments_) total += segment.file->bytes().size();
  return total;
}

}  // namespace narthex::tsdb
