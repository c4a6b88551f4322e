#include "tsdb/db/disk_usage.h"

namespace narthex::tsdb {

namespace {

// Logs have checkpoints, which have segments.
constexpr int kDepthMax = 4;

std::uint64_t bytes_below(util::Env& env, const std::string& path, int depth) {
  const auto entries = env.list_dir(path);
  if (!entries || depth > kDepthMax) return 0;
  std::uint64_t total = 0;
  for (const util::DirEntry& entry : *entries) {
    const std::string inner = path + "/" + entry.name;
    total +=
        entry.is_directory ? bytes_below(env, inner, depth + 1) : env.file_size(inner).value_or(0);
  }
  return total;
}

}  // namespace

std::uint64_t directory_bytes(util::Env& env, const std::string& path) {
  return bytes_below(env, path, 0);
}

}  // namespace narthex::tsdb
