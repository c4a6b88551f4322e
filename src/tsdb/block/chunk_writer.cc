#include "tsdb/block/chunk_writer.h"

#include <fmt/format.h>

#include "narthex/util/bytes.h"
#include "narthex/util/crc32c.h"

namespace narthex::tsdb {
namespace {

constexpr char kSegmentVersion = 1;

}  // namespace

util::Result<void> ChunkWriter::make_room(std::uint64_t bytes) {
  if (file_ && (file_->position() == kSegmentHeaderBytes ||
                file_->position() + bytes <= segment_bytes_max_)) {
    return {};
  }
  if (file_) NX_TRY(file_->finish());
  ++segment_count_;
  NX_ASSIGN(file_, BufferedFile::create(env_, fmt::format("{}/{:06}", directory_, segment_count_)));
  std::string header;
  util::append_be<std::uint32_t>(header, kChunksMagic);
  header.push_back(kSegmentVersion);
  header.resize(kSegmentHeaderBytes, '\0');
  bytes_written_ += header.size();
  return file_->append(header);
}

util::Result<std::uint64_t> ChunkWriter::write(StoredChunk chunk) {
  record_.clear();
  util::append_uvarint(record_, chunk.payload.size());
  const std::size_t checked_from = record_.size();
  record_.push_back(static_cast<char>(chunk.encoding));
  record_ += chunk.payload;
  const std::uint32_t crc = util::crc32c(std::string_view(record_).substr(checked_from));
  util::append_be<std::uint32_t>(record_, crc);
  NX_TRY(make_room(record_.size()));
  const std::uint64_t ref = ((segment_count_ - 1) << 32U) | file_->position();
  bytes_written_ += record_.size();
  NX_TRY(file_->append(record_));
  return ref;
}

util::Result<void> ChunkWriter::finish() {
  if (file_) NX_TRY(file_->finish());
  return env_.sync_dir(directory_);
}

}  // namespace narthex::tsdb
