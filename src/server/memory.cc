#include "server/memory.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <string_view>

#include <unistd.h>

#include "narthex/util/env.h"

namespace narthex::server {
namespace {

constexpr double kBudgetShare = 0.6;
constexpr std::uint64_t kSmallFileBytesMax = 4096;
constexpr std::uint64_t kGroupsBytesMax = 64 << 10U;

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

std::uint64_t limit_in(const std::string& path) {
  const auto text = util::posix_env().read_file(path, kSmallFileBytesMax);
  if (!text) return kNoLimit;
  std::uint64_t bytes = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), bytes);
  return ec == std::errc{} && bytes > 0 ? bytes : kNoLimit;
}

// The smallest limit of the group and of those around it.
std::uint64_t limit_upwards(const std::string& root, std::string group, const std::string& file) {
  std::uint64_t limit = limit_in(root + "/" + file);
  while (group.size() > 1) {
    limit = std::min(limit, limit_in(root + group + "/" + file));
    group.resize(group.rfind('/'));
  }
  return limit;
}

// The limit of the cgroup that this process runs in (version 2 or 1); kNoLimit without one. Inside
// a container the group's own path may not be there: then its files are at the root.
std::uint64_t cgroup_limit() {
  std::uint64_t limit = kNoLimit;
  const auto groups = util::posix_env().read_file("/proc/self/cgroup", kGroupsBytesMax);
  std::string_view rest = groups ? std::string_view(*groups) : "0::/";
  while (!rest.empty()) {
    // "0::/path" or "4:memory:/path".
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::size_t path = line.find('/');
    if (path == std::string_view::npos) continue;
    const std::string group(line.substr(path));
    if (line.starts_with("0::"))
      limit = std::min(limit, limit_upwards("/sys/fs/cgroup", group, "memory.max"));
    if (line.substr(0, path).find(":memory:") != std::string_view::npos) {
      limit =
          std::min(limit, limit_upwards("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
    }
  }
  return limit;
}

std::uint64_t machine_memory() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::uint64_t memory_budget(std::uint64_t flag_bytes) {
  if (flag_bytes != 0) return flag_bytes;
  return static_cast<std::uint64_t>(
      static_cast<double>(std::min(cgroup_limit(), machine_memory())) * kBudgetShare);
}

std::uint64_t sample_cache_bytes(std::uint64_t budget_bytes) {
  // A day of 1,200 series, scraped every 15 s, takes 19 MiB.
  constexpr std::uint64_t kLargest = std::uint64_t{32} << 20U;
  constexpr std::uint64_t kShare = 32;
  return std::min(budget_bytes / kShare, kLargest);
}

std::uint64_t private_resident_bytes() {
  // "size resident shared …", in pages; shared ones are of mapped files, which the kernel may drop.
  const auto text = util::posix_env().read_file("/proc/self/statm", kSmallFileBytesMax);
  if (!text) return 0;
  std::uint64_t fields[3] = {0, 0, 0};
  const char* at = text->data();
  const char* const end = at + text->size();
  for (std::uint64_t& field : fields) {
    const auto [next, ec] = std::from_chars(at, end, field);
    if (ec != std::errc{}) return 0;
    at = next == end ? end : next + 1;
  }
  const std::uint64_t pages = fields[1] - std::min(fields[1], fields[2]);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t thread_count() {
  const auto entries = util::posix_env().list_dir("/proc/self/task");
  return entries ? entries->size() : 1;
}

}  // namespace narthex::server
