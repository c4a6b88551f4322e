#include "narthex/server/build_info.h"

#include <fmt/format.h>

#include "build_info_generated.h"

namespace narthex::server {
namespace {

#if defined(__x86_64__)
constexpr std::string_view kArchitecture = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view kArchitecture = "arm64";
#else
constexpr std::string_view kArchitecture = "unknown";
#endif

}  // namespace

const BuildInfo& build_info() noexcept {
  static constexpr BuildInfo kInfo = {.version = NARTHEX_VERSION,
                                      .revision = NARTHEX_REVISION,
                                      .branch = NARTHEX_BRANCH,
                                      .compiler = "g++ " __VERSION__,
                                      .system = "linux",
                                      .architecture = kArchitecture};
  return kInfo;
}

std::string version_text() {
  const BuildInfo& info = build_info();
  return fmt::format(
      "narthex, version {} (branch: {}, revision: {})\n  compiler: {}\n  platform: {}/{}\n",
      info.version, info.branch, info.revision, info.compiler, info.system, info.architecture);
}

}  // namespace narthex::server
