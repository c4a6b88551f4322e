#include "server/inherited_sockets.h"

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace narthex::server {
namespace {

constexpr int kFirstSocket = 3;  // SD_LISTEN_FDS_START
constexpr int kSocketsMax = 1024;

std::optional<int> environment_number(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment.
  const char* const value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  const std::string_view text(value);
  int out = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

util::Result<std::vector<int>> inherited_sockets() {
  const auto owner = environment_number("LISTEN_PID");
  const auto count = environment_number("LISTEN_FDS");
  if (owner != ::getpid() || !count || *count < 1 || *count > kSocketsMax)
    return util::fail(util::Code::kNotFound, "no socket activation file descriptors found");
  std::vector<int> out;
  for (int socket = kFirstSocket; socket < kFirstSocket + *count; ++socket) {
    if (::fcntl(socket, F_SETFD, FD_CLOEXEC) != 0)
      return util::fail(util::Code::kIo, "socket activation names a file that is not open");
    out.push_back(socket);
  }
  return out;
}

}  // namespace narthex::server
