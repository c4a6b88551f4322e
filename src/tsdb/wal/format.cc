#include "tsdb/wal/format.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace narthex::tsdb {

namespace {

// Digits only, at least eight: what "%08d" writes.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.size() < 8 || text.size() > 18) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string wal_segment_path(const std::string& directory, std::uint64_t number) {
  return fmt::format("{}/{:08}", directory, number);
}

util::Result<std::vector<WalSegment>> list_wal_segments(util::Env& env,
                                                        const std::string& directory) {
  std::vector<WalSegment> segments;
  if (!env.exists(directory)) return segments;
  NX_ASSIGN(const auto entries, env.list_dir(directory));
  for (const util::DirEntry& entry : entries) {
    const auto number = parse_number(entry.name);
    if (number && !entry.is_directory) segments.push_back({*number, directory + "/" + entry.name});
  }
  std::ranges::sort(segments, {}, &WalSegment::number);
  return segments;
}

util::Result<std::optional<WalCheckpoint>> find_wal_checkpoint(util::Env& env,
                                                               const std::string& directory) {
  constexpr std::string_view kPrefix = "checkpoint.";
  std::optional<WalCheckpoint> newest;
  if (!env.exists(directory)) return newest;
  NX_ASSIGN(const auto entries, env.list_dir(directory));
  for (const util::DirEntry& entry : entries) {
    if (!entry.is_directory || !entry.name.starts_with(kPrefix)) continue;
    const auto number = parse_number(std::string_view(entry.name).substr(kPrefix.size()));
    if (number && (!newest || *number > newest->last_segment))
      newest = {*number, directory + "/" + entry.name};
  }
  return newest;
}

}  // namespace narthex::tsdb
