// Which build this is. Threads: immutable.
#pragma once

#include <string>
#include <string_view>

namespace narthex::server {

struct BuildInfo {
  std::string_view version;   // "0.1.0"
  std::string_view revision;  // Git commit, "unknown" outside a checkout.
  std::string_view branch;
  std::string_view compiler;      // Stands where Prometheus names its Go version.
  std::string_view system;        // linux
  std::string_view architecture;  // amd64, arm64: the names that dashboards know.
};

[[nodiscard]] const BuildInfo& build_info() noexcept;
// What --version prints.
[[nodiscard]] std::string version_text();

}  // namespace narthex::server
