#include "tsdb/head/file_chunk.h"

#include <algorithm>

#include "narthex/util/bytes.h"
#include "narthex/util/crc32c.h"

namespace narthex::tsdb {

namespace {

constexpr char kVersion = 1;
constexpr std::size_t kCrcBytes = 4;
// Series, two times, encoding.
constexpr std::size_t kFixedBytes = 8 + 8 + 8 + 1;
constexpr std::size_t kEntryBytesMin = kFixedBytes + 1 + 2 + kCrcBytes;
// Upstream's references have at most 40 bits; ours 32.
constexpr std::uint64_t kSeriesMax = std::uint64_t{1} << 40U;
constexpr std::uint8_t kEncodingMax = 6;

// What an entry claims before its checksum has been looked at.
struct Claim {
  FileChunk chunk;
  std::uint64_t end = 0;
};

std::optional<Claim> read_claim(std::string_view file, std::uint64_t offset) {
  if (offset > file.size() || file.size() - offset < kEntryBytesMin) return std::nullopt;
  util::ByteReader reader(file.substr(offset));
  Claim claim;
  claim.chunk.series = reader.be<std::uint64_t>();
  if (claim.chunk.series == 0 || claim.chunk.series > kSeriesMax) return std::nullopt;
  claim.chunk.min = static_cast<model::TimestampMs>(reader.be<std::uint64_t>());
  claim.chunk.max = static_cast<model::TimestampMs>(reader.be<std::uint64_t>());
  const std::uint8_t encoding = reader.u8();
  claim.chunk.encoding = static_cast<std::uint8_t>(encoding & ~kLateChunkBit);
  claim.chunk.late = (encoding & kLateChunkBit) != 0;
  if (claim.chunk.min > claim.chunk.max || claim.chunk.encoding == 0 ||
      claim.chunk.encoding > kEncodingMax)
    return std::nullopt;
  claim.chunk.payload = reader.uvarint_bytes();
  if (!reader.ok() || claim.chunk.payload.size() < 2 || reader.remaining() < kCrcBytes)
    return std::nullopt;
  claim.end = offset + reader.position() + kCrcBytes;
  return claim;
}

bool checksum_is_right(std::string_view file, std::uint64_t offset, std::uint64_t end) noexcept {
  return util::crc32c(file.substr(offset, end - kCrcBytes - offset)) ==
         util::load_be<std::uint32_t>(file.data() + end - kCrcBytes);
}

// Looks for the next sound entry. Bytes that merely look like one cost a checksum each: together no
// more than some times the file.
class Search {
 public:
  explicit Search(std::string_view file) : file_(file), budget_(8 * file.size()) {}

  [[nodiscard]] std::optional<std::uint64_t> next_sound(std::uint64_t from) {
    for (std::uint64_t at = from; at + kEntryBytesMin <= file_.size(); ++at) {
      const auto claim = read_claim(file_, at);
      if (!claim) continue;
      const std::uint64_t bytes = claim->end - at;
      if (bytes > budget_) return std::nullopt;
      budget_ -= bytes;
      if (checksum_is_right(file_, at, claim->end)) return at;
    }
    return std::nullopt;
  }

 private:
  std::string_view file_;
  std::uint64_t budget_;
};

// The end of the zeros that begin at `from`.
std::uint64_t zeros_end(std::string_view file, std::uint64_t from) noexcept {
  const auto at = std::ranges::find_if(file.substr(from), [](char c) { return c != 0; });
  return static_cast<std::uint64_t>(at - file.begin());
}

}  // namespace

std::string head_chunks_header() {
  std::string out;
  util::append_be<std::uint32_t>(out, kHeadChunksMagic);
  out.push_back(kVersion);
  out.resize(kHeadChunksHeaderBytes, '\0');
  return out;
}

bool is_head_chunks_header(std::string_view file) noexcept {
  return file.size() >= kHeadChunksHeaderBytes &&
         util::load_be<std::uint32_t>(file.data()) == kHeadChunksMagic && file[4] == kVersion;
}

void append_file_chunk(std::string& out, const FileChunk& chunk) {
  const std::size_t begin = out.size();
  util::append_be<std::uint64_t>(out, chunk.series);
  util::append_be<std::uint64_t>(out, static_cast<std::uint64_t>(chunk.min));
  util::append_be<std::uint64_t>(out, static_cast<std::uint64_t>(chunk.max));
  out.push_back(static_cast<char>(chunk.encoding | (chunk.late ? kLateChunkBit : std::uint8_t{0})));
  util::append_uvarint(out, chunk.payload.size());
  out += chunk.payload;
  util::append_be<std::uint32_t>(out, util::crc32c(std::string_view(out).substr(begin)));
}

std::optional<ParsedFileChunk> parse_file_chunk(std::string_view file, std::uint64_t offset) {
  const auto claim = read_claim(file, offset);
  if (!claim || !checksum_is_right(file, offset, claim->end)) return std::nullopt;
  return ParsedFileChunk{claim->chunk, claim->end};
}

HeadChunksScan scan_head_chunks(std::string_view file) {
  HeadChunksScan scan;
  Search search(file);
  std::uint64_t at = kHeadChunksHeaderBytes;
  if (!is_head_chunks_header(file)) {
    scan.damaged_regions = 1;
    scan.damaged_bytes = std::min<std::uint64_t>(file.size(), kHeadChunksHeaderBytes);
  }
  while (at < file.size()) {
    if (const auto found = parse_file_chunk(file, at)) {
      scan.chunks.push_back({at, found->chunk, scan.damaged_regions != 0});
      at = found->end;
      scan.sound_end = at;
      continue;
    }
    const std::uint64_t zeros = zeros_end(file, at);
    if (zeros == file.size()) return scan;
    const auto next = search.next_sound(at + 1);
    if (!next) {
      scan.torn = true;
      return scan;
    }
    if (scan.damaged_regions++ == 0) scan.damage_offset = at;
    scan.damaged_bytes += *next - at;
    at = *next;
  }
  return scan;
}

}  // namespace narthex::tsdb
