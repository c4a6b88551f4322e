#include "server/memory.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include <unistd.h>

#include "narthex/util/env.h"

namespace narthex::server {
namespace {

constexpr double kBudgetShare = 0.6;
constexpr std::uint64_t kSmallFileBytesMax = 4096;

// The limit of the cgroup that a container runs in (version 2, then 1); the largest number without
// one.
std::uint64_t cgroup_limit() {
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const auto text = util::posix_env().read_file(path, kSmallFileBytesMax);
    if (!text) continue;
    std::uint64_t bytes = 0;
    const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), bytes);
    if (ec == std::errc{} && bytes > 0) return bytes;
  }
  return std::numeric_limits<std::uint64_t>::max();
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

std::uint64_t thread_count() {
  const auto entries = util::posix_env().list_dir("/proc/self/task");
  return entries ? entries->size() : 1;
}

}  // namespace narthex::server
