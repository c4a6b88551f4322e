#include "tsdb/block/block_repair.h"

#include "tsdb/block/block_meta.h"

namespace narthex::tsdb {
namespace {

constexpr int kBrokenMetaVersion = 2;
constexpr std::size_t kVersionAt = 4;
constexpr std::uint64_t kIndexBytesMax = std::uint64_t{64} << 30U;

}  // namespace

util::Result<bool> repair_block(util::Env& env, const std::string& directory) {
  const std::string meta_path = directory + "/meta.json";
  NX_ASSIGN(const std::string text, env.read_file(meta_path, kMetaBytesMax));
  NX_ASSIGN(BlockMeta meta, parse_block_meta(text, kBrokenMetaVersion));
  if (meta.version != kBrokenMetaVersion) return false;
  const std::string index_path = directory + "/index";
  NX_ASSIGN(std::string index, env.read_file(index_path, kIndexBytesMax));
  if (index.size() > kVersionAt && index[kVersionAt] == 1) {
    index[kVersionAt] = 2;
    NX_TRY(util::write_file_atomically(env, index_path, index));
  }
  meta.version = 1;
  NX_TRY(util::write_file_atomically(env, meta_path, block_meta_json(meta)));
  return true;
}

}  // namespace narthex::tsdb
