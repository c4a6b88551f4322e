#include "api/pprof.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "narthex/profile/cpu_profile.h"
#include "narthex/profile/symbols.h"

namespace narthex::api {
namespace {

constexpr std::string_view kTextType = "text/plain; charset=utf-8";
constexpr std::int64_t kSecondsByDefault = 30;
constexpr std::int64_t kSecondsMax = 300;
constexpr std::size_t kAddressesMax = 10'000;

constexpr std::string_view kIndex = R"(<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>/debug/pprof/</title></head>
<body>
<h1>/debug/pprof/</h1>
<ul>
<li><a href="profile?seconds=30">profile</a>: where CPU time goes, sampled for the given number of seconds. Give it to
<code>pprof</code>, or open this address with it.</li>
<li><a href="cmdline">cmdline</a>: the arguments of the process, each ended by a zero byte.</li>
<li><a href="symbol">symbol</a>: names of functions by address; the addresses come as the body of a POST, joined by +.</li>
</ul>
</body>
</html>
)";

void send_plain(http::ResponseWriter& out, int status, std::string body) {
  out.send(status, kTextType, std::move(body));
}

// Anything but a positive number is the default, as in Go.
std::int64_t seconds_of(const http::Request& request) {
  const http::Form params = http::Form::parse(request.query);
  const std::string_view text = params.get("seconds");
  std::int64_t seconds = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return ec == std::errc() && end == text.data() + text.size() && seconds > 0 ? seconds
                                                                              : kSecondsByDefault;
}

void send_profile(const http::Request& request, http::ResponseWriter& out) {
  const std::int64_t seconds = seconds_of(request);
  if (seconds > kSecondsMax) {
    return send_plain(
        out, 400, fmt::format("parameter \"seconds\": {} is more than {}\n", seconds, kSecondsMax));
  }
  auto profile = profile::record_cpu_profile(std::chrono::seconds(seconds), request.stop);
  if (!profile) {
    return send_plain(
        out, 500, fmt::format("Could not enable CPU profiling: {}\n", profile.error().message()));
  }
  out.set_header("Content-Disposition", R"(attachment; filename="profile")");
  out.send(200, "application/octet-stream", *std::move(profile));
}

void send_command_line(http::ResponseWriter& out) {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string arguments((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (arguments.ends_with('\0')) arguments.pop_back();
  send_plain(out, 200, std::move(arguments));
}

// "0x1234+0x5678" as the body of a POST, or as the whole query of a GET; unknown addresses are left
// out.
void send_symbols(const http::Request& request, http::ResponseWriter& out) {
  const profile::Symbols symbols = profile::Symbols::of_this_process();
  std::string answer = "num_symbols: 1\n";
  std::string_view rest =
      request.method == "POST" ? std::string_view(request.body) : std::string_view(request.query);
  for (std::size_t asked = 0; !rest.empty() && asked < kAddressesMax; ++asked) {
    std::string_view word = rest.substr(0, rest.find('+'));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (word.starts_with("0x")) word.remove_prefix(2);
    std::uintptr_t address = 0;
    const auto [end, ec] = std::from_chars(word.data(), word.data() + word.size(), address, 16);
    if (ec != std::errc() || end != word.data() + word.size()) continue;
    if (const std::string name = symbols.name_at(address); !name.empty())
      fmt::format_to(std::back_inserter(answer), "{:#x} {}\n", address, name);
  }
  send_plain(out, 200, std::move(answer));
}

}  // namespace

void handle_debug(const http::Request& request, http::ResponseWriter& out) {
  const std::string_view rest = request.path_params.front().second;
  if (rest == "pprof") {
    out.set_header("Location", request.path + "/");
    return out.send(301, "", "");
  }
  if (!rest.starts_with("pprof/")) return send_plain(out, 404, "404 page not found\n");
  out.set_header("X-Content-Type-Options", "nosniff");
  const std::string_view name = rest.substr(std::string_view("pprof/").size());
  if (name.empty()) return out.send(200, "text/html; charset=utf-8", std::string(kIndex));
  if (name == "profile") return send_profile(request, out);
  if (name == "cmdline") return send_command_line(out);
  if (name == "symbol") return send_symbols(request, out);
  send_plain(out, 404, "Unknown profile\n");
}

}  // namespace narthex::api
