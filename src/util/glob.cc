#include "narthex/util/glob.h"

#include <algorithm>

#include <fnmatch.h>

namespace narthex::util {
namespace {

bool is_pattern(std::string_view text) {
  return text.find_first_of("*?[\\") != std::string_view::npos;
}

// Extends every path in `bases` by one element of the pattern.
std::vector<std::string> step(Env& env, const std::vector<std::string>& bases,
                              const std::string& element) {
  std::vector<std::string> out;
  for (const std::string& base : bases) {
    if (!is_pattern(element)) {
      if (env.exists(base + element)) out.push_back(base + element);
      continue;
    }
    const auto entries = env.list_dir(base.empty() ? "." : base);
    if (!entries) continue;
    for (const DirEntry& entry : *entries) {
      if (::fnmatch(element.c_str(), entry.name.c_str(), FNM_PATHNAME) == 0)
        out.push_back(base + entry.name);
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> matching_files(Env& env, std::string_view pattern) {
  std::vector<std::string> found{pattern.starts_with('/') ? "/" : ""};
  while (!pattern.empty() && !found.empty()) {
    const std::size_t slash = std::min(pattern.find('/'), pattern.size());
    const std::string element(pattern.substr(0, slash));
    pattern.remove_prefix(std::min(slash + 1, pattern.size()));
    if (element.empty()) continue;
    found = step(env, found, element);
    if (!pattern.empty()) {
      for (std::string& path : found) path.push_back('/');
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace narthex::util
