// Absolute http and https URLs, as targets and configuration have them.
// Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "narthex/util/result.h"

namespace narthex::http {

struct Url {
  std::string scheme = "http";  // http or https.
  std::string user;             // Decoded; both empty when the URL names nobody.
  std::string password;
  std::string host;          // Without the brackets of an IPv6 address.
  std::uint16_t port = 0;    // 0: the scheme's own.
  std::string target = "/";  // Path and query as on the wire.
  // Not empty: the path of a Unix socket to connect to, whatever the host is.
  std::string unix_socket{};

  // kInvalidArgument: not absolute, another scheme, no host, a bad port, blanks or control
  // characters.
  static util::Result<Url> parse(std::string_view text);
  // What a Location header says, seen from this URL.
  [[nodiscard]] util::Result<Url> resolve(std::string_view reference) const;

  [[nodiscard]] std::uint16_t effective_port() const noexcept {
    return port != 0 ? port : scheme == "https" ? 443 : 80;
  }
  // host or host:port, IPv6 in brackets: the value of a Host header.
  [[nodiscard]] std::string authority() const;
  // Without user and password.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Url&, const Url&) = default;
};

struct HostPort {
  std::string host;
  std::uint16_t port = 0;  // 0: none was given.
};
// "host", "host:port", "[v6]:port", "[v6]".
util::Result<HostPort> parse_host_port(std::string_view text);

}  // namespace narthex::http
