#include "tsdb/block/block.h"

#include <filesystem>

#include <fmt/format.h>

namespace narthex::tsdb {
namespace {

using util::Code;

constexpr std::uint64_t kTombstonesBytesMax = std::uint64_t{1} << 30U;

std::string meta_path(const std::string& directory) {
  return directory + "/meta.json";
}
std::string tombstones_path(const std::string& directory) {
  return directory + "/tombstones";
}

util::Result<BlockMeta> read_meta(util::Env& env, const std::string& directory) {
  NX_ASSIGN(const std::string text, env.read_file(meta_path(directory), kMetaBytesMax));
  auto meta = parse_block_meta(text);
  if (!meta) return std::unexpected(std::move(meta).error().with_context(directory));
  return meta;
}

// A block without the file has no deletions: old versions wrote none.
util::Result<Tombstones> read_tombstones(util::Env& env, const std::string& directory) {
  const std::string path = tombstones_path(directory);
  if (!env.exists(path)) return Tombstones{};
  NX_ASSIGN(const std::string content, env.read_file(path, kTombstonesBytesMax));
  auto tombstones = Tombstones::parse(content);
  if (!tombstones) return std::unexpected(std::move(tombstones).error().with_context(directory));
  return tombstones;
}

}  // namespace

util::Result<std::shared_ptr<const Block>> Block::open(util::Env& env, std::string directory) {
  std::shared_ptr<Block> block(new Block());
  NX_ASSIGN(block->meta_, read_meta(env, directory));
  const std::string name = std::filesystem::path(directory).filename().string();
  if (block->meta_.ulid != name) {
    return util::fail(Code::kCorruption,
                      fmt::format("{}: meta.json is of block {}", directory, block->meta_.ulid));
  }
  NX_ASSIGN(std::unique_ptr<IndexReader> index, IndexReader::open(env, directory + "/index"));
  NX_ASSIGN(std::unique_ptr<ChunkReader> chunks, ChunkReader::open(env, directory + "/chunks"));
  NX_ASSIGN(Tombstones tombstones, read_tombstones(env, directory));
  block->size_bytes_ = index->size_bytes() + chunks->size_bytes() + tombstones.encode().size();
  block->index_ = std::move(index);
  block->chunks_ = std::move(chunks);
  block->tombstones_ = std::make_shared<const Tombstones>(std::move(tombstones));
  block->directory_ = std::move(directory);
  return block;
}

util::Result<std::shared_ptr<const Block>> Block::with_tombstones(util::Env& env,
                                                                  Tombstones tombstones) const {
  std::shared_ptr<Block> changed(new Block(*this));
  const std::string content = tombstones.encode();
  // In this order: the count in meta.json only informs, the deletions themselves must not get lost.
  NX_TRY(util::write_file_atomically(env, tombstones_path(directory_), content));
  changed->meta_.stats.tombstones = tombstones.count();
  changed->size_bytes_ += content.size() - tombstones_->encode().size();
  changed->tombstones_ = std::make_shared<const Tombstones>(std::move(tombstones));
  NX_TRY(util::write_file_atomically(env, meta_path(directory_),
                                     sealed_block_meta_json(changed->meta_)));
  return changed;
}

util::Result<std::shared_ptr<const Block>> Block::with_meta(util::Env& env, BlockMeta meta) const {
  NX_TRY(util::write_file_atomically(env, meta_path(directory_), sealed_block_meta_json(meta)));
  std::shared_ptr<Block> changed(new Block(*this));
  changed->meta_ = std::move(meta);
  return changed;
}

}  // namespace narthex::tsdb
