#include "tsdb/block/meta_rescue.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "tsdb/block/block_meta.h"
#include "tsdb/block/chunk_reader.h"
#include "tsdb/block/chunk_samples.h"
#include "tsdb/block/index_reader.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint8_t kEncodingXor = 1;
constexpr std::uint8_t kEncodingXor2 = 4;

void count_chunk(StoredChunk chunk, BlockStats& stats) {
  const std::uint64_t samples = chunk_sample_count(chunk);
  ++stats.chunks;
  stats.samples += samples;
  const bool is_float = chunk.encoding == kEncodingXor || chunk.encoding == kEncodingXor2;
  (is_float ? stats.float_samples : stats.histogram_samples) += samples;
}

util::Result<BlockMeta> meta_of_content(util::Env& env, const std::string& directory) {
  NX_ASSIGN(const auto index, IndexReader::open(env, directory + "/index"));
  NX_ASSIGN(const auto chunk_files, ChunkReader::open(env, directory + "/chunks"));
  NX_ASSIGN(const auto ids, index->all_postings());
  BlockMeta meta;
  meta.ulid = std::filesystem::path(directory).filename().string();
  meta.sources = {meta.ulid};
  meta.hints.emplace_back(kFromOutOfOrder);
  meta.min_time = std::numeric_limits<model::TimestampMs>::max();
  meta.max_time = std::numeric_limits<model::TimestampMs>::min();
  for (const std::uint32_t id : ids) {
    NX_ASSIGN(const auto chunks, index->series_chunks(id));
    ++meta.stats.series;
    for (const ChunkMeta& chunk : chunks) {
      meta.min_time = std::min(meta.min_time, chunk.min_time);
      meta.max_time = std::max(meta.max_time, model::add_saturated(chunk.max_time, 1));
      NX_ASSIGN(const StoredChunk stored, chunk_files->peek(chunk.ref));
      count_chunk(stored, meta.stats);
    }
  }
  if (meta.stats.chunks == 0) {
    return util::fail(util::Code::kCorruption,
                      directory + ": meta.json is damaged and the index has no samples");
  }
  return meta;
}

}  // namespace

util::Result<bool> rescue_block_meta(util::Env& env, const std::string& directory,
                                     const std::string& keep_at) {
  const std::string path = directory + "/meta.json";
  if (!env.exists(path)) return false;
  NX_ASSIGN(const std::string text, env.read_file(path, kMetaBytesMax));
  if (!is_block_meta_damaged(text)) return false;
  NX_ASSIGN(const BlockMeta meta, meta_of_content(env, directory));
  NX_TRY(util::write_file_atomically(env, keep_at, text));
  NX_TRY(util::write_file_atomically(env, path, sealed_block_meta_json(meta)));
  return true;
}

}  // namespace narthex::tsdb
