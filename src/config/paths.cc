#include "config/paths.h"

#include <algorithm>

namespace narthex::config {

std::string directory_of(std::string_view file) {
  const std::size_t slash = file.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(file.substr(0, std::max<std::size_t>(slash, 1)));
}

std::string resolve_path(std::string_view directory, std::string_view path) {
  if (path.empty() || path.starts_with('/') || directory == ".") return std::string(path);
  std::string out(directory);
  if (!out.ends_with('/')) out.push_back('/');
  return out += path;
}

bool is_valid_pattern(std::string_view pattern) {
  const std::size_t star = pattern.find('*');
  return star == std::string_view::npos || pattern.find('/', star) == std::string_view::npos;
}

}  // namespace narthex::config
